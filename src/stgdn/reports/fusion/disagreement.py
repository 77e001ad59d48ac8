"""Clips with different predictions of two runs: which run is right, and by which margin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from stgdn.errors import InputError
from stgdn.reports.figures.run_pair import distinct_names
from stgdn.reports.fusion.score_fusion import StreamScores, align_scores, expect_sound
from stgdn.rounding import fixed
from stgdn.runs.scores import softmax

RUNS = ("A", "B")
LONGEST = 24  # of a class's name in the table


@dataclass(frozen=True)
class Disagreement:
    """Hold a clip with different predictions of two runs."""

    name: str  # of the clip
    label: int  # the true class
    predicted: tuple[int, int]  # the class that each run predicts
    probabilities: tuple[float, float]  # of each run for its predicted class
    # Probability of the true class by the right run minus that by the other; the absolute value if neither is right.
    margin: float

    @property
    def right(self) -> str | None:
        """Return the run that is right, `A` or `B`; None if neither is."""
        return next((run for run, label in zip(RUNS, self.predicted, strict=True) if label == self.label), None)


def disagreements(first: StreamScores, second: StreamScores) -> list[Disagreement]:
    """Return the clips with different predictions: first those that one run gets right, largest margin first."""
    for part in (first, second):
        expect_sound(part)
    shares = [softmax(scores) for scores in (first.scores.scores, align_scores(first, second))]
    predicted = [values.argmax(axis=1) for values in shares]
    labels, names = first.scores.labels, first.scores.names
    differing = []
    for clip in np.flatnonzero(predicted[0] != predicted[1]).tolist():
        pair = int(predicted[0][clip]), int(predicted[1][clip])
        probabilities = float(shares[0][clip, pair[0]]), float(shares[1][clip, pair[1]])
        label = int(labels[clip])
        margin = float(shares[0][clip, label] - shares[1][clip, label])
        margin = -margin if pair[1] == label else margin if pair[0] == label else abs(margin)
        differing.append(Disagreement(str(names[clip]), label, pair, probabilities, margin))
    return sorted(differing, key=lambda clip: (clip.right is None, -clip.margin, clip.name))


def expect_two(parts: Sequence[StreamScores]) -> tuple[StreamScores, StreamScores]:
    """Return the two runs to compare.

    Raises:
        InputError: not two runs, or one run twice.
    """
    if len(parts) != 2:
        raise InputError(f"comparing takes two runs, and runs= gives {len(parts)}: type runs=[A,B]")
    if parts[0].place == parts[1].place:
        raise InputError(f"runs= gives {parts[0].place} twice: name another run as the second")
    return parts[0], parts[1]


def print_disagreements(differing: Sequence[Disagreement], parts: tuple[StreamScores, StreamScores], most: int) -> None:
    """Print the accuracy of each run, how often each is right, and a row for each of the first `most` clips."""
    console = Console(markup=False, emoji=False, highlight=False)
    console.width = max(console.width, 120)
    runs = {part.place: part.run for part in parts if part.run is not None}
    names = dict(zip(runs, distinct_names(list(runs.values())), strict=True))
    for run, part in zip(RUNS, parts, strict=True):
        name = f" ({names[part.place]})" if part.place in names else ""
        accuracy = f"top-1 {fixed(part.scores.top1, 2)}, mean class {fixed(part.scores.mean_class, 2)}"
        console.print(f"{run}: {part.place}{name}, {accuracy}", soft_wrap=True)
    clips = len(parts[0].scores.names)
    if not differing:
        console.print(f"The runs agree on all {clips:,} clips.")
        return
    console.print(disagreement_summary(differing, clips))
    table = Table("clip", "is", "A says", "%", "B says", "%", "right", "margin")
    for column in (3, 5, 7):
        table.columns[column].justify = "right"
    classes = parts[0].scores.classes.tolist()
    short = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in classes]
    for clip in differing[:most]:
        (a, b), shares = clip.predicted, [fixed(100 * probability) for probability in clip.probabilities]
        said = (short[clip.label], short[a], shares[0], short[b], shares[1])
        table.add_row(clip.name, *said, clip.right or "–", fixed(100 * clip.margin))
    console.print(table)
    console.print("margin: by how much the probabilities of the true class differ, in per cent")
    if len(differing) > most:
        console.print(f"and {len(differing) - most:,} more (most=N shows N)")


def disagreement_summary(differing: Sequence[Disagreement], clips: int) -> str:
    """Return a sentence about how often the runs disagree and which one is right."""
    a, b = (sum(clip.right == run for clip in differing) for run in RUNS)
    neither = len(differing) - a - b
    return (
        f"The runs disagree on {len(differing):,} of {clips:,} clips: only A is right on {a:,}, only B on {b:,}, "
        f"neither on {neither:,}."
    )
