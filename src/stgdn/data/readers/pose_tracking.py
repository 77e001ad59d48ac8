"""Track the people that a pose estimator finds in single frames, and choose those to keep."""

import numpy as np
from numpy.typing import NDArray

from stgdn.data.readers.tracks import Bodies, Track, interpolate

GATE = 0.15  # shares of the picture: largest distance from a person's last position
GAP = 30  # frames, a second: the longest gap in the track of a person
LISTED = 5  # ST-GCN looks at the first so many people of a frame

Float = NDArray[np.float32]
Rows = NDArray[np.int64]


def track(frames: Rows, people: Float) -> Rows:
    """Return the person of each pose (P, V, 3) in the picture, see `follow`."""
    return follow(frames, people[..., :2], people[..., 2] > 0, GATE)


def follow(frames: Rows, joints: NDArray[np.floating], found: NDArray[np.bool_], gate: float) -> Rows:
    """Return the person of each pose: a person is near their last position, the mean of the joints found.

    Frame by frame, the nearest pair of a person seen within the last `GAP` frames and one of this frame is the same
    person, then the next nearest of the others, until no pair is left within `gate`. The rest are new persons.

    Args:
        frames: (P,) ascending.
        joints: (P, V, D).
        found: (P, V), at least one joint of each pose.
        gate: the largest distance from a person's last position.

    Returns:
        (P,) numbers from 0, the same for the same person.
    """
    positions = np.where(found[..., None], joints, 0).sum(axis=1, dtype=np.float64) / found.sum(axis=1)[:, None]
    person_ids = np.empty(len(frames), dtype=np.int64)
    last = np.empty(len(frames), dtype=np.int64)  # the row in which each person was seen last
    count = 0
    for rows in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames)) + 1):
        recent = np.flatnonzero(frames[last[:count]] >= frames[rows[0]] - GAP - 1)
        distance = np.linalg.norm(positions[last[recent], None] - positions[rows], axis=-1)
        person_ids[rows] = -1
        while distance.size and distance.min() <= gate:
            person, row = np.unravel_index(distance.argmin(), distance.shape)
            person_ids[rows[row]] = recent[person]
            distance[person], distance[:, row] = np.inf, np.inf
        new = rows[person_ids[rows] < 0]
        person_ids[new] = np.arange(count, count + len(new))
        count += len(new)
        last[person_ids[rows]] = rows
    return person_ids


def rank(frames: Rows, people: Float) -> Rows:
    """Number the people of every frame by confidence, highest first, as ST-GCN's feeder does.

    Of the first `LISTED` people that a frame lists, the first body is always the one of highest confidence and the
    second the next, so that a body may be different persons in different frames. The arguments are those of `track`.

    Returns:
        (P,) numbers from 0, highest total confidence first; from `LISTED` up for people that ST-GCN leaves out.
    """
    position = np.arange(len(frames)) - np.searchsorted(frames, frames)
    ordered = np.lexsort((-_confidence(people), position >= LISTED, frames))
    person_ids = np.empty_like(position)
    person_ids[ordered] = position
    return person_ids


def _confidence(people: Float) -> NDArray[np.float64]:
    return people[..., 2].sum(axis=1, dtype=np.float64)


def keep_most_confident(
    frames: Rows, people: Float, person_ids: Rows, length: int, max_bodies: int, *, bridge: bool
) -> Bodies:
    """Align the persons of highest total confidence to the clip's frames.

    Args:
        frames: (P,) ascending.
        people: (P, V, 3) x, y, confidence.
        person_ids: (P,) numbers from 0, at most one row a number and frame.
        length: T, frames of the clip.
        max_bodies: the most persons to keep.
        bridge: between the frames around a gap, a joint found in both moves linearly, with confidence 0, and others
            are 0; False to leave gaps 0, which the network takes for an empty body.

    Returns:
        (M, T, V, 3) float32, person of highest confidence first, and (M, T) bool, True from a person's first frame to
        the last.
    """
    total = np.bincount(person_ids, _confidence(people))
    kept = [person for person in np.argsort(-total, kind="stable")[:max_bodies] if total[person] > 0]
    joints = np.zeros((len(kept), length, *people.shape[1:]), dtype=np.float32)
    present = np.zeros(joints.shape[:2], dtype=np.bool_)
    for body, person in enumerate(kept):
        rows = person_ids == person
        seen = frames[rows]
        run = slice(seen[0], seen[-1] + 1)
        if bridge:
            joints[body, run] = _bridged(seen, people[rows], np.arange(seen[0], seen[-1] + 1))
        joints[body, seen] = people[rows]
        present[body, run] = True
    return joints, present


def _bridged(seen: Rows, person: Float, at: Rows) -> NDArray[np.float64]:
    """Interpolate the joints of a person (n, V, 3), seen at frames (n,), to all frames (m,), with confidence 0."""
    found = (person[..., 2:] > 0).astype(np.float64)
    found_in_both = interpolate(Track(seen, found), at) == 1
    moved = interpolate(Track(seen, person.astype(np.float64)), at) * found_in_both
    moved[..., 2] = 0
    return moved
