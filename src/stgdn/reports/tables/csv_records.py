"""Comparisons as CSV: all known values of every row, numbers with all digits."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from stgdn.reports.tables.rows import Comparison, Row, Spread

FIELDS: dict[str, Callable[[Row], object]] = {
    "data": lambda row: row.data,
    "synthetic": lambda row: row.synthetic,
    "network": lambda row: row.method,
    "stream": lambda row: row.stream,
    "status": lambda row: row.status,
    "recipe": lambda row: row.recipe,
    "epochs": lambda row: row.first and row.first.epochs,
    "seeds": lambda row: joined(row.seeds),
    "top1": lambda row: mean(row.top1),
    "top1_deviation": lambda row: row.top1 and row.top1.deviation,
    "published": lambda row: row.published and row.published.value,
    "difference": lambda row: row.difference,
    "top5": lambda row: mean(row.top5),
    "top5_deviation": lambda row: row.top5 and row.top5.deviation,
    "published_top5": lambda row: row.published5 and row.published5.value,
    "difference_top5": lambda row: row.difference5,
    "gain": lambda row: mean(row.gain),
    "published_gain": lambda row: row.published_gain and row.published_gain.value,
    "published_by_the_same_recipe": lambda row: row.same_recipe if row.results and row.figures else None,
    "published_source": lambda row: joined(dict.fromkeys(figure.source for figure in row.figures)),
    "published_note": lambda row: joined(dict.fromkeys(figure.note for figure in row.figures if figure.note)),
    "parameters": lambda row: row.first and row.first.parameters,
    "flops": lambda row: row.first and row.first.flops,
    "clip_shape": lambda row: row.first and "x".join(map(str, row.first.clip_shape)),
    "origin": lambda row: row.origin,
    "commands": lambda row: joined(row.commands),
    "folders": lambda row: joined(result.folder for result in row.results),
}
HEAD = ",".join(["table", *FIELDS])


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """Return all rows of all tables under one heading; unknown entries are empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", *FIELDS])
    for comparison in comparisons:
        writer.writerows([comparison.name, *(entry(row) for entry in FIELDS.values())] for row in comparison.rows)
    return file.getvalue()


def mean(spread: Spread | None) -> float | None:
    """Return the mean over seeds."""
    return spread and spread.mean


def joined(values: Iterable[object]) -> str:
    """Join several values in one entry."""
    return "; ".join(map(str, values))
