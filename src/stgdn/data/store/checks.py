"""Checks of clips of any source, stored or about to be: shapes, finite joints, labels, unbroken runs, metres."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, Reader, valid_runs
from stgdn.data.store.clip_arrays import NAME_LENGTH
from stgdn.errors import InputError
from stgdn.files import name_problem
from stgdn.skeleton import Layout

MAX_BONE = 3.0  # metres
SMALLEST, LARGEST = 0.1, 10.0  # metres from end to end
FARTHEST = 60_000.0  # the range of float16; larger than any coordinate in any unit
HIGH, LOW = "head|nose|neck|eye|shoulder", "knee|ankle|foot|toe|heel"  # parts of a body, in names of joints
LARGEST_CONFIDENCE = 1000.0  # of half of the joints in pictures; a share, at most a detector's score or a percentage


def check(clip: Clip, reader: Reader) -> None:
    """Check name, shape, joints, label and values of a clip.

    Raises:
        ClipError: the name or the label is wrong; the message is the reason.
    """
    if len(clip.name) > NAME_LENGTH:
        raise ClipError(f"a name of more than {NAME_LENGTH} characters")
    problem = next(filter(None, (name_problem(part, first=".") for part in clip.name.split("/"))), None)
    if problem:
        raise ClipError(f"a name that cannot be that of a file: {problem}")
    if not 0 <= clip.label < len(reader.classes):
        raise ClipError(f"label {clip.label} is outside the {len(reader.classes)} classes")
    check_bodies(clip, reader.layout, reader.max_bodies)


def check_bodies(clip: Clip, layout: Layout, max_bodies: int) -> None:
    """Check shape, joints and values of a clip, whatever its name and label.

    Raises:
        ClipError: one of these is wrong; the message is the reason.
    """
    if clip.joints.ndim != 4:
        raise ClipError(f"an array of {clip.joints.ndim} axes, expected bodies, frames, joints, coordinates")
    M, T, V, C = clip.joints.shape
    if (layout.num_joints, layout.channels) != (V, C):
        raise ClipError(
            f"{V} joints with {C} numbers, layout {layout.name} has {layout.num_joints} with {layout.channels}"
        )
    if clip.present.shape != (M, T) or not clip.present[:max_bodies].any():
        raise ClipError("no body in any frame")
    lengths = [frames for _, frames in valid_runs(clip.present)]
    if lengths != clip.present.sum(axis=1).tolist() or not lengths[0]:
        raise ClipError("a body with gaps, or no first body")
    if not np.isfinite(clip.joints).all():
        raise ClipError("NaN or infinite joints")
    if np.abs(clip.joints).max() > FARTHEST:
        raise ClipError(f"a coordinate beyond {FARTHEST:,.0f}")


def up_axis(poses: NDArray[np.floating], joints: Sequence[str]) -> str:
    """Return the axis along which heads are above feet in most poses (n, V, D), such as `-y`; '' if none is."""
    valid = (poses != 0).any(axis=-1, keepdims=True) & (np.abs(poses) <= FARTHEST).all(axis=-1, keepdims=True)
    found, seen, ends = np.where(valid, poses, 0).astype(np.float64), np.ones(len(poses), np.bool_), []
    for words in (HIGH, LOW):
        chosen = [joint for joint, name in enumerate(joints) if re.search(words, name.lower())]
        count = valid[:, chosen].sum(axis=1)
        ends.append(found[:, chosen].sum(axis=1) / np.maximum(count, 1))
        seen &= count[:, 0] > 0
    heights = (ends[0] - ends[1])[seen]
    axis = int(np.abs(np.median(heights, axis=0)).argmax()) if len(heights) else 0
    share = float((heights[:, axis] > 0).mean()) if len(heights) else 0.5
    return "" if 0.2 < share < 0.8 else f"{'-' * (share < 0.5)}{'xyz'[axis]}"


def first_impossible(coordinates: NDArray[np.floating]) -> int | None:
    """Return the index in flat coordinates of the first that is not finite or beyond `FARTHEST`; None if none is.

    Without their sign, floating-point numbers are in the order of their bits, infinity and NaN last. So one maximum of
    integers is enough, also for float16, which numpy compares slowly.
    """
    kind = np.dtype(f"u{coordinates.dtype.itemsize}")
    magnitudes = coordinates.reshape(-1).view(kind) & kind.type(np.iinfo(kind).max >> 1)
    largest = np.array(FARTHEST, coordinates.dtype).view(kind)
    return None if magnitudes.max(initial=0) <= largest else int((magnitudes > largest).argmax())


def remark(joints: NDArray[np.float32], layout: Layout) -> str:
    """Return a remark about odd joints (M, T, V, 3) of a clip, in metres; '' if nothing is odd.

    A clip with a bone longer than a person is kept: mostly one joint was lost for a frame.
    """
    if layout.planar:
        return ""
    bones = joints - joints[:, :, list(layout.parents)]
    return f"has a bone of more than {MAX_BONE:g} m" if np.square(bones).sum(axis=-1).max() > MAX_BONE**2 else ""


def expect_metres(poses: NDArray[np.floating], layout: Layout, scale: float) -> None:
    """Check that poses (n, V, 3) have the size of people: half of them measure 0.1 to 10 m from end to end.

    Of planar layouts, for which a picture may be of any size, check the confidences.

    Raises:
        InputError: the median size is out of range; the sentence says what to type for another unit.
    """
    if layout.planar:
        confidence = float(np.median(poses[..., 2].astype(np.float64)))
        if confidence > LARGEST_CONFIDENCE:
            raise InputError(
                f"the median confidence of a joint is {confidence:,.3g}: it is a share from 0 to 1, and x and y are "
                "shares of the picture, so that the source is in another unit"
            )
        return
    size = float(np.median(np.linalg.norm(np.ptp(poses.astype(np.float64), axis=1), axis=-1)))
    if not SMALLEST <= size <= LARGEST:
        guess = min((0.001, 0.01, 1, 1000), key=lambda unit: abs(np.log(max(size, 1e-9) * unit / 1.5)))
        raise InputError(
            f"the median body is {size:,.3g} metres from end to end, people measure {SMALLEST:g} to {LARGEST:g}: say "
            f"what makes metres of the source's unit, scale={scale * guess:g} for example (own data: `units` in "
            "dataset.yaml)"
        )


def expect_usable(clip: Clip, joints: Layout) -> None:
    """Check a clip, whatever its label, and that its first body measures 0.1 to 10 metres."""
    check_bodies(clip, joints, len(clip.joints))
    expect_metres(clip.joints[:1, int(clip.present[0].argmax())], joints, 1.0)
