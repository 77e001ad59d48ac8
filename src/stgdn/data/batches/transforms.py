"""From the store to the network's input, a batch at a time: the steps in their order.

`gather` reads the poses that are there, every step changes them in place, and `batch` spreads them to the network's
(N, C, T, V, M). Glossary of shapes in `stgdn.data.batches.gather`.
"""

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.frame_times import moments
from stgdn.data.batches.gather import Float, Poses, gather
from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.random_numbers import Draws
from stgdn.data.batches.settings import STREAMS, ClipSettings
from stgdn.data.batches.views import move_camera, place, turns
from stgdn.data.store.store import Store
from stgdn.skeleton import Layout

__all__ = ["STREAMS", "ClipSettings", "batch"]


def batch(
    store: Store,
    indices: NDArray[np.integer],
    settings: ClipSettings,
    draws: Draws | None = None,
    mapping: JointMap | None = None,
) -> Float:
    """Clips (N, C, T, V, M) as the network takes them, a view on memory in the order (N, M, T, V, C).

    Args:
        store: where the clips lie.
        indices: (N,) which clips.
        settings: how to make them.
        draws: (N, 6) uniform numbers for training's augmentation; None in evaluation.
        mapping: to the joints that the network sees; None where they are the store's.
    """
    clips, layout = store.clips[indices], mapping.target if mapping else store.layout
    when = moments(clips["length"], settings, draws)
    camera = draws if settings.moving_camera else None
    poses = gather(store, indices, when if camera is None else when.unrolled(), settings.bodies)
    pose = np.asarray(store.coordinates)[clips["row"][:, 0]].astype(np.float32)  # the main body's first
    if mapping:
        poses.joints, pose = mapping(poses.joints, pose, np.append(poses.clips(), 0))
    turn = turns(pose, layout, settings, draws)
    if turn is not None or not layout.planar:
        place(poses, origin(pose, layout), turn)
    if camera is not None:
        move_camera(poses, camera, layout)
    if settings.box:
        fit_box(poses)
    if settings.stream.startswith("bone"):
        poses.joints = bones(poses.joints, layout)
    joints = poses.spread()
    if settings.stream.endswith("motion"):
        joints = motion(joints, poses.place < len(poses.joints) - 1)
    return joints.transpose(0, 4, 2, 3, 1)


def origin(pose: Float, layout: Layout) -> Float:
    """What becomes (0, 0, 0) of clips, (N, 3): the centre joint of `pose` (N, V, 3).

    Planar joints stay in the picture, as ST-GCN and PYSKL leave them; one not found there is (0, 0, 0).
    """
    return pose[:, layout.centre] * np.float32(not layout.planar)


def fit_box(poses: Poses) -> None:
    """Scale every axis of a clip to [-1, 1] over its bodies and frames, in place; one without extent becomes 0."""
    for clip in range(len(poses.place)):
        if len(joints := poses.of(clip)):
            low, high = joints.min(axis=(0, 1)), joints.max(axis=(0, 1))
            extent = np.where(high > low, high - low, np.inf)
            joints -= low
            joints *= 2 / extent
            joints -= high > low


def bones(joints: Float, layout: Layout) -> Float:
    """Every joint minus its parent, the root's is zero; (R, V, C) of both."""
    return joints - joints[:, list(layout.parents)]


def motion(joints: Float, seen: NDArray[np.bool_]) -> Float:
    """The next frame minus this one, (N, M, T, V, C); zero in the last frame and where a body is not `seen` in both."""
    moved = np.zeros_like(joints)
    np.subtract(joints[:, :, 1:], joints[:, :, :-1], out=moved[:, :, :-1])
    moved[:, :, :-1][~(seen[:, :, 1:] & seen[:, :, :-1])] = 0
    return moved
