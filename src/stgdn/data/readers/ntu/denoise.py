"""Select the actors of a clip from the bodies that Kinect tracked.

Kinect v2 tracks chairs and reflections beside people, loses people for some frames and gives them a new id when it
finds them again. `select_bodies` cleans a clip in six steps, with the thresholds published with CTR-GCN (Chen et al.
2021). `stgdn.data.readers.ntu.denoise_published` has the original preparations of CTR-GCN and 2s-AGCN.

1. One id is one body. Frames without a body do not count.
2. Merge: an id that appears where another one vanished before (centre joints nearer than `SEAM` metres, no frame in
   common) is the same person.
3. Drop bodies that are seen in at most `SHORT` frames, or for half of a clip shorter than 2 x `SHORT` frames.
4. Drop bodies that are wider than a person: in at least `WIDE_RATE` of the frames the x-spread is more than `WIDE`
   times the y-spread. The narrowest body stays, so that a lone person lying down is kept.
5. Keep the bodies of greatest motion, most active first. Motion is the variance of each joint over time, summed.
6. Clip time is the frames in which a kept body is seen. Between its first and last frame a body is unbroken: in
   frames without it, it moves linearly.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEAM = 0.5
SHORT = 10
WIDE = 0.8
WIDE_RATE = 0.69754


@dataclass(frozen=True)
class Sightings:
    """Hold every body of every frame, in the order of the sensor.

    Attributes:
        frames: (n,) int64 frame number in the recording, ascending, from 0.
        positions: (n,) int64 position among the bodies of the frame, from 0.
        ids: n ids, as text: they have 17 to 19 digits, more than a float64 holds.
        joints: (n, V, 3) float64, metres.
    """

    frames: NDArray[np.int64]
    positions: NDArray[np.int64]
    ids: Sequence[bytes]
    joints: NDArray[np.float64]

    def seen(self) -> NDArray[np.bool_]:
        """Return the mask of valid bodies, (n,); a body with all joints at exactly zero is not valid."""
        return (self.joints != 0).any(axis=(1, 2))

    def by_id(self) -> list[NDArray[np.int64]]:
        """Return the rows of every id, in order of appearance; an id that occurs twice in a frame counts once."""
        rows: dict[bytes, list[int]] = {}
        for row, body in enumerate(self.ids):
            rows.setdefault(body, []).append(row)
        return [np.array(body)[np.unique(self.frames[body], return_index=True)[1]] for body in rows.values()]


@dataclass(frozen=True)
class Track:
    """Hold one body in the frames in which it was seen.

    Attributes:
        frames: (n,) int64 numbers of the recording's frames, ascending, n >= 1.
        joints: (n, V, 3) float64, metres.
    """

    frames: NDArray[np.int64]
    joints: NDArray[np.float64]


def select_bodies(sightings: Sightings, max_bodies: int, centre: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Choose the persons of a clip, steps 1 to 6 of this module.

    Args:
        sightings: with a valid body in at least one frame.
        max_bodies: the most bodies to keep.
        centre: index of the joint that gives a body's position.

    Returns:
        (M, T, V, 3) float32 coordinates in metres, most active body first, zeros where absent; (M, T) bool presence,
        one unbroken run a body, at least one body in every frame. 1 <= M <= `max_bodies`.
    """
    bodies = merge(identify(sightings), centre)
    bodies = drop_short(bodies)
    bodies = drop_wide(bodies)
    return assemble(most_active(bodies, max_bodies))


def identify(sightings: Sightings) -> list[Track]:
    """Return the track of each id, in order of appearance (step 1)."""
    seen = sightings.seen()
    rows = [body[seen[body]] for body in sightings.by_id()]
    return [Track(sightings.frames[body], sightings.joints[body]) for body in rows if len(body)]


def merge(tracks: Sequence[Track], centre: int) -> list[Track]:
    """Join the tracks of one person whose id changed (step 2)."""
    persons = link_tracks(tracks, lambda pose: pose[centre], SEAM)
    return [join([tracks[index] for index in person]) for person in persons]


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


def drop_short(tracks: Sequence[Track]) -> list[Track]:
    """Drop tracks of too few frames (step 3); if all are short, the longest remain."""
    limit = min(SHORT, len(_times(tracks)) // 2)
    longest = max(len(track.frames) for track in tracks)
    return [track for track in tracks if len(track.frames) > limit or len(track.frames) == longest]


def drop_wide(tracks: Sequence[Track]) -> list[Track]:
    """Drop tracks that are wider than a person (step 4); the narrowest remains."""
    rates = [float(wide(track.joints).mean()) for track in tracks]
    narrowest = int(np.argmin(rates))
    return [t for index, t in enumerate(tracks) if rates[index] < WIDE_RATE or index == narrowest]


def wide(joints: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (n,), True for frames in which x-spread > `WIDE` * y-spread; `joints` is (n, V, 3)."""
    x, y, _ = np.moveaxis(np.ptp(joints, axis=1), -1, 0)
    return x > WIDE * y


def motion(joints: NDArray[np.float64]) -> float:
    """Return the variance over time of every coordinate of every joint, summed, in square metres; (n, V, 3)."""
    return float(joints.var(axis=0).sum())


def most_active(tracks: Sequence[Track], max_bodies: int) -> list[Track]:
    """Return the `max_bodies` tracks of greatest motion, most active first (step 5); of equals the earlier one."""
    return sorted(tracks, key=lambda track: -motion(track.joints))[:max_bodies]


def assemble(
    tracks: Sequence[Track], times: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Align bodies to the clip's frames and fill their gaps (step 6).

    Args:
        tracks: at least one body.
        times: (T,) the recording's frames that make the clip, ascending; None for those in which a track is seen.

    Returns:
        (M, T, V, 3) float32 and (M, T) bool.
    """
    times = _times(tracks) if times is None else times
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


def _times(tracks: Sequence[Track]) -> NDArray[np.int64]:
    return np.unique(np.concatenate([track.frames for track in tracks]))
