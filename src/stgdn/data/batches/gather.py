"""Read a batch from the store: only the bodies and frames that exist, in one array without padding.

Glossary of shapes: N clips, M bodies, T frames of a clip, V joints, C coordinates; R poses, a pose being one body in
one frame.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from stgdn.data.batches.frame_times import FrameTimes
from stgdn.data.store.clip_arrays import ClipArrays

Float = NDArray[np.float32]


@dataclass
class Poses:
    """Hold the poses of a batch, clip by clip, body by body, in order of time.

    Operations on single poses work on these: a pose that a clip repeats is computed once, and bodies that are not seen
    are not computed at all.

    Attributes:
        joints: (R + 1, V, C); the last pose is zeros and stands for an unseen body.
        pose_index: (N, M, T) index of the pose, R where no body is seen.
        clip_start: (N + 1,) index of each clip's first pose.
        time_step: (R,) the first of the T steps in which each pose is seen.
    """

    joints: Float
    pose_index: NDArray[np.int64]
    clip_start: NDArray[np.int64]
    time_step: NDArray[np.int64]

    def of_clip(self, clip: int, joints: Float | None = None) -> Float:
        """Return a view of the poses of one clip, taken from `joints` (R + 1, V, C), by default those of this batch."""
        joints = self.joints if joints is None else joints
        return joints[self.clip_start[clip] : self.clip_start[clip + 1]]

    def clip_index(self) -> NDArray[np.int64]:
        """Return (R,), the index of the clip of every pose."""
        return np.repeat(np.arange(len(self.pose_index)), np.diff(self.clip_start))

    def to_dense(self) -> Float:
        """Return the joints as (N, M, T, V, C), zeros where no body is seen."""
        # "clip" checks no index, and they are made here: a third less time.
        joints = self.joints.reshape(len(self.joints), -1).take(self.pose_index, axis=0, mode="clip")
        return joints.reshape(*self.pose_index.shape, *self.joints.shape[1:])


def gather(store: ClipArrays, indices: NDArray[np.integer], times: FrameTimes, bodies: int) -> Poses:
    """Read up to `bodies` bodies of clips (N,) at frame times, with joints linear between frames.

    A body is seen if the nearest frame (half-way, the later one) is in the body's run and its joints are not all zeros.
    """
    clips = store.clips[indices]
    clip, body = np.nonzero(clips["frames"][:, :bodies])
    runs = _Runs(*(clips[key][clip, body].astype(np.int64) for key in ("row", "start", "frames")))
    steps = times.times.shape[1]
    time = times.times[clip] - runs.start[:, None]
    seen = (time >= -0.5) & (time < runs.frames[:, None] - 0.5)
    if repeating := (times.num_distinct < steps).any():
        seen &= np.arange(steps) < times.num_distinct[clip, None]
    where = np.flatnonzero(seen)
    run = where // steps
    joints = _between_frames(store, runs, run, time.ravel()[where])
    if (blank := _blank(joints[:-1])).any():
        where, run, joints = where[~blank], run[~blank], joints[np.append(~blank, True)]
    step = where - run * steps
    pose_index = np.full((len(clips), bodies, steps), len(where))
    pose_index.ravel()[((clip * bodies + body) * steps)[run] + step] = np.arange(len(where))
    if repeating:
        begin = steps * np.arange(pose_index.shape[0] * bodies).reshape(-1, bodies, 1)
        pose_index = pose_index.ravel().take(begin + times.repeated_indices()[:, None], mode="clip")
    clip_start = np.searchsorted(clip[run], np.arange(len(clips) + 1))
    return Poses(joints, pose_index, clip_start, step)


class _Runs(NamedTuple):
    """The runs of P bodies: first row in the store (P,), first frame in the clip (P,), number of frames (P,)."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    frames: NDArray[np.int64]


def _between_frames(store: ClipArrays, runs: _Runs, run: NDArray[np.int64], time: NDArray[np.float64]) -> Float:
    """Return joints (R + 1, V, C), the last ones zero, at times (R,) since the beginning of runs (R,)."""
    row, last = runs.row[run], runs.frames[run] - 1
    time = np.clip(time, 0, last)
    below = time.astype(np.int64)
    joints = _read(store, row + below)
    if (weight := (time - below).astype(np.float32)).any():
        above = _read(store, row + np.minimum(below + 1, last))
        weight = np.append(weight, np.float32(0))[:, None, None]
        if store.layout.planar:
            weight = _nearest_if_one_is_missing(joints, above, weight)
        mixed = torch.from_numpy(joints)
        torch.lerp(mixed, torch.from_numpy(above), torch.from_numpy(weight), out=mixed)
    joints[-1] = 0
    return joints


def _read(store: ClipArrays, rows: NDArray[np.int64]) -> Float:
    """Read stored rows (R,) as float32 (R + 1, V, C); the last one is for the caller to overwrite."""
    taken = np.asarray(store.coordinates).take(np.append(rows, 0), axis=0)
    if taken.dtype == np.float32:
        return taken
    return torch.from_numpy(taken).float().numpy()  # numpy takes three times as long to widen 16 bits


def _nearest_if_one_is_missing(before: Float, after: Float, weight: Float) -> Float:
    """Return weights (R + 1, V, 1) of the later frame, rounded where a planar joint is missing in one frame.

    A missing joint is (0, 0, 0), so that values between it and a position in the picture have no meaning.
    """
    one = before.any(axis=2, keepdims=True) != after.any(axis=2, keepdims=True)
    return np.where(one, np.rint(weight), weight)


def _blank(joints: Float) -> NDArray[np.bool_]:
    """Return (R,), True where a pose (R, V, C) is all zeros; one number rules out nearly all poses quickly."""
    blank = joints[:, 0, 0] == 0
    blank[blank] = ~joints[blank].any(axis=(1, 2))
    return blank
