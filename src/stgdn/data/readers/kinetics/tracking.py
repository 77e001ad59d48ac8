"""Who is who among the people that a pose estimator finds in every frame anew, and which of them are kept."""

import numpy as np
from numpy.typing import NDArray

GATE = 0.15  # shares of the picture: farther from where a person was last seen is somebody else
GAP = 30  # frames, a second: a person not seen for longer is somebody else
LISTED = 5  # ST-GCN looks at the first so many people of a frame

Float = NDArray[np.float32]
Rows = NDArray[np.int64]


def track(frames: Rows, people: Float) -> Rows:
    """Say who is who: a person is near where they were seen last.

    Frame by frame, the nearest pair of a person seen within the last `GAP` frames and one of this frame is the same
    person, then the next nearest of the others, until nobody is left within `GATE`. The rest begin persons of their
    own. A place is the mean of the joints found.

    Args:
        frames: (P,) ascending.
        people: (P, V, 3) x, y, confidence; a joint not found has confidence 0.

    Returns:
        (P,) numbers from 0, the same for the same person.
    """
    found = people[..., 2:] > 0
    places = (people[..., :2] * found).sum(axis=1, dtype=np.float64) / found.sum(axis=1)
    who = np.empty(len(frames), dtype=np.int64)
    last = np.empty(len(frames), dtype=np.int64)  # the row in which each person was seen last
    count = 0
    for rows in np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames)) + 1):
        recent = np.flatnonzero(frames[last[:count]] >= frames[rows[0]] - GAP - 1)
        distance = np.linalg.norm(places[last[recent], None] - places[rows], axis=-1)
        who[rows] = -1
        while distance.size and distance.min() <= GATE:
            person, row = np.unravel_index(distance.argmin(), distance.shape)
            who[rows[row]] = recent[person]
            distance[person], distance[:, row] = np.inf, np.inf
        new = rows[who[rows] < 0]
        who[new] = np.arange(count, count + len(new))
        count += len(new)
        last[who[rows]] = rows
    return who


def rank(frames: Rows, people: Float) -> Rows:
    """Number the people of every frame by confidence, highest first, as ST-GCN's feeder does.

    Of the first `LISTED` people that a frame lists, one body is always the surest and the other the second, so that a
    body may be different persons from frame to frame. The arguments are those of `track`.

    Returns:
        (P,) numbers from 0, highest total confidence first; from `LISTED` up for whom ST-GCN leaves out.
    """
    place = np.arange(len(frames)) - np.searchsorted(frames, frames)
    ordered = np.lexsort((-_confidence(people), place >= LISTED, frames))
    who = np.empty_like(place)
    who[ordered] = place
    return who


def _confidence(people: Float) -> NDArray[np.float64]:
    return people[..., 2].sum(axis=1, dtype=np.float64)


def bodies(
    frames: Rows, people: Float, who: Rows, length: int, max_bodies: int, *, bridge: bool
) -> tuple[Float, NDArray[np.bool_]]:
    """Lay the persons of highest total confidence out on clip time.

    Args:
        frames: (P,) ascending.
        people: (P, V, 3) x, y, confidence.
        who: (P,) numbers from 0, at most one row a number and frame.
        length: T, frames of the clip.
        max_bodies: the most persons to keep.
        bridge: between the frames around a gap, a joint found in both moves linearly, with confidence 0, and others
            are 0; False to leave gaps 0, which to the network is nobody.

    Returns:
        (M, T, V, 3) float32, surest person first, and (M, T) bool, True from a person's first frame to the last.
    """
    total = np.bincount(who, _confidence(people))
    kept = [person for person in np.argsort(-total, kind="stable")[:max_bodies] if total[person] > 0]
    joints = np.zeros((len(kept), length, *people.shape[1:]), dtype=np.float32)
    present = np.zeros(joints.shape[:2], dtype=np.bool_)
    for body, person in enumerate(kept):
        rows = who == person
        seen = frames[rows]
        run = slice(seen[0], seen[-1] + 1)
        if bridge:
            joints[body, run] = _bridged(seen, people[rows], np.arange(seen[0], seen[-1] + 1))
        joints[body, seen] = people[rows]
        present[body, run] = True
    return joints, present


def _bridged(seen: Rows, person: Float, at: Rows) -> NDArray[np.float64]:
    """The joints of a person (n, V, 3), seen at frames (n,), at all frames (m,) of their run, with confidence 0."""
    after = np.searchsorted(seen, at)
    before = after - (seen[after] != at)
    weight = ((at - seen[before]) / np.maximum(seen[after] - seen[before], 1))[:, None, None]
    moved = person[before] + weight * (person[after].astype(np.float64) - person[before])
    moved *= (person[before, :, 2:] > 0) & (person[after, :, 2:] > 0)
    moved[..., 2] = 0
    return moved
