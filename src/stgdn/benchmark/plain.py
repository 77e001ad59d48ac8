"""Feeding and parsing in the manner of the published code: a clip at a time, frame by frame, line by line.

Written for comparison, and to compute the same: `batch` and `ntu_text.parse` are tested against it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.settings import ClipSettings
from stgdn.data.store.store import Store

Float = NDArray[np.float32]


def plain_batch(
    store: Store, indices: NDArray[np.integer], settings: ClipSettings, random_numbers: NDArray | None
) -> Float:
    """Return clips (N, C, T, V, M) of the stream `joint`, centred; with `resize` cropped, with `rotate` rotated.

    `random_numbers` (N, 6) are those of training's augmentation, None in evaluation.
    """
    numbers = [None] * len(indices) if random_numbers is None else random_numbers
    return np.stack([plain_clip(store, int(n), settings, row) for n, row in zip(indices, numbers, strict=True)])


def plain_clip(store: Store, index: int, settings: ClipSettings, random_numbers: NDArray | None) -> Float:
    """Return one clip (C, T, V, M); `random_numbers` (6,)."""
    clip, joints = store.clips[index], store.joints(index)
    bodies, _, V, C = joints.shape
    origin = joints[0, clip["start"][0], store.layout.centre].copy()
    turn = None if random_numbers is None else _rotation((2 * random_numbers[2:5] - 1) * settings.rotate)
    made = np.zeros((C, settings.frames, V, settings.bodies), np.float32)
    for t, time in enumerate(_frame_times(int(clip["length"]), settings, random_numbers)):
        for m in range(min(bodies, settings.bodies)):
            first, last = clip["start"][m], clip["start"][m] + clip["frames"][m] - 1
            if first <= math.floor(time + 0.5) <= last:
                before, after = max(math.floor(time), first), min(math.ceil(time), last)
                weight = min(max(time - before, 0.0), 1.0)
                frame = (1 - weight) * joints[m, before] + weight * joints[m, after] - origin
                made[:, t, :, m] = (frame if turn is None else frame @ turn).T
    return made


def _frame_times(length: int, settings: ClipSettings, random_numbers: NDArray | None) -> list[float]:
    T = settings.frames
    if settings.sampling == "loop" and length <= T:
        return [float(t % length) for t in range(T)]
    kept, first = float(length), 0.0
    if random_numbers is not None and settings.sampling == "resize":
        kept = max(length * (settings.crop + (1 - settings.crop) * random_numbers[0]), min(length, 2))
        first = (length - kept) * random_numbers[1]
    return [first + t * (kept - 1) / max(T - 1, 1) for t in range(T)]


def _rotation(degrees: NDArray) -> NDArray:
    (a, b, c), (d, e, f) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x = np.array([[1, 0, 0], [0, a, d], [0, -d, a]])
    y = np.array([[b, 0, -e], [0, 1, 0], [e, 0, b]])
    z = np.array([[c, f, 0], [-f, c, 0], [0, 0, 1]])
    return x @ y @ z


def plain_parse(text: str) -> list[list[dict]]:
    """Return the bodies of every frame of a `.skeleton` file, every value of every line converted."""
    lines = iter(text.splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            body_id, *state = next(lines).split()
            joints = [[float(value) for value in next(lines).split()] for _ in range(int(next(lines)))]
            bodies.append({"id": body_id, "state": [float(value) for value in state], "joints": joints})
        frames.append(bodies)
    return frames
