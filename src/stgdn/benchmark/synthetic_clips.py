"""Synthetic stores of any size with the clip lengths of NTU RGB+D.

A few hundred performances of the demo set's synthetic people are filmed. Every clip is one of them at another pace,
turned, moved, and with noise of its own.

Glossary of shapes: M people, T frames, V joints of the layout ntu25, C coordinates in metres, y up.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
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
    """Return the frames (count,) of clips, distributed like those of NTU RGB+D."""
    return np.clip(rng.gamma(4, MEAN / 4, count).round(), SHORTEST, LONGEST).astype(np.int64)


def performances(seed: int, per_action: int = len(DEMO_SUBJECTS)) -> tuple[list[Float], list[Float]]:
    """Return clips (M, T, V, C) of one and of two people, as the middle camera sees them, without noise."""
    single, pairs = [], []
    for action, subject in product(DEMO_ACTIONS, DEMO_SUBJECTS[:per_action]):
        filmed = view(perform(action, subject, seed=seed), setup_of(subject), camera=1, seed=seed).astype(np.float32)
        (single if len(filmed) == 1 else pairs).append(filmed)
    return single, pairs


def varied(performance: Float, frames: int, rng: np.random.Generator) -> Float:
    """Return the performance (M, T, V, C) stretched to so many frames, turned, moved and with noise."""
    curves = torch.from_numpy(rearrange(performance, "m t v c -> m (v c) t"))
    stretched = F.interpolate(curves, frames, mode="linear", align_corners=True).numpy()
    joints = rearrange(stretched, "m (v c) t -> m t v c", c=3)
    centre = joints[0, 0, 1].copy()
    rotation = rotations(rng.uniform((-10, -180, -10), (10, 180, 10))[None])[0]
    joints = (joints - centre) @ rotation + centre + rng.normal(0, 0.3, 3).astype(np.float32)
    return joints + NOISE * rng.standard_normal(joints.shape, np.float32)


def synthetic_clips(count: int, seed: int = 1) -> Iterator[Clip]:
    """Yield so many clips, named in their order."""
    rng = np.random.default_rng([seed, count])
    single, pairs = performances(seed, per_action=min(1 + count // 200, len(DEMO_SUBJECTS)))
    for number, frames in enumerate(lengths(count, rng).tolist()):
        filmed = pairs if rng.random() < PAIRS else single
        joints = varied(filmed[rng.integers(len(filmed))], frames, rng)
        present = np.ones(joints.shape[:2], np.bool_)
        counts = {"subject": SUBJECTS, "camera": 3, "setup": SETUPS, "replication": 2}
        numbers: dict[str, Any] = {name: 1 + number % count for name, count in counts.items()}
        yield Clip(f"synthetic{number:07}", number % CLASSES, joints, present, **numbers)


def synthetic_store(folder: Path, count: int, precision: str = "float32") -> Store:
    """Write a store of so many clips."""
    classes = [f"class {n}" for n in range(CLASSES)]
    header = Header("synthetic", "ntu25", classes, 2, "src/benchmark.py", True, precision=precision)
    writer = StoreWriter(folder, header)
    try:
        for clip in track(synthetic_clips(count), "writing synthetic clips", total=count, transient=True):
            writer.add(clip)
        return writer.finish()
    finally:
        writer.close()
