"""Feeding and parsing in the manner of the published code: a clip at a time, frame by frame, line by line.

Written for comparison, and to compute the same: `batch` and `ntu_text.parse` are tested against it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.settings import ClipSettings
from stgdn.data.store.store import Store

Float = NDArray[np.float32]


def plain_batch(store: Store, indices: NDArray[np.integer], settings: ClipSettings, draws: NDArray | None) -> Float:
    """Clips (N, C, T, V, M) of the stream `joint`, centred; with `resize` also cropped, with `rotate` also turned."""
    return np.stack(
        [
            plain_clip(store, int(index), settings, None if draws is None else draws[n])
            for n, index in enumerate(indices)
        ]
    )


def plain_clip(store: Store, index: int, settings: ClipSettings, draws: NDArray | None) -> Float:
    """One clip (C, T, V, M)."""
    clip, joints = store.clips[index], store.joints(index)
    bodies, _, V, C = joints.shape
    origin = joints[0, clip["start"][0], store.layout.centre].copy()
    turn = None if draws is None else _turn((2 * draws[2:5] - 1) * settings.rotate)
    made = np.zeros((C, settings.frames, V, settings.bodies), np.float32)
    for t, moment in enumerate(_moments(int(clip["length"]), settings, draws)):
        for m in range(min(bodies, settings.bodies)):
            first, last = clip["start"][m], clip["start"][m] + clip["frames"][m] - 1
            if first <= math.floor(moment + 0.5) <= last:
                before, after = max(math.floor(moment), first), min(math.ceil(moment), last)
                weight = min(max(moment - before, 0.0), 1.0)
                frame = (1 - weight) * joints[m, before] + weight * joints[m, after] - origin
                made[:, t, :, m] = (frame if turn is None else frame @ turn).T
    return made


def _moments(length: int, settings: ClipSettings, draws: NDArray | None) -> list[float]:
    T = settings.frames
    if settings.sampling == "loop" and length <= T:
        return [float(t % length) for t in range(T)]
    kept, first = float(length), 0.0
    if draws is not None and settings.sampling == "resize":
        kept = max(length * (settings.crop + (1 - settings.crop) * draws[0]), min(length, 2))
        first = (length - kept) * draws[1]
    return [first + t * (kept - 1) / max(T - 1, 1) for t in range(T)]


def _turn(degrees: NDArray) -> NDArray:
    (a, b, c), (d, e, f) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x = np.array([[1, 0, 0], [0, a, d], [0, -d, a]])
    y = np.array([[b, 0, -e], [0, 1, 0], [e, 0, b]])
    z = np.array([[c, f, 0], [-f, c, 0], [0, 0, 1]])
    return x @ y @ z


def plain_parse(text: str) -> list[list[dict]]:
    """The bodies of every frame of a `.skeleton` file, every value of every line converted."""
    lines = iter(text.splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            facts = next(lines).split()
            body = {"id": facts[0], "facts": [float(value) for value in facts[1:]], "joints": []}
            for _ in range(int(next(lines))):
                body["joints"].append([float(value) for value in next(lines).split()])
            bodies.append(body)
        frames.append(bodies)
    return frames
