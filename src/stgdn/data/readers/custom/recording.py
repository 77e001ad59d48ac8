"""A clip of a custom data set as read from `.npz` and `.csv`, and the limits of its size."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError

METADATA_KEYS = ("label", "subject", "camera", "setup", "replication", "picture_width", "picture_height")
MOST_BYTES = 128 << 20
MOST_FRAMES = 100_000
MOST_BODIES = 100
MOST_NUMBERS = 1 << 25  # 100,000 frames of four bodies with 25 joints

Metadata = dict[str, str | int]  # class names and numbers, by `METADATA_KEYS`


@dataclass(frozen=True)
class Body:
    """Hold one body of a file.

    Attributes:
        frames: (n,) int64 numbers of the frames, ascending.
        positions: (n, V, D) float64, D = 3 in space and 2 in the picture, in the file's units; NaN for missing values.
        confidence: (n, V) float64, 1 if the file has none; 0 if a joint was not found.
    """

    frames: NDArray[np.int64]
    positions: NDArray[np.float64]
    confidence: NDArray[np.float64]

    def rows(self, chosen: NDArray[Any]) -> "Body":
        """Return the body in chosen rows, a mask or indices."""
        return Body(self.frames[chosen], self.positions[chosen], self.confidence[chosen])


@dataclass(frozen=True)
class Recording:
    """Hold the bodies of a file in its order, and its metadata.

    `timed` is False if the file has no frame numbers. If it does not say who is who, `tracked` is False, and the only
    body has all people, a row each. `picture` is the picture's width and height.
    """

    bodies: list[Body]
    metadata: Metadata = field(default_factory=dict)
    timed: bool = True
    tracked: bool = True
    picture: tuple[float, float] | None = None


def expect_size(bodies: int, frames: int) -> None:
    """Check the numbers of bodies and frames of a clip.

    Raises:
        ClipError: none, or more than `MOST_BODIES` and `MOST_FRAMES`.
    """
    if not bodies or not frames:
        raise ClipError("no frame" if bodies else "no body in any frame")
    if bodies > MOST_BODIES or frames > MOST_FRAMES:
        raise ClipError(f"{bodies:,} bodies and {frames:,} frames, at most {MOST_BODIES} and {MOST_FRAMES:,} are read")


def quoted(text: object) -> str:
    """Return text from a file in quotes, shortened and printable, for a message."""
    return ascii(str(text))[:60] if not str(text).isprintable() else repr(str(text)[:60])


def hint(word: str, known: Iterable[str]) -> str:
    """Return the end of a message on an unknown word: the most similar of the first known ones, '' if there is none."""
    near = get_close_matches(word[:100], [name[:100] for name in islice(known, 1000)], n=1)
    return f"; is it {quoted(near[0])}?" if near else ""
