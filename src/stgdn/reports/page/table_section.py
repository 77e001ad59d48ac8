"""Comparisons and lists as HTML. All text is escaped here; text from runs is never markup."""

import re
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from stgdn.reports.tables.cells import NOTHING, Column, columns
from stgdn.reports.tables.rows import Comparison, Row

LONG = 32  # letters


def html_tables(comparisons: Sequence[Comparison]) -> str:
    """Return the tables as HTML: first those with runs, then the others, folded up."""
    run = [comparison for comparison in comparisons if any(row.results for row in comparison.rows)]
    others = [comparison for comparison in comparisons if comparison not in run]
    folded = (
        f'<details class="table"><summary>{escape(table.title)}: not run</summary>{html_table(table)}</details>'
        for table in others
    )
    return "\n".join([*map(html_table, run), *folded])


def html_table(comparison: Comparison) -> str:
    """Return a table with notes and sources; the command of a row is shown after a click."""
    shown = columns(comparison)
    kinds = [' class="number"' if column.right else "" for column in shown]
    head = "".join(
        f'<th scope="col"{kind}>{escape(column.heading)}</th>' for column, kind in zip(shown, kinds, strict=True)
    )
    lines = [
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(comparison.title)}">',
        f'<table id="{escape(comparison.name)}" class="lines"><caption>{escape(comparison.title)}</caption>',
        f'<thead><tr>{head}<th scope="col"></th></tr></thead>',
        "<tbody>",
        *(_row(row, before, shown, kinds) for before, row in pairwise([None, *comparison.rows]) if row is not None),
        "</tbody></table></div>",
    ]
    notes = [*comparison.notes, *comparison.references_by_letter]
    return "\n".join([*lines, html_list(notes, "notes")])


def html_list(sentences: Sequence[str], kind: str) -> str:
    """Return sentences as an HTML list; empty without sentences."""
    items = "".join(f"<li>{_with_code(sentence)}</li>" for sentence in sentences)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def _with_code(sentence: str) -> str:
    """Return a sentence as HTML; words between two ` are code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(sentence))


def _row(row: Row, before: Row | None, shown: Sequence[Column], kinds: Sequence[str]) -> str:
    cells = "".join(_cell(column.cell(row) or NOTHING, kind) for column, kind in zip(shown, kinds, strict=True))
    names = " ".join([row.status.replace(" ", "-"), *(["first"] if _begins(row, before) else [])])
    return f'<tr class="{names}">{cells}<td>{_commands(row)}</td></tr>'


def _cell(text: str, kind: str) -> str:
    """Return a cell; a long text may be broken into lines."""
    long = ' class="long"' if len(text) > LONG else ""
    return f"<td{kind or long}>{escape(text)}</td>"


def _begins(row: Row, before: Row | None) -> bool:
    """Return whether a row begins a block of other data, of another recipe or of published methods."""
    if before is None:
        return False
    recipes = before.recipe != row.recipe and None not in (before.recipe, row.recipe)
    return recipes or before.data != row.data or (before.status == "published") != (row.status == "published")


def _commands(row: Row) -> str:
    lines = "".join(f"<code>{escape(command)}</code>" for command in row.commands)
    if not row.results:
        return ""
    if not lines:
        return "not kept"
    return f"<details><summary>command</summary>{lines}{escape(row.origin)}</details>"
