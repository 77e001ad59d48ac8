"""Reading a batch from the store: only the bodies and frames that are there, in one array without padding.

Glossary of shapes: N clips, M bodies, T frames of a clip, V joints, C coordinates; R poses, a pose being one body in
one frame.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stgdn.data.batches.frame_times import Moments
from stgdn.data.store.store import Store

Float = NDArray[np.float32]


@dataclass
class Poses:
    """The poses of a batch, clip by clip, body by body, in order of time.

    What is done to every pose alike is done here, once for poses that a clip repeats and never for bodies that are not
    seen.

    Attributes:
        joints: (R + 1, V, C); the last one is zeros and stands for nobody.
        place: (N, M, T) which pose is seen there, R where nobody is.
        first: (N + 1,) where each clip's poses begin.
        step: (R,) the first of the T frames in which each is seen.
    """

    joints: Float
    place: NDArray[np.int64]
    first: NDArray[np.int64]
    step: NDArray[np.int64]

    def of(self, clip: int, joints: Float | None = None) -> Float:
        """A view on the poses of one clip, in `joints` or in others of the same order."""
        joints = self.joints if joints is None else joints
        return joints[self.first[clip] : self.first[clip + 1]]

    def clips(self) -> NDArray[np.int64]:
        """(R,), the clip of every pose."""
        return np.repeat(np.arange(len(self.place)), np.diff(self.first))

    def spread(self) -> Float:
        """(N, M, T, V, C), zeros where nobody is seen."""
        joints = self.joints.reshape(len(self.joints), -1).take(self.place, axis=0)
        return joints.reshape(*self.place.shape, *self.joints.shape[1:])


def gather(store: Store, indices: NDArray[np.integer], moments: Moments, bodies: int) -> Poses:
    """Up to M bodies of clips (N,) at their moments, joints linear between frames.

    A body is seen where the nearest frame is in its run (half-way, the later one) and is not all zeros there.
    """
    clips = store.clips[indices]
    clip, body = np.nonzero(clips["frames"][:, :bodies])
    runs = _Runs(*(clips[key][clip, body].astype(np.int64) for key in ("row", "start", "frames")))
    steps = moments.at.shape[1]
    moment = moments.at[clip] - runs.start[:, None]
    seen = (moment >= -0.5) & (moment < runs.frames[:, None] - 0.5)
    if repeating := (moments.distinct < steps).any():
        seen &= np.arange(steps) < moments.distinct[clip, None]
    where = np.flatnonzero(seen)
    run = where // steps
    joints = _between_frames(store, runs, run, moment.ravel()[where])
    if (blank := _blank(joints[:-1])).any():
        where, run, joints = where[~blank], run[~blank], joints[np.append(~blank, True)]
    step = where - run * steps
    place = np.full((len(clips), bodies, steps), len(where))
    place.ravel()[((clip * bodies + body) * steps)[run] + step] = np.arange(len(where))
    if repeating:
        begin = steps * np.arange(place.shape[0] * bodies).reshape(-1, bodies, 1)
        place = place.ravel().take(begin + moments.repeated()[:, None])
    first = np.searchsorted(clip[run], np.arange(len(clips) + 1))
    return Poses(joints, place, first, step)


class _Runs(NamedTuple):
    """The bodies of a batch: the first row (P,) of each one's run, its first frame in the clip, its frames."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    frames: NDArray[np.int64]


def _between_frames(store: Store, runs: _Runs, run: NDArray[np.int64], moment: NDArray[np.float64]) -> Float:
    """Joints (R + 1, V, C), with nobody at the end, at moments (R,) since the beginning of runs (R,)."""
    row, last = runs.row[run], runs.frames[run] - 1
    moment = np.clip(moment, 0, last)
    below = moment.astype(np.int64)
    joints = _read(store, row + below)
    if (weight := (moment - below).astype(np.float32)).any():
        above = _read(store, row + np.minimum(below + 1, last))
        weight = np.append(weight, np.float32(0))[:, None, None]
        if store.layout.planar:
            weight = _nearer_if_one_is_missing(joints, above, weight)
        mixed = torch.from_numpy(joints)
        torch.lerp(mixed, torch.from_numpy(above), torch.from_numpy(weight), out=mixed)
    joints[-1] = 0
    return joints


def _read(store: Store, rows: NDArray[np.int64]) -> Float:
    """Stored rows (R,) as float32 (R + 1, V, C), and one more that the caller overwrites."""
    taken = np.asarray(store.coordinates).take(np.append(rows, 0), axis=0)
    if taken.dtype == np.float32:
        return taken
    return torch.from_numpy(taken).float().numpy()  # numpy takes three times as long to widen 16 bits


def _nearer_if_one_is_missing(before: Float, after: Float, weight: Float) -> Float:
    """Weights (R + 1, V, 1) of the later frame: between a planar joint and one that was not found, the nearer counts.

    A joint that was not found is (0, 0, 0), and what lies between it and a place in the picture is nowhere.
    """
    one = before.any(axis=2, keepdims=True) != after.any(axis=2, keepdims=True)
    return np.where(one, np.rint(weight), weight)


def _blank(joints: Float) -> NDArray[np.bool_]:
    """(R,), which poses (R, V, C) are all zeros; as nearly none is, one number tells most of them apart."""
    blank = joints[:, 0, 0] == 0
    blank[blank] = ~joints[blank].any(axis=(1, 2))
    return blank
