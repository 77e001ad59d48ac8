"""Published values, each with its source, from `published.csv` beside this file."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

METRICS = ("top1", "top5", "gain")  # accuracies in per cent, and points of top-1 over the letter's baseline `agcn_7l`


@dataclass(frozen=True)
class PublishedValue:
    """Hold a published value: a line of the file."""

    method: str  # as its authors call it
    model: str | None  # this suite's name of the same network; None if it has none
    year: int  # of publication
    data: str  # this suite's name of data set and protocol, such as `ntu60_xsub`
    stream: str  # `joint`, `joint+bone`, `4 streams`, ...
    metric: str  # one of `METRICS`
    value: float
    recipe: str  # `letter`, or `own` for that of the method's authors
    source: str  # paper or repository
    note: str  # remark on the value; may be empty

    @property
    def reference(self) -> str:
        """Return source and note in one line."""
        return f"{self.source} ({self.note})" if self.note else self.source


@cache
def published_values() -> tuple[PublishedValue, ...]:
    """Read all published values, oldest methods first."""
    text = files("stgdn.reports.tables").joinpath("published.csv").read_text(encoding="utf-8")
    values = []
    for line in csv.DictReader(text.splitlines()):
        entries: dict[str, Any] = dict(line)
        entries |= {"model": line["model"] or None, "year": int(line["year"]), "value": float(line["value"])}
        values.append(PublishedValue(**entries))
    return tuple(sorted(values, key=lambda value: value.year))


def values_of(model: str, data: str, stream: str) -> dict[str, PublishedValue]:
    """Return the published values of one of this suite's networks by metric."""
    wanted = (model, data, stream)
    return by_metric(value for value in published_values() if (value.model, value.data, value.stream) == wanted)


def by_metric(values: Iterable[PublishedValue]) -> dict[str, PublishedValue]:
    """Return values of one method on one stream by metric, in the order of `METRICS`."""
    return {value.metric: value for value in sorted(values, key=lambda value: METRICS.index(value.metric))}
