"""Clips on which two runs disagree: which one is right, and how much surer of the right class it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from stgdn.errors import InputError
from stgdn.inference.probabilities import softmax
from stgdn.reports.fusion.alignment import Part, aligned, expect_sound

RUNS = ("A", "B")
LONGEST = 24  # of a class's name in the table


@dataclass(frozen=True)
class Disagreement:
    """A clip that two runs take for different classes.

    Attributes:
        name: of the clip.
        label: the true class.
        said: the class that each takes it for.
        sure: the probability that each gives to what it says.
        margin: how much likelier the true class is to the run that is right than to the other; where neither is, to
            one of them than to the other.
    """

    name: str
    label: int
    said: tuple[int, int]
    sure: tuple[float, float]
    margin: float

    @property
    def right(self) -> str | None:
        """Which run is right, `A` or `B`; None if neither is."""
        return next((run for run, said in zip(RUNS, self.said, strict=True) if said == self.label), None)


def disagreements(first: Part, second: Part) -> list[Disagreement]:
    """Clips that two runs take for different classes: first those that one gets right, the largest margin first.

    Raises:
        InputError: files that are damaged, or of different splits, classes, clips or labels.
    """
    for part in (first, second):
        expect_sound(part)
    shares = [softmax(scores) for scores in (first.scores.scores, aligned(first, second))]
    said = [each.argmax(axis=1) for each in shares]
    labels, names = first.scores.labels, first.scores.names
    found = []
    for clip in np.flatnonzero(said[0] != said[1]).tolist():
        both = int(said[0][clip]), int(said[1][clip])
        sure = float(shares[0][clip, both[0]]), float(shares[1][clip, both[1]])
        label = int(labels[clip])
        margin = float(shares[0][clip, label] - shares[1][clip, label])
        margin = -margin if both[1] == label else margin if both[0] == label else abs(margin)
        found.append(Disagreement(str(names[clip]), label, both, sure, margin))
    return sorted(found, key=lambda each: (each.right is None, -each.margin, each.name))


def expect_two(parts: Sequence[Part]) -> tuple[Part, Part]:
    """The two runs to compare.

    Raises:
        InputError: there are fewer or more, or one twice.
    """
    if len(parts) != 2:
        raise InputError(f"comparing takes two runs, and runs= gives {len(parts)}: type runs=[A,B]")
    if parts[0].place == parts[1].place:
        raise InputError(f"runs= gives {parts[0].place} twice: name another run as the second")
    return parts[0], parts[1]


def print_disagreements(found: Sequence[Disagreement], parts: tuple[Part, Part], most: int) -> None:
    """Print what each run is worth, how often which one is right, and a row for each of the first `most` clips."""
    console = Console(markup=False, emoji=False, highlight=False)
    console.width = max(console.width, 120)
    for run, part in zip(RUNS, parts, strict=True):
        console.print(f"{run}: {part.place}, top-1 {100 * part.scores.accuracy():.2f}", soft_wrap=True)
    clips = len(parts[0].scores.names)
    if not found:
        console.print(f"The runs agree on all {clips:,} clips.")
        return
    console.print(told(found, clips))
    table = Table("clip", "is", "A says", "%", "B says", "%", "right", "margin")
    for column in (3, 5, 7):
        table.columns[column].justify = "right"
    for each in found[:most]:
        table.add_row(*_cells(each, parts[0].scores.classes))
    console.print(table)
    console.print("margin: by how much the probabilities of the true class differ, in per cent")
    if len(found) > most:
        console.print(f"and {len(found) - most:,} more (most=N shows N)")


def told(found: Sequence[Disagreement], clips: int) -> str:
    """How often the runs disagree, and which one is right then."""
    a, b = (sum(each.right == run for each in found) for run in RUNS)
    neither = len(found) - a - b
    return (
        f"The runs disagree on {len(found):,} of {clips:,} clips: only A is right on {a:,}, only B on {b:,}, "
        f"neither on {neither:,}."
    )


def _cells(each: Disagreement, classes: NDArray[np.str_]) -> list[str]:
    names = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in classes.tolist()]
    (a, b), (sure_a, sure_b) = each.said, each.sure
    shares = f"{100 * sure_a:.1f}", f"{100 * sure_b:.1f}"
    right = each.right or "–"
    return [each.name, names[each.label], names[a], shares[0], names[b], shares[1], right, f"{100 * each.margin:.1f}"]
