"""From the store to the network's input, a batch at a time: the steps in their order.

`gather` reads the poses that are there, every step changes them in place, and `batch` spreads them to the network's
(N, C, T, V, M). Glossary of shapes in `stgdn.data.batches.gather`; angles are in degrees, coordinates in the store's
units (metres, y up; planar layouts: shares of the picture).
"""

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.frame_times import frame_times
from stgdn.data.batches.gather import Float, Poses, gather
from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.random_numbers import ROTATION, Purpose, RandomNumbers, derive_numbers
from stgdn.data.batches.settings import STREAMS, ClipSettings
from stgdn.data.store.clip_arrays import ClipArrays
from stgdn.skeleton import Layout

__all__ = ["STREAMS", "ClipSettings", "batch"]

# The moving camera's two ends are drawn from: degrees, scale, shift along x, shift along y.
CAMERA = ((-10, -5, 0, 5, 10), (0.9, 1.0, 1.1), (-0.2, -0.1, 0.0, 0.1, 0.2), (-0.2, -0.1, 0.0, 0.1, 0.2))


def batch(
    store: ClipArrays,
    indices: NDArray[np.integer],
    settings: ClipSettings,
    random_numbers: RandomNumbers | None = None,
    mapping: JointMap | None = None,
) -> Float:
    """Return clips (N, C, T, V, M) for the network, a view of memory in the order (N, M, T, V, C).

    Args:
        store: the store that holds the clips.
        indices: (N,) indices of the clips.
        settings: how to make the network's input.
        random_numbers: (N, 6) uniform numbers for training's augmentation; None in evaluation.
        mapping: to the joints that the network sees; None if these are the store's.
    """
    clips, layout = store.clips[indices], mapping.target if mapping else store.layout
    times = frame_times(clips["length"], settings, random_numbers)
    camera = random_numbers if settings.moving_camera else None
    poses = gather(store, indices, times if camera is None else times.without_repetition(), settings.bodies)
    pose = np.asarray(store.coordinates)[clips["row"][:, 0]].astype(np.float32)  # the main body's first
    if mapping:
        poses.joints, pose = mapping(poses.joints, pose, np.append(poses.clip_index(), 0))
    turn = clip_rotations(pose, layout, settings, random_numbers)
    if turn is not None or not layout.planar:
        centre_and_rotate(poses, origin(pose, layout), turn)
    if random_numbers is not None and settings.mirror:
        mirror(poses, random_numbers, layout, settings.mirror)
    if camera is not None:
        move_camera(poses, camera, layout)
    if settings.box:
        fit_box(poses)
    if settings.stream.startswith("bone"):
        poses.joints = bones(poses.joints, layout)
    joints = poses.to_dense()
    if settings.stream.endswith("motion"):
        joints = motion(joints, poses.pose_index < len(poses.joints) - 1)
    return joints.transpose(0, 4, 2, 3, 1)


def origin(pose: Float, layout: Layout) -> Float:
    """Return the point (N, 3) of each clip that is moved to (0, 0, 0): the centre joint of `pose` (N, V, 3).

    For planar joints it is (0, 0, 0), so that they stay in the picture, as in ST-GCN and PYSKL.
    """
    return pose[:, layout.centre] * np.float32(not layout.planar)


def alignment(pose: Float, layout: Layout, align: str) -> Float:
    """Return rotations (N, 3, 3), to be applied as joints @ R, that bring the shoulders of `pose` (N, V, 3) along x.

    A pose whose axes are not defined (no distance between the joints) keeps the identity.
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
    """Return rotation matrices (N, 3, 3) of angles (N, 3) in degrees about x, then y, then z; applied as joints @ R."""
    sine, cosine = np.sin(np.radians(angles)).T, np.cos(np.radians(angles)).T
    axis = np.arange(3)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turn = np.zeros((3, len(angles), 3, 3))
    turn[axis, :, axis, axis] = 1
    turn[axis, :, a, a] = turn[axis, :, b, b] = cosine
    turn[axis, :, a, b], turn[axis, :, b, a] = sine, -sine
    return (turn[0] @ turn[1] @ turn[2]).astype(np.float32)


def clip_rotations(
    pose: Float, layout: Layout, settings: ClipSettings, random_numbers: RandomNumbers | None
) -> Float | None:
    """Return the rotation (N, 3, 3) of each clip from alignment and training's random rotation; or None."""
    turn = alignment(pose, layout, settings.align) if settings.align != "none" else None
    if random_numbers is not None and any(settings.rotate):
        random_turn = rotations((2 * random_numbers[:, ROTATION] - 1) * np.asarray(settings.rotate))
        turn = random_turn if turn is None else turn @ random_turn
    return turn


