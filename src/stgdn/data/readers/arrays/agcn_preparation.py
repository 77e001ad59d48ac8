"""Undo 2s-AGCN's preparation of a clip of NTU RGB+D as far as possible.

The steps of `data_gen/preprocess.py` (Shi et al. 2019) are, in this order: every body is moved to the first frame if it
enters later, and repeated from there until 300 frames are full, each with its own period. The centre joint of the first
body is subtracted from all bodies, frame by frame. The clip is rotated until the trunk of the first body's first frame
is upright along z and its shoulders lie along x. In frames without the first body nothing is subtracted.

The repetition and the direction of the vertical are undone here. The positions and paths of people in the room, the
frame in which a body entered, and the camera's view are lost.
"""

import numpy as np
from numpy.typing import NDArray

from stgdn.skeleton import Layout

SAME = 1e-4  # metres; float32 rounds to 1e-6, two frames of a recording differ by more than a millimetre

Float = NDArray[np.float32]


def restore(joints: Float, skeleton: Layout) -> Float:
    """Keep one period of a repeated clip, and rotate it back to y up if it was rotated.

    The other bodies are known relative to the first one only, so they count as unseen where the first one is unseen.

    Args:
        joints: (M, T, V, 3) as the array has them, zeros where a body is not seen.
        skeleton: the joint layout.

    Returns:
        (M, T, V, 3) metres, y up, zeros from the frame at which a body repeats itself; of a clip that was not prepared
        in this way only the repetition is removed.
    """
    joints = joints.copy()
    for body in joints:
        body[period(body, skeleton.centre) :] = 0
    if not is_centred(joints, skeleton):
        return joints
    joints[1:, ~seen(joints[0])] = 0
    x, y, z = np.moveaxis(joints, -1, 0)
    return np.stack([x, z, -y], axis=-1)


def period(body: Float, centre: int) -> int:
    """Return the number of frames after which a body (T, V, 3) repeats itself to the end, T if it does not.

    Poses are compared relative to the body's own centre joint: from the second body, the position of the first was
    subtracted, and that repeats with another period.
    """
    T = len(body)
    if not body[0].any():
        return T
    with np.errstate(over="ignore", invalid="ignore"):
        poses = body - body[:, centre : centre + 1]
        like_first = np.flatnonzero(np.abs(poses[1:] - poses[0]).max(axis=(1, 2)) < SAME) + 1
        repeats = (frames for frames in like_first.tolist() if np.abs(poses[frames:] - poses[:-frames]).max() < SAME)
        return next(repeats, T)


def is_centred(joints: Float, skeleton: Layout) -> bool:
    """Return whether the first body's centre joint is at the origin in every frame; (M, T, V, 3)."""
    return not skeleton.planar and bool(joints[0].any()) and not joints[0, :, skeleton.centre].any()


def seen(body: Float) -> NDArray[np.bool_]:
    """Return (T,), True for frames in which the body (T, V, 3) is not all zeros."""
    return np.asarray(body.any(axis=(1, 2)))
