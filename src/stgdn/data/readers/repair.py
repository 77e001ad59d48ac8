"""Fill in joints that were not seen for some frames, or never."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.skeleton import Layout

Number = TypeVar("Number", np.float32, np.float64)


def fill_missing(
    joints: NDArray[Number], seen: NDArray[np.bool_], layout: Layout, frames: NDArray[np.integer] | None = None
) -> NDArray[Number]:
    """Fill in joints of a body that were not seen.

    Between frames in which it was seen, a joint moves linearly; before the first and after the last of these frames it
    rests. A joint that was never seen gets the position of its parent; a root that was never seen gets the position of
    the first joint that was.

    Args:
        joints: (T, V, C) coordinates; not changed.
        seen: (T, V).
        layout: gives the parent of each joint.
        frames: (T,) frame numbers of the rows, ascending; None for consecutive frames.

    Returns:
        (T, V, C), of the same type.

    Raises:
        ClipError: no joint was seen in any frame.
    """
    if seen.all():
        return joints
    if not seen.any():
        raise ClipError("no body in any frame")
    filled, ever = joints.copy(), np.asarray(seen.any(axis=0))
    times = np.arange(len(joints)) if frames is None else frames
    for joint in np.flatnonzero(ever & ~seen.all(axis=0)):
        at = seen[:, joint]
        for axis in range(joints.shape[-1]):
            filled[:, joint, axis] = np.interp(times, times[at], joints[at, joint, axis])
    for joint in np.flatnonzero(~ever):
        filled[:, joint] = filled[:, _nearest_seen(int(joint), ever, layout)]
    return filled


def _nearest_seen(joint: int, ever: NDArray[np.bool_], layout: Layout) -> int:
    """Return the first joint on the way to the root that was ever seen, or else the first seen one of the layout."""
    while not ever[joint]:
        if joint == layout.root:
            return int(np.argmax(ever))
        joint = layout.parents[joint]
    return joint
