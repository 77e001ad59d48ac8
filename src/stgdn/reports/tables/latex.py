r"""Comparisons as LaTeX tables, to be read by `\input`; they need booktabs and graphicx."""

import re
from collections.abc import Sequence
from itertools import pairwise

from stgdn.reports.tables.cells import CAPTION, NOTHING, columns, commands
from stgdn.reports.tables.rows import Comparison, Row

HEAD = r"% Written by src/report.py. \usepackage{booktabs,graphicx}"
SPECIAL = {
    "\\": r"\textbackslash{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # behind a \\ it would be read as a distance
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "–": "--",
    "−": "$-$",
    "`": "",
}


def as_latex(comparisons: Sequence[Comparison]) -> str:
    """Return all tables; the command of a row is a comment before it."""
    return "\n\n".join([HEAD, *(_table(comparison) for comparison in comparisons)]) + "\n"


def escape(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def _table(comparison: Comparison) -> str:
    shown = columns(comparison)
    notes = [*comparison.notes, *comparison.references_by_letter]
    lines = [
        r"\begin{table*}",
        rf"\caption{{{escape(comparison.title)}. {CAPTION}}}",
        rf"\label{{tab:{re.sub('[^a-zA-Z0-9]', '-', comparison.name)}}}",
        r"\centering\small",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{@{{}}{''.join('r' if column.right else 'l' for column in shown)}@{{}}}}",
        r"\toprule",
        " & ".join(escape(column.heading) for column in shown) + r" \\",
    ]
    for before, row in pairwise([None, *comparison.rows]):
        assert row is not None
        several = len(comparison.recipes) > 1
        lines += [r"\midrule"] if before is None or _block(before, several) != _block(row, several) else []
        lines += [f"% {commands(row)}"] if row.results else []
        lines.append(" & ".join(escape(column.cell(row) or NOTHING) for column in shown) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}}"]
    lines += [rf"\par\smallskip\footnotesize {' '.join(map(escape, notes))}"] if notes else []
    return "\n".join([*lines, r"\end{table*}"])


def _block(row: Row, several: bool) -> tuple[str, str | None, bool]:
    """Return the key of a block of comparable rows between two rules; `several`: the table has several recipes."""
    return row.data, row.recipe if several else None, row.status == "published"
