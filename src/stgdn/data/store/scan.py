"""Measure the coordinates of a store in one pass and a bounded memory: extremes, and the typical pose of a sample.

Glossary of shapes: R rows (a body in a frame), S sampled rows, V joints, C numbers a joint has, B bones in the order
of `Layout.bones`. A joint at exactly zero is missing; here it is NaN, and so are the bones that end at it.
"""

import sys
import warnings
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stgdn.data.store.checks import FARTHEST, MAX_BONE
from stgdn.data.store.store import Store
from stgdn.skeleton import LAYOUTS, Layout

CHUNK = 1 << 13  # rows read at a time, a few megabytes
SAMPLE = 10_000_000  # numbers kept, 40 MB

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Scan:
    """Hold the results of the pass.

    Attributes:
        lowest, highest: (C,) extremes over the joints that are not missing; NaN if all are.
        missing: (V,) rows in which a joint is missing.
        longest: (B,) greatest length of a bone, NaN if it is never seen; see `bone_lengths`.
        longest_clip: (B,) index of the clip with this bone, -1 if there is none.
        stretched: (clips,) bool, True if a bone is longer than `MAX_BONE`.
        sample: (S, V, C) every `step`-th row, float32, NaN where a joint is missing.
        step: distance of sampled rows; 1 if all rows are in the sample.
    """

    lowest: Float
    highest: Float
    missing: NDArray[np.int64]
    longest: Float
    longest_clip: NDArray[np.int64]
    stretched: NDArray[np.bool_]
    sample: Float
    step: int


