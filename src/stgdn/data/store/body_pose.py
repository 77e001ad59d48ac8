"""The typical pose of a store's bodies, and their height.

Glossary of shapes: S rows, V joints, C numbers a joint has, B bones in the order of `Layout.bones`. NaN is missing.
"""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stgdn.skeleton import Layout


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
