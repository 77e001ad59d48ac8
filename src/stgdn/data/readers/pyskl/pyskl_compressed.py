"""Compressed annotations of PYSKL's Kinetics-400: a list of poses instead of bodies, mostly in files of their own.

`keypoint` is (P, V, 3) x and y in pixels and the score of P poses, `frame_inds` (P,) the frame of each; nothing says
who is who. In `k400_hrnet.pkl` the poses are not there: `raw_file` names the one of many pickles
`{frame_dir: {"keypoint": ..}}` that has them. PYSKL's own feeder takes the poses of a frame in the order of their
scores; here people are followed through the clip, as in Kinetics-Skeleton.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.data.readers.pose_tracking import keep_most_confident, track
from stgdn.data.readers.pyskl.restricted_pickle import load_plain
from stgdn.data.readers.raw_files import load_once
from stgdn.data.readers.tracks import Bodies
from stgdn.errors import InputError

MOST_POSES = 100_000  # in a clip; Kinetics' have up to 300 frames


def is_compressed(annotation: object) -> bool:
    """Return whether an annotation lists poses by their frames."""
    return isinstance(annotation, dict) and "frame_inds" in annotation


def poses_of(annotation: Mapping[Any, Any], name: str, source: Path) -> object:
    """Return the value of 'keypoint', from the annotation or from its file of poses.

    Raises:
        ClipError: the file is missing, cannot be used, or lacks the clip.
    """
    named = annotation.get("raw_file")
    if "keypoint" in annotation or not isinstance(named, str):
        return annotation.get("keypoint")
    path = _find_pose_file(named, source.parent)
    try:
        clips = _load_poses(path)
    except (InputError, OSError) as error:
        raise ClipError(f"its poses cannot be read: {error}") from error
    found = clips.get(name)
    if not isinstance(found, dict):
        raise ClipError(f"has no poses in '{path.name}'")
    return found.get("keypoint")


def _find_pose_file(named: str, folder: Path) -> Path:
    """Return the file of poses: at its path in the folder of the pickle, or by its name there or in `kpfiles`.

    Raises:
        ClipError: there is none; files outside the folder are not looked at.
    """
    name = PurePosixPath(named).name
    for path in (folder / named, folder / "kpfiles" / name, folder / name):
        if path.resolve().is_relative_to(folder.resolve()) and path.is_file():
            return path
    raise ClipError(f"its poses are in '{ascii(name)[1:-1]}', which is not in the folder 'kpfiles' beside the pickle")


@load_once(maxsize=2)
def _load_poses(path: Path) -> Mapping[Any, Any]:
    content = load_plain(path)
    if not isinstance(content, dict):
        raise InputError(f"'{path}' is not a dict of clips")
    return content


def people(frames: object, poses: object, joints: int, picture: NDArray[np.float32], max_bodies: int) -> Bodies:
    """Follow people through the poses of a clip and keep those of most confidence.

    Args:
        frames: the value of 'frame_inds'.
        poses: the value of 'keypoint'.
        joints: V.
        picture: (width, height) in pixels.
        max_bodies: the most bodies to keep.

    Returns:
        (M, T, V, 3) float32, x and y in shares of the picture from its middle and the score, surest body first, and
        (M, T) bool; T counts the frames in which a kept body is seen.

    Raises:
        ClipError: something else than numbers of these shapes, a number that is not finite, or no body.
    """
    if not isinstance(frames, np.ndarray) or frames.dtype.kind not in "iu":
        raise ClipError("has no array 'frame_inds' of numbers")
    when, found = np.array(frames, subok=False), float_array(poses, "keypoint")
    if found.ndim != 3 or found.shape[1:] != (joints, 3) or when.shape != found.shape[:1]:
        raise ClipError(
            f"'keypoint' has the shape {found.shape} and 'frame_inds' {when.shape}, expected (poses, {joints}, 3) and "
            "(poses,)"
        )
    if len(when) > MOST_POSES or (len(when) and not 0 <= when.min() <= when.max() < MOST_POSES):
        raise ClipError(f"has more than {MOST_POSES} poses, or a frame beyond that")
    missing = (found[..., 2] <= 0) | ~found[..., :2].any(axis=-1)
    found[..., :2] = found[..., :2] / picture - 0.5
    found[missing] = 0
    valid = ~missing.all(axis=1)
    if not valid.any():
        raise ClipError("no body in any frame")
    order = np.argsort(when[valid], kind="stable")
    when, found = when[valid][order].astype(np.int64), found[valid][order]
    when -= when[0]
    kept, present = keep_most_confident(when, found, track(when, found), int(when[-1]) + 1, max_bodies, bridge=True)
    seen = present.any(axis=0)
    return kept[:, seen], present[:, seen]


def float_array(value: object, key: str) -> NDArray[np.float32]:
    """Check the value of a key of an annotation and return it as float32.

    Raises:
        ClipError: it is no array of numbers, or one is not finite.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise ClipError(f"has no array '{key}' of numbers")
    with np.errstate(over="ignore"):
        array = np.array(value, dtype=np.float32, subok=False)
    if not np.isfinite(array).all():
        raise ClipError(f"'{key}' has NaN or infinite numbers")
    return array
