"""From the store to the network's input, a batch at a time: the steps in their order.

`gather` reads the poses that are there, every step changes them in place, and `batch` spreads them to the network's
(N, C, T, V, M). Glossary of shapes in `stgdn.data.batches.gather`.
"""

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.frame_times import frame_times
from stgdn.data.batches.gather import Float, Poses, gather
from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.random_numbers import RandomNumbers
from stgdn.data.batches.settings import STREAMS, ClipSettings
from stgdn.data.batches.views import centre_and_rotate, clip_rotations, move_camera
from stgdn.data.store.clip_arrays import ClipArrays
from stgdn.skeleton import Layout

__all__ = ["STREAMS", "ClipSettings", "batch"]


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
