"""UTD-MHAD: MATLAB files `aA_sS_tT_skeleton.mat` of Kinect v1 (20 joints, one body, metres, y up).

A file holds the variable `d_skel` (20, 3, frames); the name gives action, subject and trial (repetition). The set is
distributed as a zip of these files, which is read as it is; a folder of the unpacked files is read too. Its joints are
those of `kinect20`; the file has the trunk from the head down, the layout from the hips up.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile, Survey
from stgdn.data.official_lists import official_list
from stgdn.data.protocols import COUNTS
from stgdn.data.readers.mat_file import read_array
from stgdn.data.readers.raw_files import find_files, read_bytes
from stgdn.data.readers.tracks import Bodies, assemble, complete_tracks, to_float32
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20, Layout

NAME = re.compile(r"a(\d{1,2})_s(\d)_t(\d)_skeleton", re.ASCII)
ACTIONS, SUBJECTS, TRIALS = range(1, 28), range(1, 9), range(1, 5)
CLIPS = sum(COUNTS["utd_mhad", "utd_mhad_xsub"])
FILE_JOINTS = (3, 2, 1, 0, *range(4, 20))  # the file's number of every joint of kinect20
MAX_BYTES = 16 << 20  # also unpacked; the largest clip has 0.06 MB


@dataclass
class UTDMHADReader:
    """Read the zip or a folder of its MATLAB files.

    Attributes:
        source: `UTD-MHAD.zip`, or a folder; files may also lie one level down.
        layout: the 20 joints of Kinect v1.
        classes: class names in order of the action number.
        max_bodies: 1, there is one person in every clip.
    """

    source: str | Path
    layout: Layout = field(default=KINECT20, init=False)
    classes: tuple[str, ...] = field(init=False)
    max_bodies: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        self.classes = official_list("actions_utd_mhad")

    def survey(self) -> Survey:
        """List the clips; `expected` is set if at least 95 % of the 861 are there.

        Raises:
            InputError: there is no MATLAB file at `source`.
        """
        found = find_files(self.source, ".mat")
        if not found:
            raise InputError(
                f"no .mat file in '{self.source}' or the folders in it; get the skeletons of UTD-MHAD "
                "(https://personal.utdallas.edu/~kehtar/UTD-MHAD.html), put their zip for example into data/raw, and "
                "type `python src/prepare.py data=utd_mhad data.source=PATH` with the path of the zip or the unpacked "
                "folder"
            )
        return Survey.of(found, _outside, CLIPS)

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip, leave out frames without a body and fill in missing joints, see `complete_tracks`."""
        if reason := _outside(file.name):
            raise ClipError(reason)
        return self.read_unlabelled(file)

    def read_unlabelled(self, file: ClipFile) -> Clip:
        """Parse a file of any name; the label is `UNKNOWN` if the name does not give an action of the set."""
        action, subject, trial = _numbers(file.name) or (UNKNOWN + 1, -1, -1)
        joints, present = _body(read_array(read_bytes(file, MAX_BYTES), "d_skel", MAX_BYTES))
        return Clip(file.name, action - 1, joints, present, subject=subject, replication=trial)


def _numbers(name: str) -> tuple[int, ...]:
    """Return action, subject and trial, () if they are not numbers of the set."""
    match = NAME.fullmatch(name)
    numbers = tuple(map(int, match.groups())) if match else ()
    inside = all(number in known for number, known in zip(numbers, (ACTIONS, SUBJECTS, TRIALS), strict=False))
    return numbers if inside else ()


def _outside(name: str) -> str:
    """Return the reason why a file is not part of the set, '' if it is."""
    return "" if _numbers(name) else "not named aA_sS_tT_skeleton.mat"


def _body(skeleton: NDArray[np.float64]) -> Bodies:
    """Check `d_skel` (20, 3, T), a single frame may be (20, 3), and return the body of a clip."""
    skeleton = skeleton[:, :, None] if skeleton.ndim == 2 else skeleton
    V = KINECT20.num_joints
    if skeleton.ndim != 3 or skeleton.shape[:2] != (V, 3):
        raise ClipError(f"'d_skel' has the shape {skeleton.shape}, expected ({V}, 3, frames)")
    joints = to_float32(skeleton.transpose(2, 0, 1)[:, FILE_JOINTS])
    return assemble(complete_tracks(joints[None], KINECT20))
