"""Rows and tables of a comparison of runs with published values; other modules write them to files."""

import statistics
from dataclasses import dataclass

from stgdn.reports.tables.published import Figure
from stgdn.runs.result import Result


@dataclass(frozen=True)
class Spread:
    """Hold a value over seeds.

    Attributes:
        values: one per seed.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Return the mean over seeds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Return the sample standard deviation (divided by the number of seeds less one); None for one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True)
class Row:
    """Hold all seeds of a network on one stream of one data set by one recipe, or published values of a method.

    Attributes:
        data: name of the data.
        synthetic: whether the data are synthetic.
        method: the network's name here, or as its authors call it.
        stream: `joint`, `joint+bone`, ...
        status: `run`; `not run`, `unfinished` or `damaged` for a network of this suite without a result; `published`
            for a method that is not in this suite.
        results: finished runs, one per seed.
        published: published top-1.
        published5: published top-5.
        published_gain: published gain of top-1 over the letter's baseline.
        baseline: runs of the letter's baseline on the same data and stream by the same recipe, one per seed.
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
        """Return the run of the first seed."""
        return self.results[0] if self.results else None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Return the seeds of the runs."""
        return tuple(result.seed for result in self.results)

    @property
    def recipe(self) -> str | None:
        """Return the recipe of the runs."""
        return self.first.recipe if self.first else None

    @property
    def top1(self) -> Spread | None:
        """Return test top-1 of the last epoch, in per cent."""
        return Spread(tuple(result.top1 for result in self.results)) if self.results else None

    @property
    def top5(self) -> Spread | None:
        """Return test top-5 of the last epoch, in per cent."""
        values = [result.top5 for result in self.results if result.top5 is not None]
        return Spread(tuple(values)) if values and len(values) == len(self.results) else None

    @property
    def difference(self) -> float | None:
        """Return top-1 of the runs minus published top-1."""
        return self.top1.mean - self.published.value if self.top1 and self.published else None

    @property
    def difference5(self) -> float | None:
        """Return top-5 of the runs minus published top-5."""
        return self.top5.mean - self.published5.value if self.top5 and self.published5 else None

    @property
    def gain(self) -> Spread | None:
        """Return the gain of top-1 over the baseline of the same seeds; None without such runs."""
        theirs = {result.seed: result.top1 for result in self.baseline}
        values = [result.top1 - theirs[result.seed] for result in self.results if result.seed in theirs]
        return Spread(tuple(values)) if values else None

    @property
    def same_recipe(self) -> bool:
        """Return whether the published values were obtained by the recipe of the runs, as far as known."""
        return all(
            figure.recipe == self.recipe
            for figure in (self.published, self.published5, self.published_gain)
            if figure is not None
        )

    @property
    def origin(self) -> str:
        """Return how fused results were made; empty for runs."""
        return ", ".join(dict.fromkeys(result.origin for result in self.results if result.origin))

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the exact command of every run that has stored it."""
        return tuple(result.command for result in self.results if result.command is not None)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Return all published values of the row."""
        return tuple(value for value in (self.published, self.published5, self.published_gain) if value is not None)


@dataclass(frozen=True)
class Comparison:
    """Hold a table.

    Attributes:
        name: `table1`, ... as the letter numbers them, the name of other data, or `other`.
        title: of the table.
        rows: those of one recipe one after the other.
        notes: sentences below the table.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @property
    def recipes(self) -> tuple[str, ...]:
        """Return the recipes of all runs in order."""
        return tuple(dict.fromkeys(row.recipe for row in self.rows if row.recipe is not None))

    @property
    def synthetic(self) -> bool:
        """Return whether any row is on synthetic data."""
        return any(row.synthetic for row in self.rows)

    @property
    def references(self) -> tuple[str, ...]:
        """Return the sources of the published values in order."""
        return tuple(dict.fromkeys(figure.reference for row in self.rows for figure in row.figures))

    @property
    def references_by_letter(self) -> tuple[str, ...]:
        """Return the sources of published values by letter in one paragraph; empty without published values."""
        sources = [f"[{letter(index)}] {reference}" for index, reference in enumerate(self.references)]
        return (f"Published: {'; '.join(sources)}.",) if sources else ()


def letter(index: int) -> str:
    """Return a, ..., z, then aa, ab, ... for 0, 1, ..."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)
