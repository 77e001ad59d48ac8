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
from stgdn.runs.result import Result
from stgdn.runs.scores import Scores


@dataclass(frozen=True)
class StreamScores:
    """Hold the scores of one stream and their source."""

    scores: Scores
    place: str  # file or folder of the scores, for messages
    run: Result | None = None  # the finished run of these test scores; None for a score file without a run


@dataclass(frozen=True)
class Contribution:
    """Hold the accuracy of one stream and of the fusion without it, in per cent."""

    stream: str
    place: str  # file or folder of the scores
    weight: float  # of the scores
    top1: float  # of this stream alone
    mean_class: float  # likewise
    top5: float | None  # likewise; None for five classes or fewer
    without: float  # top-1 of all other streams fused


@dataclass(frozen=True)
class Fusion:
    """Hold fused scores: weighted sums, with a stream called `joint+bone`."""

    scores: Scores
    contributions: tuple[Contribution, ...]  # in the order joint, bone, joint_motion, bone_motion

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
        InputError: fewer than two streams, or one twice.
    """
    if len(parts) < 2:
        raise InputError(f"fusing takes two streams or more, and runs= gives {len(parts)}: add another run")
    parts = sorted(parts, key=lambda part: rank(part.scores.stream))
    streams = [part.scores.stream for part in parts]
    for before, after in pairwise(parts):
        if before.scores.stream == after.scores.stream:
            raise InputError(
                f"{before.place} and {after.place} are both of stream {after.scores.stream}: give every stream once"
            )
    for part in parts:
        expect_sound(part)
    chosen = choose_weights(streams, weights or {})
    weighted = [weight * align_scores(parts[0], part) for weight, part in zip(chosen, parts, strict=True)]
    contributions = []
    for index, (part, weight) in enumerate(zip(parts, chosen, strict=True)):
        others = _sum(parts[0].scores, "", weighted[:index] + weighted[index + 1 :])
        own = part.scores
        accuracies = (own.top1, own.mean_class, own.top5)
        contributions.append(Contribution(own.stream, part.place, weight, *accuracies, without=others.top1))
    return Fusion(_sum(parts[0].scores, "+".join(streams), weighted), tuple(contributions))


def _sum(first: Scores, stream: str, weighted: Sequence[NDArray[np.float64]]) -> Scores:
    """Return the sum of weighted scores for the clips of `first`."""
    total = np.sum(weighted, axis=0).astype(np.float32)
    return Scores(first.names, first.labels, total, first.classes, stream, first.split)


def expect_sound(part: StreamScores) -> None:
    """Check the content of a file of scores.

    Raises:
        InputError: no clips, one clip twice, scores that are not finite, or arrays that do not fit each other.
    """
    scores = part.scores
    clips, classes = len(scores.names), len(scores.classes)
    if scores.scores.shape != (clips, classes) or scores.labels.shape != (clips,) or clips == 0:
        shapes = f"{clips} names, {scores.labels.size} labels and scores {scores.scores.shape} for {classes} classes"
        raise InputError(f"{part.place} is damaged: it has {shapes}")
    if not 0 <= scores.labels.min() <= scores.labels.max() < classes:
        raise InputError(f"{part.place} is damaged: it has labels that are none of its {classes} classes")
    if not np.isfinite(scores.scores).all():
        raise InputError(f"{part.place} has scores that are not finite: its network has diverged")
    names, counts = np.unique(scores.names, return_counts=True)
    if counts.max() > 1:
        raise InputError(f"{part.place} has clip {names[counts.argmax()]} more than once")


def align_scores(first: StreamScores, part: StreamScores) -> NDArray[np.float64]:
    """Return the scores of `part`, (N, classes), with clips in the order of `first`.

    Raises:
        InputError: different split, classes, clips or labels; the message names the difference.
    """
    ours, theirs = first.scores, part.scores
    pair = f"{first.place} and {part.place}"
    if ours.split != theirs.split:
        raise InputError(f"{pair} are of different splits, {ours.split} and {theirs.split}: evaluate both on one")
    if not np.array_equal(ours.classes, theirs.classes):
        raise InputError(f"{pair} are of different classes: {_difference(ours.classes, theirs.classes)}")
    ascending = np.argsort(theirs.names)
    if not np.array_equal(np.sort(ours.names), theirs.names[ascending]):
        raise InputError(f"{pair} are of different clips: {_difference(ours.names, theirs.names)}")
    order = ascending[np.searchsorted(theirs.names, ours.names, sorter=ascending)]
    odd = np.flatnonzero(theirs.labels[order] != ours.labels)
    if len(odd):
        labels = [ours.classes[label] for label in (ours.labels[odd[0]], theirs.labels[order][odd[0]])]
        raise InputError(f"{pair} call clip {ours.names[odd[0]]} differently: '{labels[0]}' and '{labels[1]}'")
    return theirs.scores[order].astype(np.float64)


def _difference(ours: NDArray[np.str_], theirs: NDArray[np.str_]) -> str:
    """Return a text about the difference of two lists of names."""
    sentences = []
    for which, names, others in (("first", ours, theirs), ("second", theirs, ours)):
        only = sorted(set(names.tolist()) - set(others.tolist()))
        sentences += [f"{len(only):,} only in the {which}, such as '{only[0]}'"] if only else []
    return "; ".join(sentences) or "the same names in another order"