def centre_and_rotate(poses: Poses, origin: Float, turn: Float | None) -> None:
    """Move `origin` (N, 3) of every clip to (0, 0, 0), and rotate the clip about it by `turn` (N, 3, 3), in place."""
    if turn is not None:
        joints = np.empty_like(poses.joints)
        for clip, matrix in enumerate(turn):  # a clip has another number of poses than the next
            np.matmul(poses.of_clip(clip).reshape(-1, 3), matrix, out=poses.of_clip(clip, joints).reshape(-1, 3))
        joints[-1] = 0
        poses.joints, origin = joints, (origin[:, None] @ turn)[:, 0]
    flat = poses.joints[:-1].reshape(-1, 3 * poses.joints.shape[1])
    flat -= np.tile(origin, poses.joints.shape[1]).take(poses.clip_index(), axis=0)  # numpy is slow at rows of three


def mirror(poses: Poses, random_numbers: RandomNumbers, layout: Layout, share: float) -> None:
    """Exchange left and right joints and reverse x in a share of the clips, drawn at random, in place.

    x counts from the origin of the clip, for planar joints from the middle of the picture.
    """
    exchanged = np.arange(layout.num_joints)
    for left, right in layout.mirrored:
        exchanged[[left, right]] = right, left
    for clip in np.flatnonzero(derive_numbers(random_numbers, 1, Purpose.MIRROR)[:, 0] < share).tolist():
        joints = poses.of_clip(clip)
        joints[:] = joints[:, exchanged]
        joints[..., 0] *= -1


def camera_path(random_numbers: RandomNumbers, frames: int) -> NDArray[np.float64]:
    """Return degrees, scale, shift along x and along y (4, N, T) of a moving camera, linear between two ends.

    The values of each end are drawn from `CAMERA`, as `random_move` of ST-GCN (yysijie/st-gcn, feeder/tools.py) does.
    """
    numbers = derive_numbers(random_numbers, 2 * len(CAMERA), Purpose.CAMERA)
    ends = [
        np.asarray(values)[(numbers[:, 2 * key : 2 * key + 2] * len(values)).astype(np.int64)]
        for key, values in enumerate(CAMERA)
    ]
    return np.linspace(*np.moveaxis(np.array(ends), 2, 0), num=frames, axis=2)


def move_camera(poses: Poses, random_numbers: RandomNumbers, layout: Layout) -> None:
    """Rotate, scale and shift x and y of every pose by the moving camera of its clip at its time, in place.

    Unlike ST-GCN's function, this one leaves unseen bodies and missing planar joints at zero.
    """
    path = camera_path(random_numbers, poses.pose_index.shape[2])[:, poses.clip_index(), poses.time_step, None].astype(
        np.float32
    )
    angle, scale, right, up = path
    cosine, sine = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    joints = poses.joints[:-1]
    x, y = joints[..., 0].copy(), joints[..., 1].copy()
    found = joints.any(axis=2) if layout.planar else np.True_
    joints[..., 0] = (cosine * x - sine * y + right) * found
    joints[..., 1] = (sine * x + cosine * y + up) * found


def fit_box(poses: Poses) -> None:
    """Scale every axis of a clip to [-1, 1] over its bodies and frames, in place; an axis without extent becomes 0."""
    for clip in range(len(poses.pose_index)):
        if len(joints := poses.of_clip(clip)):
            low, high = joints.min(axis=(0, 1)), joints.max(axis=(0, 1))
            extent = np.where(high > low, high - low, np.inf)
            joints -= low
            joints *= 2 / extent
            joints -= high > low


def bones(joints: Float, layout: Layout) -> Float:
    """Return every joint minus its parent, zero for the root; joints and bones are (R, V, C)."""
    return joints - joints[:, list(layout.parents)]


def motion(joints: Float, seen: NDArray[np.bool_]) -> Float:
    """Return the next frame minus this one, (N, M, T, V, C); zero in the last frame and if a body is unseen in one."""
    moved = np.zeros_like(joints)
    np.subtract(joints[:, :, 1:], joints[:, :, :-1], out=moved[:, :, :-1])
    moved[:, :, :-1][~(seen[:, :, 1:] & seen[:, :, :-1])] = 0
    return moved
