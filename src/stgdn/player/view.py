"""Positions of a clip's joints as seen by a viewer: x to the right, y up, z away, around the clip's middle.

Kinect's x grows to the camera's left (see `stgdn.data.batches.joint_map`), a picture's y downward; here x grows to the
right and y upward, so that a clip is first seen as its camera saw it.
"""

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.joint_map import ASPECT
from stgdn.data.clip import Clip
from stgdn.skeleton import Layout


def positions(clip: Clip, layout: Layout) -> NDArray[np.float64]:
    """Return positions (M, T, V, 3), NaN for joints that are not found and bodies that are absent.

    The unit is metres; for flat layouts the height of the picture, taken as 16 : 9 as everywhere in this suite; z is
    0. The middle of the joints' extent is (0, 0, 0). The extent leaves out one joint in a hundred on either side, as
    sensors lose some.
    """
    found = clip.joints.astype(np.float64) * (-1, 1, 1)
    if layout.planar:
        found = clip.joints.astype(np.float64) * (ASPECT, -1, 0)
    seen = np.asarray(clip.joints.any(axis=3))  # in space, only a body that is zeros as a whole is not seen
    present = clip.present[..., None] & (
        seen if layout.planar else seen.any(axis=2, keepdims=True).repeat(seen.shape[2], 2)
    )
    found[~present] = np.nan
    if not present.any():
        return found
    low, high = extent(found)
    return found - (low + high) / 2


def extent(positions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest position (..., 3) on each axis, without the outermost hundredth."""
    low, high = np.nanpercentile(positions.reshape(-1, 3), [1, 99], axis=0)
    return low, high


def rotate_view(positions: NDArray[np.float64], yaw: float, pitch: float) -> NDArray[np.float64]:
    """Rotate positions (..., 3) by `yaw` about the vertical, then tilt them by `pitch`, in degrees.

    A positive yaw moves the viewer to their right, a positive pitch upward.
    """
    (sine, cosine), (rise, level) = ((np.sin(a), np.cos(a)) for a in np.radians([yaw, pitch]))
    right, up, away = np.moveaxis(positions, -1, 0)
    right, away = cosine * right + sine * away, cosine * away - sine * right
    return np.stack([right, level * up + rise * away, level * away - rise * up], axis=-1)
