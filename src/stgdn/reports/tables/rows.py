"""Rows and tables of a comparison of runs with published values; other modules write them to files."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from stgdn.reports.tables.folds import part_commands
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
    results: tuple[Result, ...] = ()  # finished runs, one per seed; of folds their mean
    published: Mapping[str, PublishedValue] = field(default_factory=dict)  # by metric
    baseline: tuple[Result, ...] = ()  # the letter's baseline on the same data and stream by the same recipe

    @property
    def first(self) -> Result | None:
        """Return the run of the first seed."""
        return self.results[0] if self.results else None

    @property
    def recipe(self) -> str | None:
        """Return the recipe of the runs."""
        return self.first.recipe if self.first else None

    def spread(self, metric: str) -> Spread | None:
        """Return an accuracy of the last epoch in per cent, or the gain in top-1 over the baseline's seeds."""
        if metric == "gain":
            theirs = {(result.seed, result.folds): result.top1 for result in self.baseline}
            pairs = [(result.top1, theirs.get((result.seed, result.folds))) for result in self.results]
            values = [ours - baseline for ours, baseline in pairs if baseline is not None]
        else:
            values = [getattr(result, metric) for result in self.results]
        return Spread(tuple(values)) if values and None not in values else None

    def difference(self, metric: str) -> float | None:
        """Return the mean over the runs minus the published value."""
        ours, published = self.spread(metric), self.published.get(metric)
        return ours.mean - published.value if ours and published else None

    @property
    def same_recipe(self) -> bool:
        """Return whether the published values were obtained by the recipe of the runs, as far as known."""
        return all(value.recipe == self.recipe for value in self.published.values())

    @property
    def origin(self) -> str:
        """Return how fused results were made; empty for runs."""
        return ", ".join(dict.fromkeys(result.origin for result in self.results if result.origin))

    @property
    def commands(self) -> tuple[str, ...]:
        """Return the command of every run that has stored it."""
        return tuple(command for result in self.results for command in part_commands(result))


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
        sources = dict.fromkeys(value.reference for row in self.rows for value in row.published.values())
        return {source: letter(index) for index, source in enumerate(sources)}

    @property
    def footnotes(self) -> list[str]:
        """Return the notes, then the sources of published values by letter in one paragraph, if there are any."""
        sources = "; ".join(f"[{letter}] {source}" for source, letter in self.references.items())
        return [*self.notes, *([f"Published: {sources}."] if sources else [])]


def letter(index: int) -> str:
    """Return a, ..., z, then aa, ab, ... for 0, 1, ..."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)
