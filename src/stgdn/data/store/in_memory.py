"""Clips in memory, with the part of a store's interface that `stgdn.data.batches.transforms.batch` uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, valid_runs
from stgdn.data.store.store import clip_dtype
from stgdn.skeleton import Layout


@dataclass(frozen=True)
class ClipsInMemory:
    """Hold clips of one joint layout.

    Attributes:
        clips: (N,) records; their rows are those of `coordinates`.
        coordinates: (rows, V, C).
        layout: the joint layout.
    """

    clips: NDArray[np.void]
    coordinates: NDArray[np.floating]
    layout: Layout

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
