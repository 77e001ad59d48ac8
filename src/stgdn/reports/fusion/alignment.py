"""Alignment of scores of the same clips by the names of clips."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.runs.scores import Scores


@dataclass(frozen=True)
class StreamScores:
    """Hold the scores of one stream and their source.

    Attributes:
        scores: of the network on this stream.
        place: file or folder of the scores, for messages.
    """

    scores: Scores
    place: str


def load_stream(path: Path, place: str | None = None) -> StreamScores:
    """Read a file of scores; `place` names it in messages.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    return StreamScores(Scores.load(path), place or str(path))


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
    order = _order(first, part)
    odd = np.flatnonzero(theirs.labels[order] != ours.labels)
    if len(odd):
        labels = [ours.classes[label] for label in (ours.labels[odd[0]], theirs.labels[order][odd[0]])]
        raise InputError(f"{pair} call clip {ours.names[odd[0]]} differently: '{labels[0]}' and '{labels[1]}'")
    return theirs.scores[order].astype(np.float64)


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


def _order(first: StreamScores, part: StreamScores) -> NDArray[np.intp]:
    """Return the indices in `part` of the clips of `first`."""
    ours, theirs = first.scores.names, part.scores.names
    ascending = np.argsort(theirs)
    if not np.array_equal(np.sort(ours), theirs[ascending]):
        raise InputError(f"{first.place} and {part.place} are of different clips: {_difference(ours, theirs)}")
    return ascending[np.searchsorted(theirs, ours, sorter=ascending)]


def _difference(ours: NDArray[np.str_], theirs: NDArray[np.str_]) -> str:
    """Return a text about the difference of two lists of names."""
    sentences = []
    for which, names, others in (("first", ours, theirs), ("second", theirs, ours)):
        only = sorted(set(names.tolist()) - set(others.tolist()))
        sentences += [f"{len(only):,} only in the {which}, such as '{only[0]}'"] if only else []
    return "; ".join(sentences) or "the same names in another order"
