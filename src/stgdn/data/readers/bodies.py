"""Choose the bodies of a clip from tracks, in the same way for files, arrays and streams.

1. A track that begins where another one ended is the same person (`tracks_by_person`).
2. The most active bodies are kept; for planar joints those of highest confidence.
3. Clip time is the frames in which a kept body is seen. In its gaps a body moves linearly.

Readers of published preparations choose their bodies as published and share step 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip
from stgdn.data.readers.pose_tracking import GAP, GATE
from stgdn.data.readers.tracks import Bodies, Track, assemble, frames_seen, join, link_tracks
from stgdn.skeleton import Layout

SEAM = 0.5  # metres, between the end of a track and the beginning of the next of the same person


def clip_bodies(tracks: Sequence[Track], most: int, layout: Layout, length: int | None = None) -> Bodies:
    """Return the bodies of a clip, steps 1 to 3 of this module.

    Args:
        tracks: of all bodies, at least one.
        most: the most bodies to keep.
        layout: the joint layout.
        length: frames of the recording, to keep empty frames; None to leave empty frames out.

    Returns:
        Joints (M, T, V, 3) float32 and presence (M, T) bool as in `Clip`, main body first.
    """
    return align_in_time(keep_main_bodies(merge_tracks(tracks, layout), most, layout), layout, length)


def merge_tracks(tracks: Sequence[Track], layout: Layout) -> list[Track]:
    """Join the tracks of each person (step 1)."""
    return [join([tracks[index] for index in person]) for person in tracks_by_person(tracks, layout)]


def tracks_by_person(tracks: Sequence[Track], layout: Layout) -> list[list[int]]:
    """Return for every person the indices of their tracks, one after the other.

    In space a track continues one that has ended less than `SEAM` metres from its first position, as in NTU RGB+D; in
    a picture one that has ended within `GATE` of the picture's size and `GAP` frames, as in Kinetics-Skeleton.
    """
    if layout.planar:
        return link_tracks(tracks, _position_in_picture, GATE, GAP)
    return link_tracks(tracks, lambda pose: pose[layout.centre], SEAM)


def _position_in_picture(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (2,), the mean of the joints (V, 3) that were found."""
    found = pose[:, 2] > 0
    return pose[found if found.any() else slice(None), :2].mean(axis=0)


def keep_main_bodies(tracks: Sequence[Track], most: int, layout: Layout) -> list[Track]:
    """Return the most active tracks, for planar joints those of highest total confidence, main body first."""
    if not layout.planar:
        return most_active(tracks, most)
    return sorted(tracks, key=lambda track: -float(track.joints[..., 2].sum()))[:most]


def most_active(tracks: Sequence[Track], most: int) -> list[Track]:
    """Return the tracks of greatest motion, most active first; of equals the earlier one."""
    return sorted(tracks, key=lambda track: -motion(track.joints))[:most]


def motion(joints: NDArray[np.float64]) -> float:
    """Return the variance over time of every coordinate of every joint, summed, in square metres; (n, V, 3)."""
    return float(joints.var(axis=0).sum())


def align_in_time(tracks: Sequence[Track], layout: Layout, length: int | None = None) -> Bodies:
    """Align tracks to the clip's frames and fill gaps linearly, for planar joints with confidence 0 (step 3).

    Arguments and result are those of `clip_bodies`.
    """
    times = frames_seen(tracks) if length is None else np.arange(length)
    joints, present = assemble(tracks, times)
    if layout.planar:
        for body, track in zip(joints, tracks, strict=True):
            body[~np.isin(times, track.frames), :, 2] = 0
    return joints, present


def keeps_empty_frames(reader: Mapping[str, Any]) -> bool:
    """Return whether the reader that a config names keeps empty frames, as the attribute `keeps_empty_frames` says.

    A stored config may name anything: only classes of this package are looked at.
    """
    module, _, name = str(reader.get("_target_")).rpartition(".")
    if not module.startswith("stgdn.data.readers."):
        return False
    try:
        return getattr(getattr(import_module(module), name), "keeps_empty_frames", False)
    except (ImportError, AttributeError):  # of another version
        return False


def drop_empty_frames(clip: Clip) -> Clip:
    """Return a clip without the frames in which no body is present."""
    seen = clip.present.any(axis=0)
    return clip if seen.all() else replace(clip, joints=clip.joints[:, seen], present=clip.present[:, seen])
