"""SBU Kinect Interaction: text files `sXXsYY/CC/NNN/skeleton_pos.txt` of Kinect v1 (15 joints of two people).

The folders give the pair of people, the class and the repetition. A line is a frame: its number, then x, y and z of the
15 joints of the first person and of the second. The numbers are normalised: x' and y' lie in [0, 1] in the field of
view, y' down. x = 1.28 - 2.56 x', y = 0.96 - 1.92 y', z = 1.28 z' are metres in the camera's coordinates, y up, as the
other sets of Kinect have them. One zip of all files, a folder of zips (the set is distributed as one for each pair) and
the unpacked folder are read.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile, Survey
from stgdn.data.official_lists import official_list
from stgdn.data.protocols import COUNTS, SBU_FOLDS
from stgdn.data.readers.bodies import most_active
from stgdn.data.readers.raw_files import find_files, read_bytes
from stgdn.data.readers.tracks import assemble, complete_tracks, to_float32
from stgdn.errors import InputError
from stgdn.skeleton import SBU15, Layout

FILE = "skeleton_pos.txt"
FOLDERS = 4  # above a file: one more than the set's own
NAME = re.compile(r"s(\d\d)s(\d\d)_(\d\d)_(\d\d\d)", re.ASCII)
PAIRS = {pair for fold in SBU_FOLDS for pair in fold}
CLASSES = range(1, 9)
CLIPS = sum(COUNTS["sbu", "sbu_fold1"])
MAX_BYTES = 4 << 20  # 6,800 frames; the largest clip has 46
BODIES = 2
OFFSET, SCALE = np.array([1.28, 0.96, 0]), np.array([-2.56, -1.92, 1.28])  # metres = OFFSET + SCALE * normalised


@dataclass
class SBUReader:
    """Read the zips or a folder of its text files.

    A clip is called `sXXsYY_CC_NNN`. Its `setup` is the pair of people: 102 is s01s02. The people of a pair are not
    stored as a subject.

    Attributes:
        source: `SBU.zip`, or a folder of files or zips.
        layout: the 15 joints of OpenNI's tracker.
        classes: class names in order of the folders.
        max_bodies: 2 in every clip.
    """

    source: str | Path
    layout: Layout = field(default=SBU15, init=False)
    classes: tuple[str, ...] = field(init=False)
    max_bodies: int = field(default=BODIES, init=False)

    def __post_init__(self) -> None:
        self.classes = official_list("actions_sbu")

    def survey(self) -> Survey:
        """List the clips; `expected` is set if at least 95 % of the 282 are there.

        Raises:
            InputError: there is no text file of a clip at `source`.
        """
        found = find_files(self.source, FILE, FOLDERS, clip_name)
        if not found:
            raise InputError(
                f"no {FILE} in '{self.source}' or the folders in it; get the clean version of the SBU Kinect "
                "Interaction dataset (Yun et al. 2012, Stony Brook University), put its zips into a folder, and type "
                "`python src/prepare.py data=sbu data.source=PATH` with the path of a zip or the folder"
            )
        return Survey.of(found, _outside, CLIPS)

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip, leave out frames without a body and fill in missing joints, see `complete_tracks`."""
        if reason := _outside(file.name):
            raise ClipError(reason)
        return self.read_unlabelled(file)

    def read_unlabelled(self, file: ClipFile) -> Clip:
        """Parse a file in any folder; the label is `UNKNOWN` if the folders do not give a class of the set."""
        pair, number, repetition = _numbers(file.name) or (-1, UNKNOWN + 1, -1)
        tracks = complete_tracks(_coordinates(read_bytes(file, MAX_BYTES)), SBU15)
        joints, present = assemble(most_active(tracks, BODIES))
        return Clip(file.name, number - 1, joints, present, setup=pair, replication=repetition)


def clip_name(path: PurePath) -> str:
    """Return `sXXsYY_CC_NNN` from a file's folders, of a file elsewhere its folder and its own name."""
    name = "_".join(path.parent.parts[-3:])
    return name if NAME.fullmatch(name) else f"{path.parent.name}_{path.stem}".lstrip("_")


def _numbers(name: str) -> tuple[int, ...]:
    """Return pair, class and repetition, () if the pair or the class is not one of the set."""
    match = NAME.fullmatch(name)
    if not match:
        return ()
    first, second, number, repetition = map(int, match.groups())
    pair = 100 * first + second
    return (pair, number, repetition) if pair in PAIRS and number in CLASSES else ()


def _outside(name: str) -> str:
    """Return the reason why a file is not part of the set, '' if it is."""
    if _numbers(name):
        return ""
    return f"not in a folder sXXsYY/CC/NNN of the set's {len(PAIRS)} pairs and {len(CLASSES)} classes"


def _coordinates(content: bytes) -> NDArray[np.float32]:
    """Parse the lines of a clip and return its joints (2, T, 15, 3) in metres."""
    lines = [line.rstrip(", \t").split(",") for line in content.decode("ascii", "replace").splitlines() if line.strip()]
    if not lines:
        raise ClipError("no frame")
    width = 1 + BODIES * SBU15.num_joints * 3
    for number, line in enumerate(lines, 1):
        if len(line) != width:
            raise ClipError(f"line {number} has {len(line)} numbers, expected {width}")
    try:
        table = np.array(lines).astype(np.float64)
    except ValueError as error:
        raise ClipError(f"is not a table of numbers: {error}") from None
    if not (np.diff(table[:, 0]) > 0).all():
        raise ClipError("the numbers of the frames do not ascend")
    joints = to_float32(OFFSET + SCALE * table[:, 1:].reshape(len(table), -1, 3))
    return joints.reshape(len(table), BODIES, SBU15.num_joints, 3).swapaxes(0, 1)
