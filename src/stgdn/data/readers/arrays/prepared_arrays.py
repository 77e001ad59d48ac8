"""Arrays of clips that somebody has prepared: padded to equal length, with a split of their own.

The split is stored as the clips' `setup`, see the protocol `file_split`. Bodies stay in the order of the array: it is
that of activity in the preparations of 2s-AGCN and CTR-GCN, and the first body is the one that clips are centred on.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.readers.bodies import Bodies, keep, lay_out, tracks_of
from stgdn.errors import InputError
from stgdn.skeleton import Layout, layout


class PreparedArrays:
    """What readers of such arrays share.

    Args:
        source: the folder or the file.
        layout: a joint layout or its name.
        classes: their names, or how many there are.
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

    def people(self, joints: NDArray[np.float32]) -> Bodies:
        """Keep the frames in which somebody is seen, and bridge gaps; who is who stays as it was prepared.

        Args:
            joints: (M, T, V, 3), zeros where a body is not seen.

        Returns:
            (M, T, V, 3) float32 and (M, T) bool, as a clip has them. In a picture the surest body is first.

        Raises:
            ClipError: nobody in any frame.
        """
        tracks = tracks_of(joints)
        kept = keep(tracks, self.max_bodies, self.layout) if self.layout.planar else tracks[: self.max_bodies]
        return lay_out(kept, self.layout)


def _layout(given: Layout | str) -> Layout:
    return given if isinstance(given, Layout) else layout(given)
