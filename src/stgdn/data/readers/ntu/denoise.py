"""Select the actors of a clip from the bodies that Kinect tracked.

Kinect v2 tracks chairs and reflections beside people, loses people for some frames and gives them a new id when it
finds them again. `select_bodies` cleans a clip in six steps, with the thresholds published with CTR-GCN (Chen et al.
2021). `stgdn.data.readers.ntu.denoise_published` has the original preparations of CTR-GCN and 2s-AGCN.

1. One id is one body. Frames without a body do not count.
2. Merge: an id that appears where another one vanished before (centre joints nearer than half a metre, no
   frame in common) is the same person, see `merge_tracks`.
3. Drop bodies that are seen in at most `SHORT` frames, or for half of a clip shorter than 2 x `SHORT` frames.
4. Drop bodies that are wider than a person: in at least `WIDE_RATE` of the frames the x-spread is more than `WIDE`
   times the y-spread. The narrowest body stays, so that a lone person lying down is kept.
5. Keep the bodies of greatest motion, most active first. Motion is the variance of each joint over time, summed.
6. Clip time is the frames in which a kept body is seen. Between its first and last frame a body is unbroken: in
   frames without it, it moves linearly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stgdn.data.readers.bodies import merge_tracks, most_active
from stgdn.data.readers.tracks import Bodies, Track, assemble, frames_seen
from stgdn.skeleton import NTU25

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


def select_bodies(sightings: Sightings, max_bodies: int) -> Bodies:
    """Choose the persons of a clip, steps 1 to 6 of this module.

    Args:
        sightings: with a valid body in at least one frame.
        max_bodies: the most bodies to keep.

    Returns:
        (M, T, V, 3) float32 coordinates in metres, most active body first, zeros where absent; (M, T) bool presence,
        one unbroken run a body, at least one body in every frame. 1 <= M <= `max_bodies`.
    """
    bodies = drop_wide(drop_short(merge_tracks(identify(sightings), NTU25)))
    return assemble(most_active(bodies, max_bodies))


def identify(sightings: Sightings) -> list[Track]:
    """Return the track of each id, in order of appearance (step 1)."""
    seen = sightings.seen()
    rows = [body[seen[body]] for body in sightings.by_id()]
    return [Track(sightings.frames[body], sightings.joints[body]) for body in rows if len(body)]


def drop_short(tracks: Sequence[Track]) -> list[Track]:
    """Drop tracks of too few frames (step 3); if all are short, the longest remain."""
    limit = min(SHORT, len(frames_seen(tracks)) // 2)
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
