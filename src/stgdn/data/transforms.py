"""What happens to clips on their way from the store to the network, on whole batches at once.

Axes here are (N, M, T, V, C): clips, bodies, frames, joints, coordinates; `batch` ends with the network's
(N, C, T, V, M).
Angles are in degrees, coordinates in the store's units (metres, y up).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stgdn.data.store import Store
from stgdn.errors import InputError, choose
from stgdn.skeleton import Layout

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
SAMPLINGS = ("loop", "resize")
ALIGNMENTS = ("none", "turn", "body")

Float = NDArray[np.float32]


@dataclass(frozen=True)
class ClipSettings:
    """How a stored clip becomes an input of the network.

    Attributes:
        stream: `joint`, `bone` (joint minus parent), `joint_motion`, `bone_motion` (next frame minus this one).
        frames: T that the network sees.
        sampling: `loop` repeats the clip until T frames are full (longer clips are resampled), `resize` resamples.
        align: turns the clip so that in its first frame the main body's shoulders lie along x: `turn` about the
            vertical, `body` in all three axes (spine upright); `none` leaves the camera's view.
        box: scale each axis of a clip to [-1, 1].
        crop: the smallest share of a clip that training keeps; 1 for all of it. Needs `resize`.
        jitter: training draws its T moments at random from the clip instead of evenly. Needs `resize`.
        rotate: training turns clips at random by up to so many degrees about x, y and z.
        bodies: M, bodies beyond are left out.

    Raises:
        InputError: an unknown word, a number out of range, or settings that exclude each other.
    """

    stream: str = "joint"
    frames: int = 300
    sampling: str = "loop"
    align: str = "none"
    box: bool = False
    crop: float = 1.0
    jitter: bool = False
    rotate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bodies: int = 2

    def __post_init__(self) -> None:
        choose(self.stream, STREAMS, "stream")
        choose(self.sampling, SAMPLINGS, "sampling")
        choose(self.align, ALIGNMENTS, "alignment")
        for key in ("frames", "bodies"):
            if type(number := getattr(self, key)) is not int or number < 1:
                raise InputError(f"data.{key}={number} must be a whole number from 1 up")
        for key in ("box", "jitter"):
            if not isinstance(flag := getattr(self, key), bool):
                raise InputError(f"data.{key}={flag} must be true or false")
        if not isinstance(self.crop, int | float) or not 0 < self.crop <= 1:
            raise InputError(f"data.crop={self.crop} is out of range: give a share above 0 and up to 1")
        if self.sampling == "loop" and (self.crop < 1 or self.jitter):
            raise InputError("data.crop and data.jitter need data.sampling=resize")
        if len(self.rotate) != 3 or not all(isinstance(a, int | float) and math.isfinite(a) for a in self.rotate):
            raise InputError(f"data.rotate={list(self.rotate)} must be three angles in degrees, about x, y and z")


def loop_positions(lengths: NDArray[np.integer], frames: int) -> NDArray[np.float64]:
    """Frames (N, T) of clips repeated from their start; clips longer than T are resampled evenly."""
    steps = np.arange(frames)[None] % lengths[:, None]
    stretched = np.linspace(0, lengths - 1, frames, axis=1)
    return np.where(lengths[:, None] > frames, stretched, steps)


def resize_positions(
    lengths: NDArray[np.integer],
    frames: int,
    share: NDArray[np.float64] | float = 1.0,
    place: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """T moments (N, T), between frames, evenly over the `share` of each clip that begins at `place` of what is left."""
    span = np.maximum(lengths * share, np.minimum(lengths, 2)) - 1
    first = (lengths - 1 - span) * place
    return first[:, None] + np.linspace(0, 1, frames)[None] * span[:, None]


def gather(store: Store, indices: NDArray[np.integer], positions: NDArray[np.float64], bodies: int) -> Float:
    """Joints (N, M, T, V, C) at moments (N, T) of clips, linear between frames, zeros where a body is not seen."""
    clips = store.clips[indices]
    row, start, frames = (_fit_bodies(clips[key], bodies)[:, :, None] for key in ("row", "start", "frames"))
    moment = positions[:, None] - start
    seen = (np.rint(moment) >= 0) & (np.rint(moment) < frames)
    moment = np.clip(moment, 0, np.maximum(frames - 1, 0))
    below = np.floor(moment).astype(np.int64)
    joints = store.coordinates[np.where(seen, row + below, 0)]
    if (weight := (moment - below).astype(np.float32)).any():
        above = np.minimum(below + 1, np.maximum(frames - 1, 0))
        joints += (store.coordinates[np.where(seen, row + above, 0)] - joints) * weight[..., None, None]
    joints *= seen[..., None, None]
    return joints


def _fit_bodies(column: NDArray, bodies: int) -> NDArray:
    """Cut or fill (N, M') columns to M bodies."""
    missing = max(bodies - column.shape[1], 0)
    return np.pad(column, ((0, 0), (0, missing)))[:, :bodies]


def present(joints: Float) -> NDArray[np.bool_]:
    """(N, M, T, 1, 1), where a body is seen."""
    return (joints != 0).any(axis=(3, 4), keepdims=True)


def centre(joints: Float, pose: Float, layout: Layout) -> Float:
    """Move the centre joint of `pose` (N, V, C), the main body's first, to the origin.

    Planar joints stay in the picture, as ST-GCN and PYSKL leave them; a joint not found there is (0, 0, 0).
    """
    if layout.planar:
        return joints
    return (joints - pose[:, None, None, None, layout.centre]) * present(joints)


def alignment(pose: Float, layout: Layout, align: str) -> Float:
    """Rotations (N, 3, 3), to be applied as joints @ R, that bring the shoulders of `pose` (N, V, 3) along x.

    A pose too degenerate to define its axes is left as it is.
    """
    identity = np.broadcast_to(np.eye(3, dtype=np.float32), (len(pose), 3, 3))
    right, left = layout.shoulders
    low, high = layout.spine
    across = (pose[:, left] - pose[:, right]).astype(np.float64)
    up = np.zeros_like(across)
    up[:, 1] = 1
    if align == "body":
        up = (pose[:, high] - pose[:, low]).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        up /= np.linalg.norm(up, axis=1, keepdims=True)
        across -= (across * up).sum(axis=1, keepdims=True) * up
        length = np.linalg.norm(across, axis=1)
        across /= length[:, None]
    axes = np.stack([across, up, np.cross(across, up)], axis=2)
    usable = np.isfinite(axes).all(axis=(1, 2)) & (length > 1e-3)
    return np.where(usable[:, None, None], axes, identity).astype(np.float32)


def rotations(angles: NDArray[np.floating]) -> Float:
    """Rotation matrices (N, 3, 3) of angles (N, 3) in degrees about x, then y, then z; applied as joints @ R."""
    sine, cosine = np.sin(np.radians(angles)), np.cos(np.radians(angles))
    matrix = np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    for axis, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
        turn = np.broadcast_to(np.eye(3), matrix.shape).copy()
        turn[:, a, a] = turn[:, b, b] = cosine[:, axis]
        turn[:, a, b], turn[:, b, a] = sine[:, axis], -sine[:, axis]
        matrix = matrix @ turn
    return matrix.astype(np.float32)


def fit_box(joints: Float) -> Float:
    """Scale every axis of a clip to [-1, 1] over its bodies and frames; an axis without extent becomes 0."""
    seen = present(joints)
    low = np.where(seen, joints, np.inf).min(axis=(1, 2, 3), keepdims=True)
    high = np.where(seen, joints, -np.inf).max(axis=(1, 2, 3), keepdims=True)
    extent = high - low
    extent[~(extent > 0)] = np.inf
    with np.errstate(invalid="ignore"):
        return np.where(seen, (joints - low) * (2 / extent) - (extent < np.inf), 0).astype(np.float32)


def to_stream(joints: Float, layout: Layout, stream: str) -> Float:
    """Joints, bones, or the motion of either, (N, M, T, V, C)."""
    if stream.startswith("bone"):
        joints = joints - joints[:, :, :, list(layout.parents)]
    if stream.endswith("motion"):
        seen = present(joints)
        moved = np.zeros_like(joints)
        np.subtract(joints[:, :, 1:], joints[:, :, :-1], out=moved[:, :, :-1], where=seen[:, :, 1:] & seen[:, :, :-1])
        return moved
    return joints


def batch(
    store: Store,
    indices: NDArray[np.integer],
    settings: ClipSettings,
    draws: NDArray[np.float64] | None = None,
) -> Float:
    """Clips (N, C, T, V, M) as the network takes them.

    Args:
        store: where the clips lie.
        indices: (N,) which clips.
        settings: how to make them.
        draws: (N, 6) uniform numbers for training's augmentation; None in evaluation.
    """
    lengths = store.clips["length"][indices]
    joints = gather(store, indices, moments(lengths, settings, draws), settings.bodies)
    pose = store.coordinates[store.clips["row"][indices, 0]]
    joints = centre(joints, pose, store.layout)
    if (turn := view(pose, store.layout, settings, draws)) is not None:
        joints = joints @ turn[:, None, None]
    if settings.box:
        joints = fit_box(joints)
    joints = to_stream(joints, store.layout, settings.stream)
    return np.ascontiguousarray(joints.transpose(0, 4, 2, 3, 1))


def moments(
    lengths: NDArray[np.integer], settings: ClipSettings, draws: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """The moments (N, T) of each clip that the network sees."""
    if settings.sampling == "loop":
        return loop_positions(lengths, settings.frames)
    if draws is None:
        return resize_positions(lengths, settings.frames)
    share = settings.crop + (1 - settings.crop) * draws[:, 0]
    positions = resize_positions(lengths, settings.frames, share, draws[:, 1])
    if settings.jitter:
        positions = jittered(positions, draws[:, 5])
    return positions


def jittered(positions: NDArray[np.float64], seeds: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many moments (N, T) drawn at random between the first and the last, in order."""
    drawn = np.stack([np.random.default_rng(int(seed * 2**53)).random(positions.shape[1]) for seed in seeds])
    drawn.sort(axis=1)
    return positions[:, :1] + drawn * (positions[:, -1:] - positions[:, :1])


def view(pose: Float, layout: Layout, settings: ClipSettings, draws: NDArray[np.float64] | None) -> Float | None:
    """The turn (N, 3, 3) that alignment and training's random rotation give each clip; None for none."""
    turn = alignment(pose, layout, settings.align) if settings.align != "none" else None
    if draws is not None and any(settings.rotate):
        random_turn = rotations((2 * draws[:, 2:5] - 1) * np.asarray(settings.rotate))
        turn = random_turn if turn is None else turn @ random_turn
    return turn
