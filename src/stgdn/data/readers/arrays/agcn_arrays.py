"""2s-AGCN and ST-GCN: a folder of arrays, each with a pickle of names and labels.

`train_data_joint.npy` (Shi et al. 2019; ST-GCN, Yan et al. 2018: `train_data.npy`) is float32 (N, 3, T, V, M) with T of
300, `train_label.pkl` the pair (names of the clips, labels); the same for `val`. V is 25 for NTU RGB+D, in metres, and
18 for Kinetics-Skeleton: x and y in shares of the picture, from its middle, and the confidence.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.readers.arrays.agcn_preparation import restore
from stgdn.data.readers.arrays.mapped import map_array, read_row
from stgdn.data.readers.ntu.ntu_reader import numbers_of_name
from stgdn.data.readers.prepared import TEST, TRAINING, PreparedClips
from stgdn.data.readers.pyskl.restricted_pickle import load_plain
from stgdn.data.readers.raw_files import load_once
from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS, OPENPOSE18

SPLITS = {"train": TRAINING, "val": TEST}
DATA = ("_data_joint.npy", "_data.npy")  # names of 2s-AGCN and of ST-GCN
MAX_FRAMES = 3_000  # of a clip; published arrays have 300


class AGCNArrayReader(PreparedClips):
    """Read the folder of 2s-AGCN or ST-GCN; one of the two splits is enough. Arguments as in `PreparedClips`."""

    def survey(self) -> Survey:
        """List the clips of both splits; those without a name are skipped.

        Raises:
            InputError: the folder has no such array.
        """
        survey = Survey([])
        for path in array_paths(self.source):
            split = path.name.partition("_")[0]
            for row, name in enumerate(self._open(path)[1]):
                if name:
                    survey.add(ClipFile(name, str(path), str(row)))
                else:
                    survey.skipped.append((f"{split} {row}", "has no name"))
        if not survey.files:
            raise InputError(_nothing(self.source))
        survey.files.sort(key=lambda file: file.name)  # of one name the training clip stays first
        return survey

    def read(self, file: ClipFile) -> Clip:
        """Read one clip, see `stgdn.data.readers.arrays.agcn_preparation` for the steps that are undone."""
        path = Path(file.path)
        try:
            array, names, labels = self._open(path)
            row = int(file.member or "")
            name, label = names[row], labels[row]
        except (InputError, ValueError, IndexError) as error:
            raise ClipError(f"cannot be read: {error}") from error
        if name != file.name:
            raise ClipError("is not where it was: the files have changed")
        if type(label) is not int:
            raise ClipError("has no whole number as its label")
        joints = read_row(array, row).transpose(3, 1, 2, 0)
        if self.layout == OPENPOSE18 and path.name.endswith(DATA[0]):
            joints[..., 1] *= -1  # 2s-AGCN's Kinetics has y up, all other pictures y down
        joints, present = self.to_bodies(restore(joints, self.layout))
        subject, camera, _, replication = numbers_of_name(file.name)
        setup = SPLITS[path.name.partition("_")[0]]
        return Clip(file.name, label, joints, present, subject, camera, setup, replication)

    def _open(self, path: Path) -> tuple[NDArray[Any], list[str], list[Any]]:
        """Return the array, the names and the labels of a split.

        Raises:
            InputError: array or pickle is missing, damaged, or of another shape, or they have different numbers of
                clips.
        """
        array, V = map_array(path), self.layout.num_joints
        if array.ndim != 5 or array.shape[1] != 3 or array.shape[3] != V or not 1 <= array.shape[2] <= MAX_FRAMES:
            fitting = [name for name, known in LAYOUTS.items() if (known.num_joints,) == array.shape[3:4]]
            raise InputError(
                f"'{path}' has the shape {array.shape}, expected (clips, 3, up to {MAX_FRAMES} frames, {V} joints of "
                f"{self.layout.name}, bodies)"
                + (f"; data.layout={' or '.join(fitting)} has so many joints" if fitting else "")
            )
        pickled = path.with_name(f"{path.name.partition('_')[0]}_label.pkl")
        try:
            names, labels = _load_labels(pickled)
        except OSError as error:
            raise InputError(f"no '{pickled}', which holds the names and labels of the clips: put it there") from error
        if not len(array) == len(names) == len(labels):
            raise InputError(
                f"'{pickled}' has {len(names)} names and {len(labels)} labels, but '{path}' {len(array)} clips: they "
                "do not belong together"
            )
        return array, names, labels


def array_paths(folder: Path) -> list[Path]:
    """Return the arrays in a folder, one for each split that is there, training first."""
    named = ([folder / f"{split}{name}" for name in DATA] for split in SPLITS)
    found = (next((path for path in paths if path.is_file()), None) for paths in named)
    return [path for path in found if path is not None]


def _nothing(folder: Path) -> str:
    below = sorted({str(path.parent) for name in DATA for path in folder.glob(f"*/train{name}")})
    hint = f"; there are such files in {', '.join(below)}" if below else ""
    return (
        f"no train_data_joint.npy or train_data.npy with a clip in the folder '{folder}'{hint}; 2s-AGCN's README "
        "(https://github.com/lshiwjx/2s-AGCN) says how they are made; then type `python src/prepare.py "
        "data=agcn_arrays data.source=FOLDER`"
    )


@load_once(maxsize=2)
def _load_labels(path: Path) -> tuple[list[str], list[Any]]:
    """Return the names, without the suffix of a file, '' for none, and the labels of a split."""
    pair = load_plain(path)
    if isinstance(pair, list | tuple) and len(pair) == 2:
        names, labels = (part.tolist() if isinstance(part, np.ndarray) else part for part in pair)
        if isinstance(names, list | tuple) and isinstance(labels, list | tuple):
            printable = [name if isinstance(name, str) and name.isprintable() else "" for name in names]
            return [name.removesuffix(".skeleton").removesuffix(".json") for name in printable], list(labels)
    raise InputError(f"'{path}' is not a pair of a list of names and a list of labels")
