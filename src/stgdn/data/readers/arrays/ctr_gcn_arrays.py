"""CTR-GCN: one `.npz` of NTU RGB+D a protocol, `NTU60_CS.npz`, `NTU120_CSet.npz` and so on.

It holds `x_train`, float32 (N, T, M V 3) in metres with T of 300, filled up with zeros, `y_train`, one-hot (N,
classes), `x_test` and `y_test` (Chen et al. 2021). It has no names, and so no subjects and cameras. A clip is centred
on the first body's centre joint in its first frame, and not rotated.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.readers.arrays.mapped import map_array, read_row
from stgdn.data.readers.prepared import TEST, TRAINING, PreparedClips
from stgdn.errors import InputError

SPLITS = {"train": TRAINING, "test": TEST}


class CTRGCNArrayReader(PreparedClips):
    """Read CTR-GCN's `.npz`, or the folder of its arrays. Arguments as in `PreparedClips`.

    Clips are named by split and row, `train_000001`, counted from 0.
    """

    def survey(self) -> Survey:
        """List the clips of both splits."""
        files = []
        for split in SPLITS:
            x, _ = self._open(split)
            files += [ClipFile(f"{split}_{row:06d}", str(self.source), f"{split} {row}") for row in range(len(x))]
        return Survey(sorted(files, key=lambda file: file.name))

    def read(self, file: ClipFile) -> Clip:
        """Read one clip."""
        split, _, row = (file.member or "").partition(" ")
        try:
            x, y = self._open(split)
            joints, one_hot = read_row(x, int(row)), np.array(y[int(row)])
        except (InputError, ValueError, IndexError) as error:
            raise ClipError(f"cannot be read: {error}") from error
        (classes,) = np.nonzero(one_hot)
        if len(classes) != 1 or one_hot[classes[0]] != 1:
            raise ClipError(f"its row of y_{split} is not one-hot")
        joints = joints.reshape(len(joints), -1, self.layout.num_joints, 3).swapaxes(0, 1)
        joints, present = self.to_bodies(joints)
        return Clip(file.name, int(classes[0]), joints, present, setup=SPLITS[split])

    def _open(self, split: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the joints and the labels of a split.

        Raises:
            InputError: one of the two arrays is missing, damaged, of another shape or number of clips or classes.
        """
        x, y = self._array(f"x_{split}"), self._array(f"y_{split}")
        V = self.layout.num_joints
        if x.ndim != 3 or x.shape[2] % (3 * V) or not x.shape[2]:
            raise InputError(
                f"x_{split} of '{self.source}' has the shape {x.shape}, expected (clips, frames, bodies x {V} joints "
                f"of {self.layout.name} x 3)"
            )
        if y.shape != (len(x), len(self.classes)):
            raise InputError(
                f"y_{split} of '{self.source}' has the shape {y.shape}, expected {(len(x), len(self.classes))}, a row "
                "a clip and a column a class: data.num_classes says how many classes there are"
            )
        return x, y

    def _array(self, name: str) -> NDArray[Any]:
        if self.source.is_file():
            return map_array(self.source, name)
        if not self.source.is_dir():
            raise InputError(
                f"no file '{self.source}'; CTR-GCN's README (https://github.com/Uason-Chen/CTR-GCN) says how "
                "NTU60_CS.npz and the others are made; then type `python src/prepare.py data=ctr_gcn_arrays "
                "data.source=PATH`"
            )
        if not (self.source / f"{name}.npy").is_file():
            found = ", ".join(path.name for path in sorted(self.source.glob("*.npz"))) or "none"
            raise InputError(
                f"no '{name}.npy' in '{self.source}': name CTR-GCN's .npz with data.source=PATH (there: {found}), or "
                "the folder that it was unpacked into"
            )
        return map_array(self.source / f"{name}.npy")
