"""Northwestern-UCLA: JSON files `aAA_sSS_eEE_vVV.json` of Kinect v1 (20 joints, one body, metres, y up).

A file is `{"file_name": "a01_s01_e00_v01", "skeletons": [T][20][3], "label": 1..10}`; the name gives action,
subject, episode (repetition) and view (camera). The set is distributed as one zip of these files, which is read as it
is; a folder of the unpacked files is read too.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.official_lists import official_list
from stgdn.data.readers.raw_files import find_files, json_object, read_bytes
from stgdn.data.readers.tracks import Track, assemble, fill_missing, to_float32, tracks_of
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
            InputError: there is no JSON file at `source`.
        """
        found = find_files(self.source, ".json")
        if not found:
            raise InputError(
                f"no .json file in '{self.source}' or the folders in it; get NW-UCLA.zip (the README of "
                "https://github.com/Uason-Chen/CTR-GCN links it), put it for example into data/raw, and type "
                "`python src/prepare.py data=nw_ucla data.source=PATH` with the path of the zip or the unpacked folder"
            )
        return Survey.of(found, _outside, CLIPS)

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip, leave out frames without a body and fill in missing joints, see `seen_joints`."""
        if reason := _outside(file.name):
            raise ClipError(reason)
        action, subject, episode, view = _numbers(file.name)
        content = json_object(read_bytes(file, MAX_BYTES))
        label, stated = ACTIONS.index(action), content.get("label")
        if not isinstance(stated, int):
            raise ClipError("has no whole number 'label'")
        if stated != label + 1:
            raise ClipError(f"has label {stated}, but action {action} is label {label + 1}")
        (track,) = tracks_of(_coordinates(content.get("skeletons"))[None])
        repaired = repair(track.joints.astype(np.float32), track.frames)
        joints, present = assemble([Track(track.frames, repaired.astype(np.float64))])
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


def _coordinates(skeletons: object) -> NDArray[np.float32]:
    """Check the value of 'skeletons' and return it as (T, 20, 3) float32, metres."""
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
    return to_float32(joints)


def repair(joints: NDArray[np.float32], frames: NDArray[np.integer] | None = None) -> NDArray[np.float32]:
    """Fill in joints (T, V, 3) that are missing, see `seen_joints` and `fill_missing`; `frames` (T,) as there."""
    return fill_missing(joints, seen_joints(joints), KINECT20, frames)


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
