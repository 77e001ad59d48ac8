"""Clips of one joint layout: a record a clip, and the coordinates of the bodies in the frames in which they are seen.

Glossary of shapes: N clips, M bodies, T frames of a clip, V joints, C coordinates; a row is a body in a frame.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, valid_runs
from stgdn.skeleton import Layout

NAME_LENGTH = 64


def clip_dtype(max_bodies: int) -> np.dtype:
    """Return the dtype of a clip's record; `row`, `start`, `frames` are a body's first row, first frame and length."""
    return np.dtype(
        [
            ("name", f"U{NAME_LENGTH}"),
            *((key, "i4") for key in ("label", "subject", "camera", "setup", "replication", "length")),
            ("row", "i8", (max_bodies,)),
            ("start", "i4", (max_bodies,)),
            ("frames", "i4", (max_bodies,)),
        ]
    )


class Clips(ABC):
    """Hold clips, wherever their coordinates are: in memory, in a mapped file or in shards.

    Attributes:
        clips: (N,) records, see `clip_dtype`.
        layout: the joint layout.
    """

    clips: NDArray[np.void]
    layout: Layout

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clips)

    @abstractmethod
    def rows(self, index: int) -> NDArray[np.floating]:
        """Return the coordinates of a clip (rows, V, C), one body after the other."""

    def joints(self, index: int) -> NDArray[np.float32]:
        """Return one clip as (M, T, V, C), zeros where a body is not seen."""
        clip, rows = self.clips[index], self.rows(index)
        joints = np.zeros((len(clip["row"]), clip["length"], *rows.shape[1:]), np.float32)
        runs = np.split(rows, np.cumsum(clip["frames"])[:-1])
        for body, (run, start) in enumerate(zip(runs, clip["start"], strict=True)):
            joints[body, start : start + len(run)] = run
        return joints


class ClipArrays(Protocol):
    """Clips with all coordinates in one array (rows, V, C), in memory or mapped: those that batches are made of."""

    clips: NDArray[np.void]
    coordinates: NDArray[np.floating]
    layout: Layout


def rows_of(arrays: ClipArrays, index: int) -> NDArray[np.floating]:
    """Return the coordinates of a clip (rows, V, C), one body after the other."""
    bodies = zip(arrays.clips["row"][index], arrays.clips["frames"][index], strict=True)
    return np.concatenate([arrays.coordinates[row : row + frames] for row, frames in bodies])


class ClipsInMemory(Clips):
    """Hold clips in memory; the rows that the records name are those of `coordinates` (rows, V, C)."""

    def __init__(self, clips: NDArray[np.void], coordinates: NDArray[np.floating], layout: Layout) -> None:
        self.clips, self.coordinates, self.layout = clips, coordinates, layout

    @classmethod
    def from_clips(cls, clips: Sequence[Clip], layout: Layout) -> "ClipsInMemory":
        """Concatenate clips in their order; the first body of each must be seen in a frame."""
        records = np.zeros(len(clips), clip_dtype(max(len(clip.joints) for clip in clips)))
        rows, row = [], 0
        for record, clip in zip(records, clips, strict=True):
            record["name"], record["label"], record["length"] = clip.name, clip.label, clip.present.shape[1]
            for body, (start, frames) in enumerate(valid_runs(clip.present)):
                record["row"][body], record["start"][body], record["frames"][body] = row, start, frames
                rows.append(clip.joints[body, start : start + frames])
                row += frames
        return cls(records, np.concatenate(rows), layout)

    def rows(self, index: int) -> NDArray[np.floating]:
        """Return the coordinates of a clip (rows, V, C), one body after the other."""
        return rows_of(self, index)
