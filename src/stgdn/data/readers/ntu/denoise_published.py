"""The preparations of NTU RGB+D published with CTR-GCN and 2s-AGCN: their selection and timing of bodies.

Both end where `denoise.select_bodies` does: with the bodies of a clip in metres, in the camera's coordinates. Their
next steps (centring, rotation, filling up to 300 frames) are done in batches, see `stgdn.data.batches.transforms`. Two
things are not as published. Between its first and its last frame a missing body moves linearly, since a
store holds unbroken bodies; the published functions leave zeros. And an id listed twice in a frame counts once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.data.readers.ntu.denoise import WIDE_RATE, Sightings, wide
from stgdn.data.readers.tracks import Bodies, Track, assemble

SHORT = 11
MOST_LISTED = 4


def ctr_gcn(sightings: Sightings, max_bodies: int) -> Bodies:
    """Choose the actors as CTR-GCN does (Chen et al. 2021; `get_raw_skes_data.py`, `get_raw_denoised_data.py`).

    1. One id is one body. It runs without a break from the first frame that lists it: where frames are missing, what
       follows moves forward. Frames without a body do not count.
    2. A lone id is the actor. Of several, drop those listed in at most `SHORT` frames, then, in order of appearance
       and while another is left, those that are wide in at least `WIDE_RATE` of their frames.
    3. Order by spread about one mean (see `spread`), of all frames or of those that are not wide, if that is less.
    4. The first is the first actor. Every next body becomes part of the first actor with whom it shares at most one
       frame, from the actor's first frame to its last, and takes this one over. Actors after the first count as there
       from frame 0 on. A body that fits nowhere is dropped.
    5. Clip time is the frames in which an actor is seen.

    Args:
        sightings: with a valid body in at least one frame.
        max_bodies: the most actors; two as published.

    Returns:
        As `denoise.select_bodies`, actors in the order of step 4.

    Raises:
        ClipError: no body is left.
    """
    bodies = _unbroken(sightings)
    if len(bodies) > 1:
        bodies = [track for track in bodies if len(track.frames) > SHORT]
    actors = [actor for actor in _assign_actors(_by_spread(bodies), max_bodies) if len(actor.frames)]
    if not actors:
        raise ClipError(f"several bodies, none of them seen in more than {SHORT} frames")
    return assemble(actors)


def _unbroken(sightings: Sightings) -> list[Track]:
    """Return a track without breaks for every id; only frames that list a body count."""
    time = np.unique(sightings.frames, return_inverse=True)[1]
    return [Track(time[rows[0]] + np.arange(len(rows)), sightings.joints[rows]) for rows in sightings.by_id()]


def spread(joints: NDArray[np.float64]) -> float:
    """Return the variance of all joints of all frames about one mean, in square metres; `joints` is (n, V, 3).

    CTR-GCN takes it for motion. A person's size counts as well.
    """
    return float(joints.reshape(-1, 3).var(axis=0).sum())


def _by_spread(bodies: Sequence[Track]) -> list[Track]:
    """Drop wide bodies, unless one is left, and order the others by spread, the greatest first."""
    left, kept = len(bodies), list[tuple[float, Track]]()
    for track in bodies:
        is_wide, amount = wide(track.joints), spread(track.joints)
        if left > 1 and is_wide.mean() >= WIDE_RATE:
            left -= 1
            continue
        if not is_wide.all():
            amount = min(amount, spread(track.joints[~is_wide]))
        kept.append((amount, track))
    return [track for _, track in sorted(kept, key=lambda pair: -pair[0])]


def _assign_actors(bodies: Sequence[Track], max_bodies: int) -> list[Track]:
    """Assign every body to an actor, as in step 4 of `ctr_gcn`."""
    actors: list[list[Track]] = [[] for _ in range(max_bodies)]
    spans = [(0, 0)] * max_bodies
    for number, track in enumerate(bodies):
        first, last = int(track.frames[0]), int(track.frames[-1])
        if number == 0:
            actors[0], spans[0] = [track], (first, last)
            continue
        for actor, (begin, end) in enumerate(spans):
            if min(end, last) <= max(begin, first):
                actors[actor].append(track)
                spans[actor] = min(begin, first), max(end, last)
                break
    return [_merge_tracks(actor) for actor in actors if actor]


def _merge_tracks(tracks: Sequence[Track]) -> Track:
    """Merge tracks, without empty frames; in a frame of several tracks the joints of the last one count."""
    frames = np.concatenate([track.frames for track in tracks])[::-1]
    joints = np.concatenate([track.joints for track in tracks])[::-1]
    frames, rows = np.unique(frames, return_index=True)
    seen = joints[rows].any(axis=(1, 2))
    return Track(frames[seen], joints[rows][seen])


def agcn(sightings: Sightings, max_bodies: int) -> Bodies:
    """Choose the bodies as 2s-AGCN does (Shi et al. 2019; `ntu_gendata.py`, and the start of `preprocess.py`).

    1. Ids do not count: the first bodies of all frames are one body, the second ones another, up to `MOST_LISTED`.
    2. The bodies of greatest `energy` are kept, the greatest first, of equals the later one.
    3. Clip time is the recording's, empty frames included, up to the last in which a kept body is seen. A
       body that is missing in the first frame is moved to the begin of the clip and has no breaks.

    Args:
        sightings: with a valid body in at least one frame.
        max_bodies: the most bodies; two as published.

    Returns:
        As `denoise.select_bodies`, with the bodies in the order of step 2.

    Raises:
        ClipError: no body is left.
    """
    seen, bodies = sightings.seen(), list[Track]()
    for position in range(MOST_LISTED):
        rows = np.flatnonzero(seen & (sightings.positions == position))
        if len(rows):
            bodies.append(Track(sightings.frames[rows], sightings.joints[rows]))
    if not bodies:
        raise ClipError(f"no body among the first {MOST_LISTED} bodies of any frame")
    kept = sorted(bodies, key=lambda track: energy(track.joints))[::-1][:max_bodies]
    kept = [track if track.frames[0] == 0 else Track(np.arange(len(track.frames)), track.joints) for track in kept]
    return assemble(kept, np.arange(max(track.frames[-1] for track in kept) + 1))


def energy(joints: NDArray[np.float64]) -> float:
    """Return the standard deviations of all joints of all frames about one mean, summed over axes; (n, V, 3), metres.

    2s-AGCN's measure of activity. A person's size counts as well.
    """
    return float(joints.reshape(-1, 3).std(axis=0).sum())
