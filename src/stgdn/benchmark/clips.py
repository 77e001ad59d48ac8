"""Synthetic stores of any size with the clip lengths of NTU RGB+D: nobody in them exists.

A few hundred performances of the demo set's people are filmed; every clip is one of them at another pace, turned,
elsewhere, with noise of its own.

Glossary of shapes: M people, T frames, V joints of the layout ntu25, C coordinates in metres, y up.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from stgdn.data.batches.transforms import rotations
from stgdn.data.clip import Clip
from stgdn.data.store.store import Header, Store
from stgdn.data.store.writer import StoreWriter
from stgdn.data.synthetic.demo_set import DEMO_ACTIONS, DEMO_SUBJECTS, view
from stgdn.data.synthetic.people import perform, setup_of

Float = NDArray[np.float32]

CLIPS = 113_945  # of NTU RGB+D 120
MEAN, SHORTEST, LONGEST = 85, 10, 300  # frames of a clip of NTU RGB+D 120 after denoising, about
PAIRS = 0.3  # share of clips with two bodies, which makes 1.3 a clip
SUBJECTS, SETUPS, CLASSES = 106, 32, 120
NOISE = 0.01  # metres


def lengths(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Frames (count,) of clips, distributed like those of NTU RGB+D."""
    return np.clip(rng.gamma(4, MEAN / 4, count).round(), SHORTEST, LONGEST).astype(np.int64)


def performances(seed: int, per_action: int = len(DEMO_SUBJECTS)) -> tuple[list[Float], list[Float]]:
    """Clips (M, T, V, C) of one and of two people, as the middle camera sees them, without noise."""
    alone, together = [], []
    for action, subject in product(DEMO_ACTIONS, DEMO_SUBJECTS[:per_action]):
        filmed = view(perform(action, subject, seed=seed), setup_of(subject), camera=1, seed=seed).astype(np.float32)
        (alone if len(filmed) == 1 else together).append(filmed)
    return alone, together


def varied(performance: Float, frames: int, rng: np.random.Generator) -> Float:
    """The performance (M, T, V, C) stretched to so many frames, turned, moved and noisy."""
    moments = np.linspace(0, performance.shape[1] - 1, frames)
    below = moments.astype(np.int64)
    above = np.minimum(below + 1, performance.shape[1] - 1)
    weight = (moments - below).astype(np.float32)[:, None, None]
    joints = performance[:, below] * (1 - weight) + performance[:, above] * weight
    centre = joints[0, 0, 1].copy()
    turn = rotations(rng.uniform((-10, -180, -10), (10, 180, 10))[None])[0]
    joints = (joints - centre) @ turn + centre + rng.normal(0, 0.3, 3).astype(np.float32)
    return joints + NOISE * rng.standard_normal(joints.shape, np.float32)


def synthetic_clips(count: int, seed: int = 1) -> Iterator[Clip]:
    """Yield so many clips, named in their order."""
    rng = np.random.default_rng([seed, count])
    alone, together = performances(seed, per_action=min(1 + count // 200, len(DEMO_SUBJECTS)))
    for number, frames in enumerate(lengths(count, rng).tolist()):
        among = together if rng.random() < PAIRS else alone
        joints = varied(among[rng.integers(len(among))], frames, rng)
        yield Clip(
            f"synthetic{number:07}",
            number % CLASSES,
            joints,
            np.ones(joints.shape[:2], np.bool_),
            subject=1 + number % SUBJECTS,
            camera=1 + number % 3,
            setup=1 + number % SETUPS,
            replication=1 + number % 2,
        )


def synthetic_store(folder: Path, count: int, precision: str = "float32") -> Store:
    """Write a store of so many clips."""
    header = Header("synthetic", "ntu25", [f"class {n}" for n in range(CLASSES)], 2, "stgdn.benchmark.clips", True)
    header.precision = precision
    writer = StoreWriter(folder, header)
    try:
        for clip in track(synthetic_clips(count), "writing synthetic clips", total=count, transient=True):
            writer.add(clip)
        return writer.finish()
    finally:
        writer.close()
