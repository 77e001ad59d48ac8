"""Base of readers of clips that other software has prepared: settings that files do not hold, and their bodies.

Such files often have a split of their own; it is stored as the clips' `setup`, see the protocol `file_split`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.readers.bodies import align_in_time, keep_main_bodies
from stgdn.data.readers.tracks import Bodies, tracks_of
from stgdn.errors import InputError
from stgdn.skeleton import Layout, layout

TRAINING, TEST = 1, 2  # the `setup` of a clip where the split of the file is used


class PreparedClips:
    """Hold the source, layout, classes and bodies of a reader.

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
        self.classes: tuple[str, ...] = numbered_classes(classes) if isinstance(classes, int) else tuple(classes)
        self.max_bodies: int = max_bodies

    def to_bodies(self, joints: NDArray[np.float32]) -> Bodies:
        """Drop empty frames and fill gaps; the bodies stay as they were prepared.

        They stay in the order of the array: in the preparations of 2s-AGCN and CTR-GCN the most active body comes
        first, and clips are centred on it. Planar bodies are sorted by confidence.

        Args:
            joints: (M, T, V, 3), zeros where a body is not seen.
        """
        tracks = tracks_of(joints)
        if self.layout.planar:
            return align_in_time(keep_main_bodies(tracks, self.max_bodies, self.layout), self.layout)
        return align_in_time(tracks[: self.max_bodies], self.layout)


def _layout(given: Layout | str) -> Layout:
    return given if isinstance(given, Layout) else layout(given)


def numbered_classes(count: int) -> tuple[str, ...]:
    """Return the names of classes that have numbers only: `class 0`, `class 1`, ..."""
    return tuple(f"class {number}" for number in range(count))
