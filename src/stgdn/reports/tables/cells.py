"""Columns of a comparison and the text of their cells, shared by all formats."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stgdn.reports.tables.folds import fold_text
from stgdn.reports.tables.letter import BASELINE
from stgdn.reports.tables.rows import Comparison, Row, Spread
from stgdn.rounding import fixed
from stgdn.runs.commands import merge_sweeps

OTHER_RECIPE = "†"
NOTHING = "–"
MOST_FUSIONS = 3  # whose commands are all shown
CAPTION = "Test accuracy of the last epoch, in per cent."


@dataclass(frozen=True)
class Column:
    """Describe a column of a table."""

    heading: str
    cell: Callable[[Row], str | None]  # returns the text of a row; None for an empty cell
    right: bool = True  # aligned to the right, for numbers
    always: bool = False  # kept when it is empty


def columns(comparison: Comparison) -> list[Column]:
    """Return the columns of a table; published values are followed by the letter of their source."""
    letters = comparison.references

    def published(row: Row, metric: str, sign: str = "") -> str | None:
        value = row.published.get(metric)
        return f"{fixed(value.value, sign=sign)} [{letters[value.reference]}]" if value else None

    every = [
        Column("data", lambda row: f"{row.data} (synthetic)" if row.synthetic else row.data, right=False, always=True),
        Column("network", lambda row: row.method, right=False, always=True),
        Column("stream", lambda row: row.stream, right=False, always=True),
        Column("recipe", lambda row: row.recipe, right=False),
        Column("seeds", seeds, right=False),
        Column("top-1", top1, always=True),
        Column("published", lambda row: published(row, "top1")),
        Column("difference", lambda row: _difference(row, "top1")),
        Column("mean class", mean_class),
        Column("top-5", lambda row: spread_text(row.spread("top5"))),
        Column("published top-5", lambda row: published(row, "top5")),
        Column("difference top-5", lambda row: _difference(row, "top5")),
        Column(f"over {BASELINE}", lambda row: spread_text(row.spread("gain"), "+")),
        Column("published gain", lambda row: published(row, "gain", "+")),
        Column("parameters", lambda row: None if row.first is None else f"{row.first.parameters:,}"),
        Column("GFLOP a clip (C, T, V, M)", _cost),
    ]
    return [column for column in every if column.always or any(column.cell(row) for row in comparison.rows)]


def text_rows(comparison: Comparison, shown: Sequence[Column]) -> Iterator[tuple[Row, list[str], bool]]:
    """Yield every row, the text of its cells, and whether a block of rows to compare begins with it."""
    before = None
    for row in comparison.rows:
        yield row, [column.cell(row) or NOTHING for column in shown], before is not None and _differ(before, row)
        before = row


def _differ(before: Row, row: Row) -> bool:
    """Return whether rows are of different data or recipes, or one of them is of a method that is only published."""
    recipes = before.recipe != row.recipe and None not in (before.recipe, row.recipe)
    return recipes or before.data != row.data or (before.status == "published") != (row.status == "published")


def commands(row: Row) -> str:
    """Return the commands of a row in one line, followed by the origin of a fusion; of many fusions only the first."""
    merged = merge_sweeps(row.commands)
    many = bool(row.origin) and len(merged) > MOST_FUSIONS
    more = f"; {len(merged) - 1} more like it, for the other seeds and folds" if many else ""
    listed = "; ".join(f"`{' '.join(command.split())}`" for command in (merged[:1] if many else merged))
    text = listed + more or "its command was not kept"
    return f"{text} ({row.origin})" if row.origin else text


def seeds(row: Row) -> str | None:
    """Return the seeds, and the folds of each where they differ; a single seed is marked."""
    folds = [fold_text(result) for result in row.results]
    if len(set(folds)) > 1:
        return ", ".join(f"{result.seed} ({text})" for result, text in zip(row.results, folds, strict=True))
    text = ", ".join(str(result.seed) for result in row.results)
    remarks = [*(["one seed"] if len(row.results) == 1 else []), *filter(None, folds[:1])]
    return f"{text} ({'; '.join(remarks)})" if remarks else text or None


def top1(row: Row) -> str:
    """Return top-1, or the reason why it is missing."""
    return spread_text(row.spread("top1")) or (NOTHING if row.status == "published" else row.status)


def mean_class(row: Row) -> str | None:
    """Return the mean over classes of their top-1; None where runs have not stored it."""
    return spread_text(row.spread("mean_class"))


def spread_text(values: Spread | None, sign: str = "", digits: int = 1) -> str | None:
    """Return mean and standard deviation, `87.5 ± 0.4`; for one seed `87.5`."""
    if values is None:
        return None
    deviation = "" if values.deviation is None else f" ± {fixed(values.deviation, digits)}"
    return _minus(fixed(values.mean, digits, sign)) + deviation


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return _minus(fixed(value, sign="+"))


def _difference(row: Row, metric: str) -> str | None:
    """Return the difference to the published value, marked if that is of another recipe."""
    difference = row.difference(metric)
    if difference is None:
        return None
    return signed(difference) + ("" if row.same_recipe else f" {OTHER_RECIPE}")


def _minus(number: str) -> str:
    """Return a number with a minus sign in place of the hyphen."""
    return number.replace("-", "−")


def _cost(row: Row) -> str | None:
    """Return the GFLOP with the shape of the clip."""
    if row.first is None:
        return None
    return f"{row.first.flops / 1e9:.2f} ({', '.join(map(str, row.first.clip_shape))})"
