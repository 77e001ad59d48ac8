"""From tracks to the bodies of a clip, the same for files, arrays and streams.

1. A track that begins where another one ended is the same person (`successions`).
2. The most active bodies are kept; in a picture those of most confidence.
3. Clip time is the frames in which a kept body is seen. In its gaps a body moves linearly.

Readers of published preparations choose their bodies as published and share step 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError
from stgdn.data.readers.kinetics.tracking import GAP, GATE
from stgdn.data.readers.ntu.denoise import SEAM, Track, assemble, join, most_active, succession
from stgdn.skeleton import Layout

Bodies = tuple[NDArray[np.float32], NDArray[np.bool_]]


def clip_bodies(tracks: Sequence[Track], most: int, layout: Layout, length: int | None = None) -> Bodies:
    """Return the bodies of a clip, steps 1 to 3 of this module.

    Args:
        tracks: of everybody, at least one.
        most: the most bodies to keep.
        layout: of the joints.
        length: frames of the recording, to keep those in which nobody is seen; None to leave them out.

    Returns:
        (M, T, V, 3) float32 and (M, T) bool as a clip has them, main body first.
    """
    persons = [join([tracks[index] for index in person]) for person in successions(tracks, layout)]
    return lay_out(keep(persons, most, layout), layout, length)


def successions(tracks: Sequence[Track], layout: Layout) -> list[list[int]]:
    """Return for every person the indices of their tracks, one after the other.

    In space a track continues one that has ended less than `SEAM` metres from where it begins, as in NTU RGB+D; in a
    picture one that has ended within `GATE` of its size and `GAP` frames, as in Kinetics-Skeleton.
    """
    if layout.planar:
        return succession(tracks, _place_in_picture, GATE, GAP)
    return succession(tracks, lambda pose: pose[layout.centre], SEAM)


def _place_in_picture(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (2,), the mean of the joints (V, 3) that were found."""
    found = pose[:, 2] > 0
    return pose[found if found.any() else slice(None), :2].mean(axis=0)


def keep(tracks: Sequence[Track], most: int, layout: Layout) -> list[Track]:
    """Return the most active tracks, in a picture those of most confidence, summed over all frames, main body first."""
    if not layout.planar:
        return most_active(tracks, most)
    return sorted(tracks, key=lambda track: -float(track.joints[..., 2].sum()))[:most]


def lay_out(tracks: Sequence[Track], layout: Layout, length: int | None = None) -> Bodies:
    """Lay tracks on one clip time and fill their gaps linearly, in a picture with confidence 0 (step 3).

    Arguments and result are those of `clip_bodies`.
    """
    times = np.unique(np.concatenate([track.frames for track in tracks])) if length is None else np.arange(length)
    joints, present = assemble(tracks, times)
    if layout.planar:
        for body, track in zip(joints, tracks, strict=True):
            body[~np.isin(times, track.frames), :, 2] = 0
    return joints, present


def tracks_of(joints: NDArray[np.float32]) -> list[Track]:
    """Return the bodies (M, T, V, 3) where they are seen, which is where they are not all zeros.

    Raises:
        ClipError: nobody in any frame.
    """
    seen = np.asarray(joints.any(axis=(2, 3)))
    found = [Track(np.flatnonzero(at), body[at].astype(np.float64)) for body, at in zip(joints, seen, strict=True)]
    found = [track for track in found if len(track.frames)]
    if not found:
        raise ClipError("no body in any frame")
    return found


def keeps_empty_frames(reader: Mapping[str, Any]) -> bool:
    """Return whether clips read with these settings hold the frames in which nobody is seen.

    Only those of Kinetics-Skeleton do, whose reader alone tracks people.
    """
    return "tracking" in reader


def drop_empty_frames(clip: Clip) -> Clip:
    """Return a clip without the frames in which nobody is present."""
    seen = clip.present.any(axis=0)
    return clip if seen.all() else replace(clip, joints=clip.joints[:, seen], present=clip.present[:, seen])
