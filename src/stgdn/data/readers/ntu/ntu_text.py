"""The text of a `.skeleton` file: numbers between white space, wherever its lines end.

The number of frames; for every frame the number of bodies; for every body 10 values (the first is its id), the number
of joints, and 12 values a joint (x, y, z in metres first, camera coordinates, y up). Only ids, counts and x, y, z are
used, and only these are converted: nine tenths of the time goes into the conversion of numbers.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.data.readers.ntu.denoise import Sightings
from stgdn.data.readers.tracks import to_float32
from stgdn.skeleton import NTU25

JOINTS = NTU25.num_joints
BODY_VALUES = 10
JOINT_VALUES = 12
MAX_FRAMES = 20_000  # 11 minutes; the longest clips have 300


def parse(text: bytes) -> Sightings:
    """Read every body of every frame, those with all joints at exactly zero included.

    Takes about 25 times the text's size in memory at worst (numbers of one or two digits), 6 times as recorded.

    Raises:
        ClipError: the text is empty, truncated or garbled, has a body of other than 25 joints, a coordinate that is
            not a finite number, more than `MAX_FRAMES` frames, or no body in any of them.
    """
    tokens = text.split()
    found = list(_walk(tokens))
    if int(tokens[0]) > MAX_FRAMES:
        raise ClipError(f"has {int(tokens[0])} frames, no clip has more than {MAX_FRAMES}")
    frames, positions, starts = np.array(found, dtype=np.int64).reshape(-1, 3).T
    joints = _joints(tokens, starts.tolist())
    to_float32(joints, frames)  # stays float64: bodies are chosen before they are rounded
    if not joints.any():
        raise ClipError("no body in any frame")
    return Sightings(frames, positions, [tokens[start - BODY_VALUES - 1] for start in starts], joints)


def _walk(tokens: list[bytes]) -> Iterator[tuple[int, int, int]]:
    """Yield (frame, position in the frame, index of the first joint's x) of every body of every frame."""
    if not tokens:
        raise ClipError("is empty")
    num_frames, at = _count(tokens[0], "frames"), 1
    for frame in range(num_frames):
        ended = f"ends after {frame} of {num_frames} frames"
        if at >= len(tokens):
            raise ClipError(ended)
        bodies, at = _count(tokens[at], "bodies"), at + 1
        for position in range(bodies):
            start = at + BODY_VALUES + 1
            if start > len(tokens):
                raise ClipError(ended)
            num_joints = _count(tokens[start - 1], "joints")
            if num_joints != JOINTS:
                raise ClipError(f"body with {num_joints} joints, expected {JOINTS}")
            at = start + JOINTS * JOINT_VALUES
            if at > len(tokens):
                raise ClipError(ended)
            yield frame, position, start
    if at < len(tokens):
        raise ClipError(f"goes on after its {num_frames} frames, with {len(tokens) - at} more values")


def _count(token: bytes, what: str) -> int:
    if not token.isdigit() or len(token) > 9:
        raise ClipError(f"{_quoted(token)} stands where the number of {what} should")
    return int(token)


def _joints(tokens: list[bytes], starts: list[int]) -> NDArray[np.float64]:
    """Convert x, y, z of the bodies that begin at `starts` to (bodies, V, 3)."""
    values: list[bytes] = []
    for start in starts:
        end = start + JOINTS * JOINT_VALUES
        for axis in range(3):
            values += tokens[start + axis : end : JOINT_VALUES]
    try:
        numbers = np.fromiter(map(float, values), np.float64, len(values))
    except ValueError:
        wrong = next(value for value in values if not _is_number(value))
        raise ClipError(f"{_quoted(wrong)} is not a number") from None
    return np.ascontiguousarray(numbers.reshape(-1, 3, JOINTS).swapaxes(1, 2))


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _quoted(token: bytes) -> str:
    text = repr(token[:20])[2:-1]  # control characters escaped
    return f"'{text}...'" if len(token) > 20 else f"'{text}'"
