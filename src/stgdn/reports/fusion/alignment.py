"""Scores of the same clips brought into one order, by the clips' names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.runs.scores import Scores


@dataclass(frozen=True)
class Part:
    """Scores of one stream, and where they are from.

    Attributes:
        scores: of the stream's network.
        place: the file or folder that they are from, for messages.
    """

    scores: Scores
    place: str


def load_part(path: Path, place: str | None = None) -> Part:
    """Read a file of scores; `place` is what to call it.

    Raises:
        InputError: it is missing, damaged or something else.
    """
    return Part(Scores.load(path), place or str(path))


def aligned(first: Part, part: Part) -> NDArray[np.float64]:
    """The scores of `part`, (N, classes), its clips in the order of `first`.

    Raises:
        InputError: the two are not of the same split, classes, clips or labels; the sentence says what differs.
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
        labels = [ours.classes[each] for each in (ours.labels[odd[0]], theirs.labels[order][odd[0]])]
        raise InputError(f"{pair} call clip {ours.names[odd[0]]} differently: '{labels[0]}' and '{labels[1]}'")
    return theirs.scores[order].astype(np.float64)


def expect_sound(part: Part) -> None:
    """Check what a file of scores holds.

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


def _order(first: Part, part: Part) -> NDArray[np.intp]:
    """Where in `part` the clips of `first` are."""
    ours, theirs = first.scores.names, part.scores.names
    ascending = np.argsort(theirs)
    if not np.array_equal(np.sort(ours), theirs[ascending]):
        raise InputError(f"{first.place} and {part.place} are of different clips: {_difference(ours, theirs)}")
    return ascending[np.searchsorted(theirs, ours, sorter=ascending)]


def _difference(ours: NDArray[np.str_], theirs: NDArray[np.str_]) -> str:
    """In what two lists of names differ."""
    told = []
    for which, here, there in (("first", ours, theirs), ("second", theirs, ours)):
        only = sorted(set(here.tolist()) - set(there.tolist()))
        told += [f"{len(only):,} only in the {which}, such as '{only[0]}'"] if only else []
    return "; ".join(told) or "the same names in another order"
