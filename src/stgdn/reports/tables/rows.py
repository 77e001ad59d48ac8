"""Rows and tables of a comparison: what was run here beside what was published. Writers turn them into files."""

import statistics
from dataclasses import dataclass

from stgdn.reports.tables.published import Figure
from stgdn.runs.result import Result


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    Attributes:
        values: one a seed.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of a sample (divided by the number of seeds less one); None of a single seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """A network on one stream of one data set by one recipe, over all its seeds, or a figure published for another.

    Attributes:
        data: name of the data.
        synthetic: whether the data show nobody who exists.
        method: the network's name here, or as its authors call it.
        stream: `joint`, `joint+bone`, ...
        status: `run`; `not run`, `unfinished` or `damaged` for a network of this suite without a result; `published`
            for a method that is not in this suite.
        results: finished runs, one a seed.
        published: its published top-1.
        published5: its published top-5.
        published_gain: its published top-1 over the letter's baseline.
        baseline: runs of the letter's baseline on the same data and stream by the same recipe, one a seed.
    """

    data: str
    synthetic: bool
    method: str
    stream: str
    status: str
    results: tuple[Result, ...] = ()
    published: Figure | None = None
    published5: Figure | None = None
    published_gain: Figure | None = None
    baseline: tuple[Result, ...] = ()

    @property
    def first(self) -> Result | None:
        """The run of the first seed."""
        return self.results[0] if self.results else None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs."""
        return tuple(result.seed for result in self.results)

    @property
    def recipe(self) -> str | None:
        """The recipe of all its runs."""
        return self.first.recipe if self.first else None

    @property
    def top1(self) -> Spread | None:
        """Test top-1 of the last epoch, in per cent."""
        return Spread(tuple(result.top1 for result in self.results)) if self.results else None

    @property
    def top5(self) -> Spread | None:
        """Test top-5 of the last epoch, in per cent."""
        values = [result.top5 for result in self.results if result.top5 is not None]
        return Spread(tuple(values)) if values and len(values) == len(self.results) else None

    @property
    def difference(self) -> float | None:
        """Top-1 here minus published."""
        return self.top1.mean - self.published.value if self.top1 and self.published else None

    @property
    def difference5(self) -> float | None:
        """Top-5 here minus published."""
        return self.top5.mean - self.published5.value if self.top5 and self.published5 else None

    @property
    def gain(self) -> Spread | None:
        """Top-1 over the baseline's of the same seeds; None without such runs."""
        theirs = {result.seed: result.top1 for result in self.baseline}
        values = [result.top1 - theirs[result.seed] for result in self.results if result.seed in theirs]
        return Spread(tuple(values)) if values else None

    @property
    def same_recipe(self) -> bool:
        """Whether what was published for it was got by the recipe of the runs, as far as one can know."""
        return all(
            figure.recipe == self.recipe
            for figure in (self.published, self.published5, self.published_gain)
            if figure is not None
        )

    @property
    def origin(self) -> str:
        """How fused results came about; empty for runs."""
        return ", ".join(dict.fromkeys(result.origin for result in self.results if result.origin))

    @property
    def commands(self) -> tuple[str, ...]:
        """The exact command of every run, as far as the runs kept them."""
        return tuple(result.command for result in self.results if result.command is not None)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Everything published in it."""
        return tuple(each for each in (self.published, self.published5, self.published_gain) if each is not None)


@dataclass(frozen=True)
class Comparison:
    """A table.

    Attributes:
        name: `table1`, ... as the letter numbers them, the name of other data, or `other`.
        title: what it shows.
        rows: those of one recipe in a row.
        notes: sentences to stand below it.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def recipes(self) -> tuple[str, ...]:
        """All recipes of its runs, in their order."""
        return tuple(dict.fromkeys(row.recipe for row in self.rows if row.recipe is not None))

    @property
    def synthetic(self) -> bool:
        """Whether any of it is on synthetic data."""
        return any(row.synthetic for row in self.rows)

    @property
    def references(self) -> tuple[str, ...]:
        """Sources of the published figures, in their order."""
        return tuple(dict.fromkeys(figure.reference for row in self.rows for figure in row.figures))

    @property
    def references_by_letter(self) -> tuple[str, ...]:
        """What the letters behind published figures stand for, in one paragraph; none if nothing was published."""
        told = [f"[{letter(index)}] {reference}" for index, reference in enumerate(self.references)]
        return (f"Published: {'; '.join(told)}.",) if told else ()


def letter(index: int) -> str:
    """A, ..., z, then aa, ab, ..."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)
