"""Tracks of bodies: join them, fill in joints that were not seen, and align them to the frames of a clip."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.skeleton import Layout

Number = TypeVar("Number", np.float32, np.float64)
Bodies = tuple[NDArray[np.float32], NDArray[np.bool_]]  # joints (M, T, V, 3) and presence (M, T), as in `Clip`


@dataclass(frozen=True)
class Track:
    """Hold one body in the frames in which it was seen.

    Attributes:
        frames: (n,) int64 numbers of the recording's frames, ascending, n >= 1.
        joints: (n, V, 3) float64, metres.
    """

    frames: NDArray[np.int64]
    joints: NDArray[np.float64]


def tracks_of(joints: NDArray[np.float32]) -> list[Track]:
    """Return the tracks of bodies (M, T, V, 3); a body is seen in frames in which its joints are not all zeros.

    Raises:
        ClipError: no body in any frame.
    """
    seen = np.asarray(joints.any(axis=(2, 3)))
    found = [Track(np.flatnonzero(at), body[at].astype(np.float64)) for body, at in zip(joints, seen, strict=True)]
    found = [track for track in found if len(track.frames)]
    if not found:
        raise ClipError("no body in any frame")
    return found


def complete_tracks(joints: NDArray[np.float32], layout: Layout) -> list[Track]:
    """Return the tracks of bodies (M, T, V, 3); joints at exactly zero were not seen and are filled in."""
    return [
        Track(track.frames, fill_missing(track.joints, np.asarray(track.joints.any(axis=-1)), layout, track.frames))
        for track in tracks_of(joints)
    ]


def link_tracks(
    tracks: Sequence[Track],
    position: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    within: float,
    gap: float = math.inf,
) -> list[list[int]]:
    """Return for every person the indices of their tracks, one after the other.

    Tracks are taken in order of their first frame; each continues the nearest one that has ended closer than `within`
    to its first position, or else is a new person.

    Args:
        tracks: of all bodies.
        position: returns the position of a body from its joints (V, 3).
        within: largest distance, in the units of a position.
        gap: the most frames between the end of a track and the beginning of the next.
    """
    firsts = np.array([position(track.joints[0]) for track in tracks])
    lasts = np.array([position(track.joints[-1]) for track in tracks])
    persons: list[list[int]] = []
    last_frame = np.empty(len(tracks), dtype=np.int64)
    last_position = np.empty_like(lasts)
    for index in sorted(range(len(tracks)), key=lambda index: int(tracks[index].frames[0])):
        frames, known = tracks[index].frames, len(persons)
        distance = np.linalg.norm(last_position[:known] - firsts[index], axis=-1)
        between = frames[0] - last_frame[:known] - 1
        distance[(between < 0) | (between > gap)] = np.inf
        if known and distance.min() < within:
            person = int(distance.argmin())
            persons[person].append(index)
        else:
            person = known
            persons.append([index])
        last_frame[person], last_position[person] = frames[-1], lasts[index]
    return persons


def join(tracks: Sequence[Track]) -> Track:
    """Concatenate tracks, none of which begins before the previous one ends."""
    return Track(
        np.concatenate([track.frames for track in tracks]),
        np.concatenate([track.joints for track in tracks]),
    )


def frames_seen(tracks: Sequence[Track]) -> NDArray[np.int64]:
    """Return the numbers of the frames in which one of the tracks is seen, ascending, (T,)."""
    return np.unique(np.concatenate([track.frames for track in tracks]))


def assemble(tracks: Sequence[Track], times: NDArray[np.int64] | None = None) -> Bodies:
    """Align bodies to the clip's frames; in a gap a body moves linearly.

    Args:
        tracks: at least one body.
        times: (T,) the recording's frames that make the clip, ascending; None for those in which a track is seen.

    Returns:
        (M, T, V, 3) float32 and (M, T) bool.
    """
    times = frames_seen(tracks) if times is None else times
    joints = np.zeros((len(tracks), len(times), *tracks[0].joints.shape[1:]), dtype=np.float32)
    present = np.zeros(joints.shape[:2], dtype=np.bool_)
    for body, track in enumerate(tracks):
        run = slice(np.searchsorted(times, track.frames[0]), np.searchsorted(times, track.frames[-1]) + 1)
        joints[body, run] = interpolate(track, times[run])
        present[body, run] = True
    return joints, present


def interpolate(track: Track, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the body's joints (m, V, 3) at frames `at` (m,), all between its first and its last one."""
    after = np.searchsorted(track.frames, at)
    before = after - (track.frames[after] != at)
    span = np.maximum(track.frames[after] - track.frames[before], 1)
    weight = ((at - track.frames[before]) / span)[:, None, None]
    return track.joints[before] + weight * (track.joints[after] - track.joints[before])


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


def to_float32(joints: NDArray[np.floating], frames: NDArray[np.integer] | None = None) -> NDArray[np.float32]:
    """Convert joints (n, V, C) to float32; `frames` (n,) are their frames, None for consecutive ones.

    Raises:
        ClipError: a coordinate is not finite, or too large for float32.
    """
    with np.errstate(over="ignore"):
        converted = joints.astype(np.float32)
    bad = np.argwhere(~np.isfinite(converted))
    if len(bad):
        row, joint = bad[0, :2]
        raise ClipError(f"joint {joint} in frame {row if frames is None else frames[row]} is not finite")
    return converted
