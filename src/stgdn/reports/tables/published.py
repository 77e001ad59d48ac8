"""Published values, each with its source, from `published.csv` beside this file."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Figure:
    """Hold a published value.

    Attributes:
        method: as its authors call it.
        model: this suite's name of the same network; None if it has none.
        year: of publication.
        data: this suite's name of data set and protocol, such as `ntu60_xsub`.
        stream: `joint`, `joint+bone`, `4 streams`, ...
        metric: `top1` or `top5`, in per cent, or `gain`, points of top-1 over the letter's baseline `agcn_7l`.
        value: the number.
        recipe: `letter`, or `own` for that of the method's authors.
        source: paper or repository.
        note: remark on the value; may be empty.
    """

    method: str
    model: str | None
    year: int
    data: str
    stream: str
    metric: str
    value: float
    recipe: str
    source: str
    note: str

    @property
    def reference(self) -> str:
        """Return source and note in one line."""
        return f"{self.source} ({self.note})" if self.note else self.source


@cache
def published() -> tuple[Figure, ...]:
    """Read all published values, oldest methods first."""
    text = files("stgdn.reports.tables").joinpath("published.csv").read_text(encoding="utf-8")
    figures = [_figure(row) for row in csv.DictReader(text.splitlines())]
    return tuple(sorted(figures, key=lambda figure: figure.year))


def figure_of(model: str | None, data: str, stream: str, metric: str) -> Figure | None:
    """Return the published value of one of this suite's networks; None if there is none."""
    wanted = (model, data, stream, metric)
    matching = (figure for figure in published() if (figure.model, figure.data, figure.stream, figure.metric) == wanted)
    return next(matching, None) if model is not None else None


def _figure(row: dict[str, str]) -> Figure:
    return Figure(
        method=row["method"],
        model=row["model"] or None,
        year=int(row["year"]),
        data=row["data"],
        stream=row["stream"],
        metric=row["metric"],
        value=float(row["value"]),
        recipe=row["recipe"],
        source=row["source"],
        note=row["note"],
    )