def scan(store: Store, sample: int = SAMPLE) -> Scan:
    """Read every row of a store once, with a progress bar on a terminal.

    Args:
        store: the store to read.
        sample: the most numbers of the sample.
    """
    from rich.progress import track  # readers import this module too, in processes that only parse

    rows, V, C = store.coordinates.shape
    step = max(1, -(-rows * V * C // sample))
    found = _empty(len(store), V, C, len(store.layout.bones), -(-rows // step), step)
    runs = Runs(store.clips)
    terminal = sys.stdout.isatty()
    for first in track(range(0, rows, CHUNK), f"reading {store.header.dataset}", transient=True, disable=not terminal):
        planes = seen_planes(store.coordinates[first : first + CHUNK])
        _add_joints(found, planes, first)
        _add_bones(found, bone_lengths(planes, store.layout), first, runs)
    return found


class Runs:
    """Map rows to clips: rows are in the order of preparation, clips in the order of their names."""

    def __init__(self, clips: NDArray[np.void]) -> None:
        owners, bodies = np.nonzero(clips["frames"])
        rows = clips["row"][owners, bodies]
        order = np.argsort(rows)
        self._owners, self._first_rows = owners[order], rows[order]

    def clips(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the index of the clip of each row."""
        return self._owners[np.searchsorted(self._first_rows, rows, side="right") - 1]


def seen_planes(rows: NDArray[np.floating]) -> Float:
    """Return rows (R, V, C) as planes (C, V, R), contiguous float32, NaN where a joint is missing."""
    planes = np.array(rows.transpose(2, 1, 0), np.float32, order="C")
    planes[:, ~planes.any(axis=0)] = np.nan
    return planes


def bone_lengths(planes: Float, layout: Layout) -> Float:
    """Return lengths (B, R) of the bones of joints (C, V, R), in x and y only if the layout is planar."""
    children, parents = np.array(layout.bones, np.int64).reshape(-1, 2).T
    positions = planes[: 2 if layout.planar else layout.channels]
    return np.sqrt(np.square(positions[:, children] - positions[:, parents]).sum(axis=0))


def lengths_by_layout(poses: NDArray[np.floating]) -> dict[str, float]:
    """Return the mean length of a bone of poses (R, V, 2 or 3) in each known layout of V joints, the shortest first."""
    _, V, D = poses.shape
    planes, found = seen_planes(np.where(np.abs(poses) <= FARTHEST, poses, 0)), dict[str, float]()
    for known in LAYOUTS.values():
        if (known.num_joints, known.planar) == (V, D == 2):
            lengths = bone_lengths(planes, known)
            found[known.name] = float(np.nansum(lengths) / max(np.isfinite(lengths).sum(), 1))
    return dict(sorted(found.items(), key=itemgetter(1)))


def _empty(clips: int, V: int, C: int, B: int, S: int, step: int) -> Scan:
    lowest, highest, longest = (np.full(size, np.nan, np.float32) for size in (C, C, B))
    missing, longest_clip, stretched = np.zeros(V, np.int64), np.full(B, -1, np.int64), np.zeros(clips, np.bool_)
    return Scan(lowest, highest, missing, longest, longest_clip, stretched, np.empty((S, V, C), np.float32), step)


def _add_joints(found: Scan, planes: Float, first: int) -> None:
    """Add joints (C, V, R), the rows from `first` on."""
    values = planes.reshape(len(planes), -1)
    found.lowest[:] = np.fmin(found.lowest, np.fmin.reduce(values, axis=1))
    found.highest[:] = np.fmax(found.highest, np.fmax.reduce(values, axis=1))
    found.missing[:] += np.isnan(planes[0]).sum(axis=1)
    chosen = planes[:, :, -first % found.step :: found.step].transpose(2, 1, 0)
    start = -(-first // found.step)
    found.sample[start : start + len(chosen)] = chosen


def _add_bones(found: Scan, lengths: Float, first: int, runs: Runs) -> None:
    """Add bone lengths (B, R), the rows from `first` on."""
    longest = np.fmax.reduce(lengths, axis=1)
    for bone in np.flatnonzero(np.fmax(longest, found.longest) != found.longest):
        if not np.isnan(longest[bone]):
            row = first + np.flatnonzero(lengths[bone] == longest[bone])[:1]
            found.longest[bone], found.longest_clip[bone] = longest[bone], runs.clips(row)[0]
    if (longest > MAX_BONE).any():
        found.stretched[runs.clips(first + np.flatnonzero((lengths > MAX_BONE).any(axis=0)))] = True


def typical_pose(joints: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Return the median pose seen from the front: across (the body's left is positive) and up, from the centre joint.

    Bodies in space are turned about the vertical until their shoulders lie across. Bodies in the picture, where y
    points down, are put upright, scaled to a trunk of length 1 and, where they show their backs, mirrored.

    Args:
        joints: (S, V, C) bodies.
        layout: the joint layout.

    Returns:
        (V, 2), NaN where a joint is never seen together with the centre (and the shoulders, if the layout has any).
    """
    right, left = layout.shoulders
    centred = joints - joints[:, layout.centre, None]
    across, up = centred[..., 0], -centred[..., 1] if layout.planar else centred[..., 1]
    if layout.has_axes and layout.planar:
        lower, upper = layout.spine
        trunk = np.linalg.norm(centred[:, upper, :2] - centred[:, lower, :2], axis=1)[:, None]
        trunk[trunk == 0] = np.nan
        across, up = across * np.sign(across[:, left] - across[:, right])[:, None] / trunk, up / trunk
    elif layout.has_axes:
        x, z = (centred[:, left, axis] - centred[:, right, axis] for axis in (0, 2))
        width = np.hypot(x, z)
        width[width == 0] = np.nan
        across = across * (x / width)[:, None] + centred[..., 2] * (z / width)[:, None]
    return median(np.stack((across, up), axis=-1), axis=0)


def stature(bones: ArrayLike, pose: NDArray[np.floating], layout: Layout) -> float:
    """Return the height of a body, measured along the bones from the highest tip of a pose to the lowest.

    It is an estimate: the head joint is inside the head, and the width of the hips counts as height.

    Args:
        bones: (B,) lengths.
        pose: (V, 2) across and up.
        layout: the joint layout.

    Returns:
        The sum of the bones between the two; NaN if the pose has no two tips, or a bone between them is never seen.
    """
    lengths = {child: length for (child, _), length in zip(layout.bones, np.asarray(bones).tolist(), strict=True)}
    ends = np.bincount(np.array(layout.bones, int).ravel(), minlength=layout.num_joints)
    tips = np.flatnonzero((ends == 1) & ~np.isnan(pose[:, 1]))
    if len(tips) < 2:
        return float("nan")
    to_root = [_to_root(int(tips[choice(pose[tips, 1])]), layout) for choice in (np.argmax, np.argmin)]
    return sum(lengths[child] for child in to_root[0] ^ to_root[1])


def _to_root(joint: int, layout: Layout) -> set[int]:
    """Return the bones, by their children, between a joint and the root."""
    passed = set()
    while joint != layout.root:
        passed.add(joint)
        joint = layout.parents[joint]
    return passed


def median(values: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    """Return the median of values that are not NaN; NaN if there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns of columns of NaN
        return np.nanmedian(values, axis=axis)
