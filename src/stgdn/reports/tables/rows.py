"""Rows and tables of a comparison of runs with published values; other modules write them to files."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from stgdn.reports.tables.published import PublishedValue
from stgdn.runs.result import Result


@dataclass(frozen=True)
class Spread:
    """Hold a value over seeds, one entry per seed."""

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
    """Hold all seeds of a network on one stream of one data set by one recipe, or published values of a method."""

    data: str
    synthetic: bool
    method: str  # the network's name here, or as its authors call it
    stream: str  # `joint`, `joint+bone`, ...
    # `run`; `not run`, `unfinished` or `damaged` for a network of this suite without a result; `published` for a method
    # that is not in this suite
    status: str
    results: tuple[Result, ...] = ()  # finished runs, one per seed
    published: PublishedValue | None = None  # top-1
    published5: PublishedValue | None = None  # top-5
    published_gain: PublishedValue | None = None  # of top-1 over the letter's baseline
    baseline: tuple[Result, ...] = ()  # the letter's baseline on the same data and stream by the same recipe

    @property
    def first(self) -> Result | None:
        """Return the run of the first seed."""
        return self.results[0] if self.results else None

    @property
    def recipe(self) -> str | None:
        """Return the recipe of the runs."""
        return self.first.recipe if self.first else None

    @property
    def top1(self) -> Spread | None:
        """Return test top-1 of the last epoch, in per cent."""
        return _spread(result.top1 for result in self.results)

    @property
    def top5(self) -> Spread | None:
        """Return test top-5 of the last epoch, in per cent."""
        values = [result.top5 for result in self.results if result.top5 is not None]
        return _spread(values) if len(values) == len(self.results) else None

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
        return _spread(result.top1 - theirs[result.seed] for result in self.results if result.seed in theirs)

    @property
    def published_values(self) -> tuple[PublishedValue, ...]:
        """Return all published values of the row."""
        return tuple(value for value in (self.published, self.published5, self.published_gain) if value is not None)

    @property
    def same_recipe(self) -> bool:
        """Return whether the published values were obtained by the recipe of the runs, as far as known."""
        return all(value.recipe == self.recipe for value in self.published_values)

    @property
    def origin(self) -> str:
        """Return how fused results were made; empty for runs."""
        return ", ".join(dict.fromkeys(result.origin for result in self.results if result.origin))

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the exact command of every run that has stored it."""
        return tuple(result.command for result in self.results if result.command is not None)


def _spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of values over seeds; None without any."""
    found = tuple(values)
    return Spread(found) if found else None


@dataclass(frozen=True)
class Comparison:
    """Hold a table."""

    name: str  # `table1`, ... as the letter numbers them, the name of other data, or `other`
    title: str
    rows: tuple[Row, ...]  # those of one recipe one after the other
    notes: tuple[str, ...] = ()  # sentences below the table

    @property
    def recipes(self) -> tuple[str, ...]:
        """Return the recipes of all runs in order."""
        return tuple(dict.fromkeys(row.recipe for row in self.rows if row.recipe is not None))

    @property
    def references(self) -> dict[str, str]:
        """Return the sources of the published values in order, each with its letter."""
        sources = dict.fromkeys(value.reference for row in self.rows for value in row.published_values)
        return {source: letter(index) for index, source in enumerate(sources)}

    @property
    def footnotes(self) -> list[str]:
        """Return the notes, then the sources of published values by letter in one paragraph, if there are any."""
        sources = "; ".join(f"[{letter}] {source}" for source, letter in self.references.items())
        return [*self.notes, *([f"Published: {sources}."] if sources else [])]


def letter(index: int) -> str:
    """Return a, ..., z, then aa, ab, ... for 0, 1, ..."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)
