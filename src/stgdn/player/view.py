"""Where a clip's joints are for somebody who looks at them: to the right, up, and away, around the clip's middle.

Kinect's x grows to the camera's left (see `stgdn.data.batches.joint_map`), a picture's y downward; both become right and
up here, so that a clip is first seen as its camera saw it.
"""

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.joint_map import ASPECT
from stgdn.data.clip import Clip
from stgdn.skeleton import Layout


def places(clip: Clip, layout: Layout) -> NDArray[np.float64]:
    """Places (M, T, V, 3), NaN for joints that are not found and bodies that are not there.

    Metres; of flat layouts heights of the picture, taken to be 16 : 9 as everywhere in this suite, and nothing is away.
    The middle of what all joints take up is (0, 0, 0). One joint in a hundred either side may lie outside of it: a
    sensor loses some.
    """
    found = clip.joints.astype(np.float64) * (-1, 1, 1)
    if layout.planar:
        found = clip.joints.astype(np.float64) * (ASPECT, -1, 0)
    seen = np.asarray(clip.joints.any(axis=3))  # in space, only a body that is zeros as a whole is not seen
    there = clip.present[..., None] & (
        seen if layout.planar else seen.any(axis=2, keepdims=True).repeat(seen.shape[2], 2)
    )
    found[~there] = np.nan
    if not there.any():
        return found
    low, high = extent(found)
    return found - (low + high) / 2


def extent(found: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest of each axis of places (..., 3), without the outermost hundredth."""
    low, high = np.nanpercentile(found.reshape(-1, 3), [1, 99], axis=0)
    return low, high


def turned(found: NDArray[np.float64], yaw: float, pitch: float) -> NDArray[np.float64]:
    """Places (..., 3) as seen from another side: turned by `yaw` about the vertical, then tilted by `pitch`, degrees.

    A positive yaw moves the viewer to their right, a positive pitch upward.
    """
    (sine, cosine), (rise, level) = ((np.sin(a), np.cos(a)) for a in np.radians([yaw, pitch]))
    right, up, away = np.moveaxis(found, -1, 0)
    right, away = cosine * right + sine * away, cosine * away - sine * right
    return np.stack([right, level * up + rise * away, level * away - rise * up], axis=-1)
