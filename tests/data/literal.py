"""Every step from the store to the network's input, as loops over clips, bodies, frames and joints."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.data.clips import clips

from stgdn.data.batches.gather import Poses
from stgdn.data.batches.random_numbers import Purpose, derive_numbers
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import CAMERA
from stgdn.data.clip import Clip
from stgdn.skeleton import NTU25, Layout

Array = NDArray[np.float64]


def in_order(layout: Layout = NTU25) -> list[Clip]:
    """The clips in the order of the store."""
    return sorted(clips(layout), key=lambda one: one.name)


def near(found: NDArray, expected: Any, atol: float = 2e-6) -> None:  # noqa: ANN401
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=atol)


def padded(one: Clip) -> NDArray[np.float32]:
    """Joints with 3 bodies and 23 frames."""
    joints = np.zeros((3, 23, *one.joints.shape[2:]), np.float32)
    joints[: one.joints.shape[0], : one.joints.shape[1]] = one.joints
    return joints


def seen_in(made: list[Clip]) -> NDArray[np.bool_]:
    seen = np.zeros((len(made), 3, 23), np.bool_)
    for n, one in enumerate(made):
        seen[n, : one.present.shape[0], : one.present.shape[1]] = one.present
    return seen


def packed(joints: NDArray[np.float32], seen: NDArray[np.bool_]) -> Poses:
    """Joints (N, M, T, V, C) where they are `seen` (N, M, T)."""
    place = np.where(seen, np.cumsum(seen).reshape(seen.shape) - 1, seen.sum())
    first = np.append(0, seen.sum(axis=(1, 2)).cumsum())
    table = np.concatenate([joints[seen], np.zeros((1, *joints.shape[3:]), np.float32)])
    return Poses(table, place, first, np.nonzero(seen)[2])


def all_packed(layout: Layout = NTU25) -> tuple[NDArray[np.float32], Poses]:
    """All clips with 3 bodies and 23 frames, (N, M, T, V, C), and their poses."""
    joints = np.stack([padded(one) for one in in_order(layout)])
    return joints, packed(joints, seen_in(in_order(layout)))


def nearest(moment: float) -> int:
    """The nearest frame; half-way between two, the later one."""
    return math.floor(moment + 0.5)


def literal_gather(one: Clip, positions: Array, bodies: int, *, planar: bool = False) -> Array:
    """Joints (M, T, V, C) of one clip: a body is seen where the nearest frame is in its run, and never leaves it.

    Of a planar joint that was found in one of two frames only, the nearer frame counts.
    """
    V, C = one.joints.shape[2:]
    joints = np.zeros((bodies, len(positions), V, C))
    for m in range(min(bodies, len(one.joints))):
        frames = np.flatnonzero(one.present[m]).tolist()
        run = range(frames[0], frames[-1] + 1)
        for t, moment in enumerate(positions):
            if nearest(moment) not in run:
                continue
            before, after = max(math.floor(moment), run[0]), min(math.ceil(moment), run[-1])
            weight = min(max(moment - before, 0), 1)
            for v in range(V):
                first, second = one.joints[m, before, v].astype(float), one.joints[m, after, v].astype(float)
                share = round(weight) if planar and first.any() != second.any() else weight
                joints[m, t, v] = (1 - share) * first + share * second
    return joints


def literal_box(joints: Array) -> Array:
    """One clip (M, T, V, C), each axis from its least to its greatest value of bodies that are seen."""
    boxed = np.zeros_like(joints)
    seen = [(m, t) for m in range(joints.shape[0]) for t in range(joints.shape[1]) if joints[m, t].any()]
    for c in range(joints.shape[3]):
        values = [value for m, t in seen for value in joints[m, t, :, c]]
        low, high = min(values, default=0), max(values, default=0)
        for m, t in seen:
            for v in range(joints.shape[2]):
                if high > low:
                    boxed[m, t, v, c] = 2 * (joints[m, t, v, c] - low) / (high - low) - 1
    return boxed


def literal_stream(joints: Array, layout: Layout, stream: str) -> Array:
    """One clip (M, T, V, C) as bones, motion, or the motion of bones."""
    parent = dict(layout.bones)
    if "bone" in stream:
        bones = np.zeros_like(joints)
        for child, of in parent.items():
            bones[:, :, child] = joints[:, :, child] - joints[:, :, of]
        joints = bones
    if "motion" not in stream:
        return joints
    motion = np.zeros_like(joints)
    for m in range(len(joints)):
        for t in range(len(joints[m]) - 1):
            if joints[m, t].any() and joints[m, t + 1].any():
                motion[m, t] = joints[m, t + 1] - joints[m, t]
    return motion


def turn_about(axis: int, degrees: float) -> Array:
    """The textbook matrix of a right-handed turn, for columns."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array(
        [
            [[1, 0, 0], [0, c, -s], [0, s, c]],
            [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        ][axis]
    )


