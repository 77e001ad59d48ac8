"""Columns of a comparison and the text of their cells, shared by all formats."""

from collections.abc import Callable
from dataclasses import dataclass

from stgdn.reports.tables.letter import BASELINE
from stgdn.reports.tables.rows import Comparison, Row, Spread, letter
from stgdn.runs.commands import merge_seeds

OTHER_RECIPE = "†"
NOTHING = "–"
CAPTION = "Test accuracy of the last epoch, in per cent."


@dataclass(frozen=True)
class Column:
    """Describe a column of a table.

    Attributes:
        heading: of the column.
        cell: returns the text of a row; None for an empty cell.
        right: whether the column is right-aligned, for numbers.
        always: whether to keep the column when it is empty.
    """

    heading: str
    cell: Callable[[Row], str | None]
    right: bool = True
    always: bool = False


def columns(comparison: Comparison) -> list[Column]:
    """Return the columns of a table; published values are followed by the letter of their source."""
    letters = {reference: letter(index) for index, reference in enumerate(comparison.references)}

    def published(attribute: str) -> Callable[[Row], str | None]:
        def cell(row: Row) -> str | None:
            figure = getattr(row, attribute)
            if figure is None:
                return None
            sign = "+" if figure.metric == "gain" else ""
            return f"{figure.value:{sign}.1f} [{letters[figure.reference]}]"

        return cell

    every = [
        Column("data", data, right=False, always=True),
        Column("network", lambda row: row.method, right=False, always=True),
        Column("stream", lambda row: row.stream, right=False, always=True),
        Column("recipe", lambda row: row.recipe, right=False),
        Column("seeds", seeds, right=False),
        Column("top-1", lambda row: top1_text(row, row.top1), always=True),
        Column("published", published("published")),
        Column("difference", lambda row: signed(row, row.difference)),
        Column("top-5", lambda row: spread(row.top5)),
        Column("published top-5", published("published5")),
        Column("difference top-5", lambda row: signed(row, row.difference5)),
        Column(f"over {BASELINE}", lambda row: spread(row.gain, "+")),
        Column("published gain", published("published_gain")),
        Column("parameters", lambda row: None if row.first is None else f"{row.first.parameters:,}"),
        Column("GFLOP a clip (C, T, V, M)", cost),
    ]
    return [column for column in every if column.always or any(column.cell(row) for row in comparison.rows)]


def data(row: Row) -> str:
    """Return the name of the data; synthetic data are marked."""
    return f"{row.data} (synthetic)" if row.synthetic else row.data


def seeds(row: Row) -> str | None:
    """Return the seeds; a single seed is marked."""
    text = ", ".join(map(str, row.seeds))
    return f"{text} (one seed)" if len(row.seeds) == 1 else text or None


def top1_text(row: Row, top1: Spread | None) -> str:
    """Return top-1, or the reason why it is missing."""
    return spread(top1) or (NOTHING if row.status == "published" else row.status)


def spread(values: Spread | None, sign: str = "") -> str | None:
    """Return mean and standard deviation, `87.5 ± 0.4`; for one seed `87.5`."""
    if values is None:
        return None
    return minus(f"{values.mean:{sign}.1f}") + ("" if values.deviation is None else f" ± {values.deviation:.1f}")


def signed(row: Row, difference: float | None) -> str | None:
    """Return a difference to a published value, marked if that is of another recipe."""
    if difference is None:
        return None
    return minus(f"{difference:+.1f}") + ("" if row.same_recipe else f" {OTHER_RECIPE}")


def minus(number: str) -> str:
    """Return a number with a minus sign in place of the hyphen."""
    return number.replace("-", "−")


def cost(row: Row) -> str | None:
    """Return the GFLOP with the shape of the clip."""
    if row.first is None:
        return None
    return f"{row.first.flops / 1e9:.2f} ({', '.join(map(str, row.first.clip_shape))})"


def commands(row: Row) -> str:
    """Return the commands of a row in one line, followed by the origin of a fusion."""
    listed = "; ".join(f"`{' '.join(command.split())}`" for command in merge_seeds(row.commands))
    text = listed or "its command was not kept"
    return f"{text} ({row.origin})" if row.origin else text
