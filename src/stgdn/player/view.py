"""A clip as a viewer sees it: positions of joints, and colours of bodies, classes and saliency.

In positions x grows to the right, y up and z away from the viewer, around the clip's middle. Kinect's x grows to the
camera's left (see `stgdn.data.batches.joint_map`), a picture's y downward; here a clip is first seen as its camera saw
it.
"""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from stgdn.data.batches.joint_map import ASPECT
from stgdn.data.clip import Clip
from stgdn.skeleton import Layout

# Colours on white, shared by pages and figures.
BODIES = ("#0b6fb8", "#c4500b")  # a third body has the first colour again
CLASSES = (
    *("#0b6fb8", "#c4500b", "#1a7f45", "#9437a6", "#5d6b00"),
    *("#b3123f", "#007d8a", "#6b4f3a", "#3d4fb5", "#59636e"),
)
RAMP = ("#d5dae0", "#f2a03d", "#c22a1b", "#6b0713")  # from not at all to most, at equal distances

SALIENCY = LinearSegmentedColormap.from_list("saliency", RAMP)


def positions(clip: Clip, layout: Layout) -> NDArray[np.float64]:
    """Return positions (M, T, V, 3), NaN for joints that are not found and bodies that are absent.

    The unit is metres; for flat layouts the height of the picture, taken as 16 : 9 as everywhere in this suite; z is
    0. The middle of the joints' extent is (0, 0, 0). The extent leaves out one joint in a hundred on either side, as
    sensors lose some.
    """
    found = clip.joints.astype(np.float64) * ((ASPECT, -1, 0) if layout.planar else (-1, 1, 1))
    seen = np.asarray(clip.joints.any(axis=3))
    if not layout.planar:  # only a body that is zeros as a whole is not seen
        seen = np.broadcast_to(seen.any(axis=2, keepdims=True), seen.shape)
    present = clip.present[..., None] & seen
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