def literal_camera(joints: Array, random_numbers: Array, layout: Layout) -> Array:
    """One clip (M, T, V, C) seen by ST-GCN's moving camera."""
    numbers = derive_numbers(random_numbers[None], 8, Purpose.CAMERA)[0]
    ends = [[CAMERA[key][int(numbers[2 * key + end] * len(CAMERA[key]))] for end in (0, 1)] for key in range(4)]
    M, T, V, _ = joints.shape
    moved = joints.copy()
    for t in range(T):
        along = t / (T - 1) if T > 1 else 0
        angle, scale, right, up = (first + along * (last - first) for first, last in ends)
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        for m in range(M):
            for v in range(V):
                if joints[m, t].any() and (not layout.planar or joints[m, t, v].any()):
                    x, y = joints[m, t, v, :2]
                    moved[m, t, v, :2] = scale * (c * x - s * y) + right, scale * (s * x + c * y) + up
    return moved


def literal_mirror(joints: Array, layout: Layout) -> Array:
    """One clip (M, T, V, C) in a mirror: what was on the left is on the right."""
    other = dict(layout.mirrored) | {right: left for left, right in layout.mirrored}
    mirrored = np.zeros_like(joints)
    for v in range(joints.shape[2]):
        mirrored[:, :, v] = joints[:, :, other.get(v, v)] * np.array([-1, *[1] * (joints.shape[3] - 1)])
    return mirrored


def literal_turn(pose: Array, layout: Layout, align: str, angles: Array | None) -> Array:
    """Return the matrix that columns are multiplied by: alignment by cross products, then the random rotation."""
    turn = np.eye(3)
    if align != "none":
        across = pose[layout.shoulders[1]] - pose[layout.shoulders[0]]
        up = pose[layout.spine[1]] - pose[layout.spine[0]] if align == "body" else np.array([0.0, 1.0, 0.0])
        front = np.cross(across, up)
        side = np.cross(up, front)
        turn = np.stack([axis / np.linalg.norm(axis) for axis in (side, up, front)])
    if angles is not None:
        turn = turn_about(2, angles[2]) @ turn_about(1, angles[1]) @ turn_about(0, angles[0]) @ turn
    return turn


def literal_frame_times(length: int, how: ClipSettings, random_numbers: Array | None) -> Array:
    """Return the T frame times of one clip, without jitter."""
    T = how.frames
    if how.sampling == "loop" and length <= T:
        return np.array([t % length for t in range(T)], float)
    if how.sampling == "window":
        if random_numbers is None:
            begin = (length - T) // 2 if length > T else 0
        else:
            begin = int(random_numbers[1] * (abs(length - T) + 1)) * (1 if length > T else -1)
        return np.array([begin + t for t in range(T)], float)
    kept, first = float(length), 0.0
    if random_numbers is not None and how.sampling == "resize":
        kept = max(length * (how.crop + (1 - how.crop) * random_numbers[0]), min(length, 2))
        first = random_numbers[1] * (length - kept)
    return np.array([first + t * (kept - 1) / max(T - 1, 1) for t in range(T)])


def literal_batch(one: Clip, layout: Layout, how: ClipSettings, random_numbers: Array | None) -> Array:
    """One clip (C, T, V, M) by all steps."""
    positions = literal_frame_times(one.joints.shape[1], how, random_numbers)
    joints = literal_gather(one, positions, how.bodies, planar=layout.planar)
    pose = one.joints[0][one.present[0]][0].astype(float)
    turn = literal_turn(
        pose, layout, how.align, None if random_numbers is None else (2 * random_numbers[2:5] - 1) * how.rotate
    )
    origin = pose[layout.centre] * (not layout.planar)
    for m in range(joints.shape[0]):
        for t in range(joints.shape[1]):
            if joints[m, t].any():
                joints[m, t] = [turn @ (joint - origin) for joint in joints[m, t]]
    if random_numbers is not None and derive_numbers(random_numbers[None], 1, Purpose.MIRROR)[0, 0] < how.mirror:
        joints = literal_mirror(joints, layout)
    if how.moving_camera and random_numbers is not None:
        joints = literal_camera(joints, random_numbers, layout)
    if how.box:
        joints = literal_box(joints)
    return literal_stream(joints, layout, how.stream).transpose(3, 1, 2, 0)
