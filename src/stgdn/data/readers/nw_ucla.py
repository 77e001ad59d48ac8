"""Northwestern-UCLA: JSON files `aAA_sSS_eEE_vVV.json` of Kinect v1 (20 joints, one body, metres, y up).

A file is `{"file_name": "a01_s01_e00_v01", "skeletons": [T][20][3], "label": 1..10}`; the name gives action,
subject, episode (repetition) and view (camera). The set is distributed as one zip of these files, which is read as it
is; a folder of the unpacked files is read too.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.official_lists import official_list
from stgdn.data.readers.archives import find_files, read_bytes
from stgdn.data.readers.bodies import align_in_time, tracks_of
from stgdn.data.readers.ntu.denoise import Track
from stgdn.data.readers.repair import fill_missing
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20, Layout

NAME = re.compile(r"a(\d\d)_s(\d\d)_e(\d\d)_v(\d\d)", re.ASCII)
ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)  # the action number of every label
CLIPS = 1_484
MAX_BYTES = 16 << 20  # the largest clip has 0.13 MB


@dataclass
class NWUCLAReader:
    """Read the zip or a folder of its JSON files.

    Attributes:
        source: `NW-UCLA.zip`, or a folder; files may also lie one level down, as in `all_sqe/`.
        layout: the 20 joints of Kinect v1.
        classes: class names in order of the label.
        max_bodies: 1, there is one person in every clip.
    """

    source: str | Path
    layout: Layout = field(default=KINECT20, init=False)
    classes: tuple[str, ...] = field(init=False)
    max_bodies: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        self.classes = official_list("actions_nw_ucla")

    def survey(self) -> Survey:
        """List the clips; `expected` is set if at least 95 % of the 1,484 are there.

        Raises:
            InputError: there is no JSON file at `source`, or the zip is broken.
        """
        found = find_files(self.source, ".json")
        if not found:
            raise InputError(
                f"no .json file in '{self.source}' or the folders in it; get NW-UCLA.zip (the README of "
                "https://github.com/Uason-Chen/CTR-GCN links it), put it for example into data/raw, and type "
                "`python src/prepare.py data=nw_ucla data.source=PATH` with the path of the zip or the unpacked folder"
            )
        survey = Survey([])
        for file in found:
            if reason := _outside(file.name):
                survey.skipped.append((file.name, reason))
            else:
                survey.files.append(file)
        if len({file.name for file in survey.files}) >= 0.95 * CLIPS:
            survey.expected = CLIPS
        return survey

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip, leave out frames without a body and repair missing joints, see `repair`.

        Raises:
            ClipError: the file cannot be read or is garbled, its label is not that of its action, it has other than
                20 joints, a coordinate that is not finite, or no body in any frame.
        """
        reason = _outside(file.name)
        if reason:
            raise ClipError(reason)
        action, subject, episode, view = _numbers(file.name)
        content = _parse(read_bytes(file, MAX_BYTES))
        label, stated = ACTIONS.index(action), content.get("label")
        if not isinstance(stated, int):
            raise ClipError("has no whole number 'label'")
        if stated != label + 1:
            raise ClipError(f"has label {stated}, but action {action} is label {label + 1}")
        (track,) = tracks_of(_coordinates(content.get("skeletons"))[None])
        repaired = repair(track.joints.astype(np.float32), self.layout, track.frames)
        joints, present = align_in_time([Track(track.frames, repaired.astype(np.float64))], self.layout)
        return Clip(file.name, label, joints, present, subject=subject, camera=view, replication=episode)


def _numbers(name: str) -> tuple[int, ...]:
    match = NAME.fullmatch(name)
    return tuple(map(int, match.groups())) if match else ()


def _outside(name: str) -> str:
    """Return the reason why a file is not part of the set, '' if it is."""
    numbers = _numbers(name)
    if not numbers:
        return "not named aAA_sSS_eEE_vVV.json"
    return "" if numbers[0] in ACTIONS else f"action {numbers[0]} is not among {', '.join(map(str, ACTIONS))}"


def _parse(text: bytes) -> dict[str, object]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ClipError(f"is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ClipError("is JSON, but not one object with 'skeletons' and 'label'")
    return content


def _coordinates(skeletons: object) -> NDArray[np.float32]:
    """Check the value of 'skeletons' and return it as (T, 20, 3) float32, metres.

    Raises:
        ClipError: see `NWUCLAReader.read`.
    """
    if not isinstance(skeletons, list):
        raise ClipError("has no list 'skeletons'")
    if not skeletons:
        raise ClipError("no frame")
    try:
        joints = np.array(skeletons, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise ClipError("'skeletons' is not frames of equally many joints of 3 numbers") from None
    V = KINECT20.num_joints
    if joints.ndim != 3 or joints.shape[2] != 3:
        raise ClipError(f"'skeletons' has the shape {joints.shape}, expected (frames, {V}, 3)")
    if joints.shape[1] != V:
        raise ClipError(f"body with {joints.shape[1]} joints, expected {V}")
    with np.errstate(over="ignore"):
        joints = joints.astype(np.float32)
    bad = np.argwhere(~np.isfinite(joints))
    if len(bad):
        raise ClipError(f"joint {bad[0, 1]} in frame {bad[0, 0]} is not finite")
    return joints


def repair(
    joints: NDArray[np.float32], layout: Layout, frames: NDArray[np.integer] | None = None
) -> NDArray[np.float32]:
    """Fill in joints that are missing, see `seen_joints`.

    Args:
        joints: (T, V, 3), metres; not changed.
        layout: gives the parent of each joint.
        frames: (T,) frame numbers of the rows, ascending; None for consecutive frames.

    Returns:
        (T, V, 3) float32, see `fill_missing`.

    Raises:
        ClipError: no joint was seen in any frame.
    """
    return fill_missing(joints, seen_joints(joints), layout, frames)


def seen_joints(joints: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return True for joints that were seen; (T, V, 3) metres -> (T, V).

    A joint at exactly (0, 0, 0), the camera's position, was not seen. In a frame with such joints others may lie
    between their position and zero (in `a04_s01_e01_v01` and `a04_s04_e02_v01`, one frame each: six joints at zero,
    eight and four between, with bones of up to 4 m): in these frames a joint at less than half its usual distance from
    the camera, the median over the frames without zeros, does not count as seen either.
    """
    seen = np.asarray(joints.any(axis=-1))
    whole = np.asarray(seen.all(axis=1))
    if whole.all() or not whole.any():
        return seen
    distance = np.linalg.norm(joints.astype(np.float64), axis=-1)
    near = distance < np.median(distance[whole], axis=0) / 2
    return seen & ~(near & ~whole[:, None])
