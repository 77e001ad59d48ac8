"""Comparisons and lists as HTML. All text is escaped here; text from runs is never markup."""

import re
from collections.abc import Sequence
from html import escape

from stgdn.reports.tables.cells import columns, text_rows
from stgdn.reports.tables.rows import Comparison, Row

LONG = 32  # letters
MANY = 40  # rows; a table of more is scrolled by itself, and has a field that filters it


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
    kind = "wide tall" if len(comparison.rows) > MANY else "wide"
    lines = [
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{escape(comparison.title)}">',
        f'<table id="{escape(comparison.name)}" class="lines"><caption>{escape(comparison.title)}</caption>',
        f'<thead><tr>{head}<th scope="col"></th></tr></thead>',
        "<tbody>",
    ]
    for row, texts, begins_block in text_rows(comparison, shown):
        cells = "".join(_cell(text, kind) for text, kind in zip(texts, kinds, strict=True))
        names = row.status.replace(" ", "-") + (" first" if begins_block else "")
        lines.append(f'<tr class="{names}">{cells}<td>{_commands(row)}</td></tr>')
    return "\n".join([*lines, "</tbody></table></div>", html_list(comparison.footnotes, "notes")])


def html_list(sentences: Sequence[str], kind: str) -> str:
    """Return sentences as an HTML list, words between two ` as code; empty without sentences."""
    coded = (re.sub("`([^`]*)`", r"<code>\1</code>", escape(sentence)) for sentence in sentences)
    items = "".join(f"<li>{sentence}</li>" for sentence in coded)
    return f'<ul class="{kind}">{items}</ul>' if items else ""


def _cell(text: str, kind: str) -> str:
    """Return a cell; a long text may be broken into lines."""
    long = ' class="long"' if len(text) > LONG else ""
    return f"<td{kind or long}>{escape(text)}</td>"


def _commands(row: Row) -> str:
    lines = "".join(f"<code>{escape(command)}</code>" for command in row.commands)
    if not row.results:
        return ""
    if not lines:
        return "not kept"
    return f"<details><summary>command</summary>{lines}{escape(row.origin)}</details>"
