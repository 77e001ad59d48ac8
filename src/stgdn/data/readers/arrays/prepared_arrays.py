"""Arrays of clips prepared by other software: padded to equal length, with a split of their own.

The split is stored as the clips' `setup`, see the protocol `file_split`. Bodies stay in the order of the array: in
the preparations of 2s-AGCN and CTR-GCN the most active body comes first, and clips are centred on it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.readers.bodies import Bodies, align_in_time, keep_main_bodies, tracks_of
from stgdn.errors import InputError
from stgdn.skeleton import Layout, layout


class PreparedArrays:
    """Hold the common part of the readers of prepared arrays.

    Args:
        source: the folder or the file.
        layout: a joint layout or its name.
        classes: class names, or their number.
        max_bodies: the most bodies a clip keeps.

    Raises:
        InputError: an unknown layout, or a number that is not from 1 up.
    """

    def __init__(
        self, source: str | Path, layout: Layout | str, classes: int | Sequence[str], max_bodies: int = 2
    ) -> None:
        for key, number in (("num_classes", classes), ("bodies", max_bodies)):
            if isinstance(number, int) and number < 1:
                raise InputError(f"data.{key}={number} must be a whole number from 1 up")
        self.source = Path(source).expanduser()
        self.layout: Layout = _layout(layout)
        self.classes: tuple[str, ...] = tuple(
            (f"class {number}" for number in range(classes)) if isinstance(classes, int) else classes
        )
        self.max_bodies: int = max_bodies

    def to_bodies(self, joints: NDArray[np.float32]) -> Bodies:
        """Drop empty frames and fill gaps; the bodies stay as they were prepared.

        Args:
            joints: (M, T, V, 3), zeros where a body is not seen.

        Returns:
            Joints (M, T, V, 3) float32 and presence (M, T) bool. Planar bodies are sorted by confidence.

        Raises:
            ClipError: no body in any frame.
        """
        tracks = tracks_of(joints)
        kept = (
            keep_main_bodies(tracks, self.max_bodies, self.layout) if self.layout.planar else tracks[: self.max_bodies]
        )
        return align_in_time(kept, self.layout)


def _layout(given: Layout | str) -> Layout:
    return given if isinstance(given, Layout) else layout(given)
