"""Score fusion: weighted sum of the class scores of networks on joints, bones, ... of the same clips.

As the code published with 2s-AGCN and CTR-GCN does, the scores before the softmax are added. Weights are given or the
published ones. They are never fitted here, since these clips are the test clips.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.inference.stream_weights import choose_weights, default_weights, rank
from stgdn.reports.fusion.alignment import StreamScores, align_scores, expect_sound
from stgdn.runs.scores import Scores


@dataclass(frozen=True)
class Contribution:
    """Hold the accuracy of one stream and of the fusion without it.

    Attributes:
        stream: name of the stream.
        place: file or folder of the scores.
        weight: of the scores.
        top1: of this stream alone, in per cent.
        top5: likewise; None for five classes or fewer.
        without: top-1 of all other streams fused, in per cent.
    """

    stream: str
    place: str
    weight: float
    top1: float
    top5: float | None
    without: float


@dataclass(frozen=True)
class Fusion:
    """Hold fused scores.

    Attributes:
        scores: weighted sums of scores; the stream is called `joint+bone`.
        contributions: of the streams, in the order joint, bone, joint_motion, bone_motion.
        top1: in per cent.
        top5: in per cent; None for five classes or fewer.
    """

    scores: Scores
    contributions: tuple[Contribution, ...]
    top1: float
    top5: float | None

    @property
    def default(self) -> bool:
        """Return whether the default weights were used."""
        streams = [stream.stream for stream in self.contributions]
        return [stream.weight for stream in self.contributions] == default_weights(streams)


def fuse(parts: Sequence[StreamScores], weights: Mapping[str, float | None] | None = None) -> Fusion:
    """Fuse the scores of several streams of the same clips, in any order of clips.

    Args:
        parts: two or more, of different streams.
        weights: by stream; missing ones or None take the default.

    Raises:
        InputError: fewer than two streams, one twice, other clips, labels or classes, or weights that are not positive.
    """
    parts = sorted(parts, key=lambda part: rank(part.scores.stream))
    _expect_distinct(parts)
    for part in parts:
        expect_sound(part)
    streams = [part.scores.stream for part in parts]
    chosen = choose_weights(streams, weights or {})
    weighted = [weight * align_scores(parts[0], part) for weight, part in zip(chosen, parts, strict=True)]
    fused = _like(parts[0].scores, "+".join(streams), weighted)
    contributions = []
    for index, (part, weight) in enumerate(zip(parts, chosen, strict=True)):
        others = _like(parts[0].scores, "", weighted[:index] + weighted[index + 1 :])
        own = top1(part.scores), top5(part.scores)
        contributions.append(Contribution(streams[index], part.place, weight, *own, without=top1(others)))
    return Fusion(fused, tuple(contributions), top1(fused), top5(fused))


def top1(scores: Scores) -> float:
    """Return top-1 in per cent."""
    return 100 * scores.accuracy()


def top5(scores: Scores) -> float | None:
    """Return top-5 in per cent; None for five classes or fewer."""
    return 100 * scores.accuracy(5) if len(scores.classes) > 5 else None


def _like(first: Scores, stream: str, weighted: Sequence[NDArray[np.float64]]) -> Scores:
    """Return the sum of weighted scores for the clips of `first`."""
    total = np.sum(weighted, axis=0).astype(np.float32)
    return Scores(first.names, first.labels, total, first.classes, stream, first.split)


def _expect_distinct(parts: Sequence[StreamScores]) -> None:
    if len(parts) < 2:
        raise InputError(f"fusing takes two streams or more, and runs= gives {len(parts)}: add another run")
    for before, after in pairwise(parts):
        if before.scores.stream == after.scores.stream:
            raise InputError(
                f"{before.place} and {after.place} are both of stream {after.scores.stream}: give every stream once"
            )
