r"""Comparisons as Markdown, LaTeX (for `\input`, with booktabs and graphicx) and CSV, and files of them."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from stgdn.errors import InputError
from stgdn.files import around, marks
from stgdn.reports.output_file import output_path, save_text
from stgdn.reports.tables.cells import CAPTION, Column, columns, commands, text_rows
from stgdn.reports.tables.folds import fold_text
from stgdn.reports.tables.rows import Comparison, Row

SECTION, BRIEF = "results", "results in brief"  # of a Markdown file, between two marks
SPECIAL = {  # characters in LaTeX
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
RECORD: dict[str, Callable[[Row], object]] = {  # columns of the CSV
    "data": lambda row: row.data,
    "synthetic": lambda row: row.synthetic,
    "network": lambda row: row.method,
    "stream": lambda row: row.stream,
    "status": lambda row: row.status,
    "recipe": lambda row: row.recipe,
    "epochs": lambda row: row.first and row.first.epochs,
    "seeds": lambda row: _joined(result.seed for result in row.results),
    "folds": lambda row: _joined(filter(None, map(fold_text, row.results))),
    "top1": lambda row: _mean(row, "top1"),
    "top1_deviation": lambda row: _deviation(row, "top1"),
    "published": lambda row: _published(row, "top1"),
    "difference": lambda row: row.difference("top1"),
    "mean_class": lambda row: _mean(row, "mean_class"),
    "mean_class_deviation": lambda row: _deviation(row, "mean_class"),
    "top5": lambda row: _mean(row, "top5"),
    "top5_deviation": lambda row: _deviation(row, "top5"),
    "published_top5": lambda row: _published(row, "top5"),
    "difference_top5": lambda row: row.difference("top5"),
    "gain": lambda row: _mean(row, "gain"),
    "published_gain": lambda row: _published(row, "gain"),
    "published_by_the_same_recipe": lambda row: row.same_recipe if row.results and row.published else None,
    "published_source": lambda row: _joined(value.source for value in row.published.values()),
    "published_note": lambda row: _joined(value.note for value in row.published.values() if value.note),
    "parameters": lambda row: row.first and row.first.parameters,
    "flops": lambda row: row.first and row.first.flops,
    "clip_shape": lambda row: row.first and "x".join(map(str, row.first.clip_shape)),
    "origin": lambda row: row.origin,
    "commands": lambda row: "; ".join(row.commands),
    "folders": lambda row: _joined(result.folder for result in row.results),
}
# What a file begins with that may be replaced.
HEADS = {".tex": r"% Written by src/report.py. \usepackage{booktabs,graphicx}", ".csv": "table,data,synthetic,network,"}


def check_targets(write: str | Sequence[str] | None, findings: bool = False) -> list[Path]:
    """Check the output paths before tables are computed; none if no file was requested.

    Args:
        write: one or several.
        findings: whether findings are written, which are Markdown, or tables.
    """
    given = [] if write is None else [write] if isinstance(write, str) else write
    paths = [output_path(each, "write", (".md",) if findings else (".md", *HEADS)) for each in given]
    for path in paths:
        if path is not None and path.exists():
            _check_content(path, findings)
    return [path for path in paths if path is not None]


def _check_content(path: Path, findings: bool) -> None:
    """Check that a file was written by this command, or has lines for results to go between."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text file: give write= another name") from None
    suffix = path.suffix.lower()
    if suffix == ".md":
        around(path, BRIEF if findings and is_brief(path) else SECTION)
    elif not text.startswith(HEADS[suffix]):
        raise InputError(f"{path} was not written by src/report.py: give write= another name, or remove that file")


def is_brief(path: Path) -> bool:
    """Return whether a page has room for the beginning of the findings only."""
    return path.exists() and marks(BRIEF)[0] in path.read_text(encoding="utf-8").splitlines()


def write_tables(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Write a file that `check_targets` allows; in an existing Markdown file only the part between the marks."""
    suffix = path.suffix.lower()
    if suffix == ".md":
        write_markdown(path, SECTION, as_markdown(comparisons))
    else:
        save_text(as_latex(comparisons) if suffix == ".tex" else as_csv(comparisons), path)


def write_markdown(path: Path, name: str, text: str) -> None:
    """Write a Markdown file; of an existing one the part between the marks of that name."""
    before, after = around(path, name) if path.exists() else (f"{mark}\n" for mark in marks(name))
    save_text(f"{before}{text}\n{after}", path)


def as_markdown(comparisons: Sequence[Comparison]) -> str:
    """Return all tables, each with notes, sources of published values and the command of every row."""
    parts = (
        (f"**{table.title}.** {CAPTION}", markdown_table(table, columns(table)), command_list(table))
        for table in comparisons
    )
    return "\n\n".join(part for table in parts for part in table if part)


def markdown_table(comparison: Comparison, shown: Sequence[Column]) -> str:
    """Return a table with its notes and sources."""
    lines = [
        f"| # | {' | '.join(column.heading for column in shown)} |",
        "|---|" + "".join("---:|" if column.right else "---|" for column in shown),
    ]
    for number, (_, cells, _) in enumerate(text_rows(comparison, shown), 1):
        escaped = [cell.replace("|", "\\|") for cell in cells]
        lines.append(f"| {number} | {' | '.join(escaped)} |")
    for note in comparison.footnotes:
        lines += ["", note]
    return "\n".join(lines)


def command_list(comparison: Comparison, made_by: Callable[[Row], str] = commands) -> str:
    """Return the commands of the rows that were run as a Markdown list; empty without any."""
    made = [f"- row {number}: {made_by(row)}" for number, row in enumerate(comparison.rows, 1) if row.results]
    return "\n".join(made)


def as_latex(comparisons: Sequence[Comparison]) -> str:
    """Return all tables; the command of a row is a comment before it."""
    return "\n\n".join([HEADS[".tex"], *map(_latex_table, comparisons)]) + "\n"


def escape(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def _latex_table(comparison: Comparison) -> str:
    shown = columns(comparison)
    lines = [
        r"\begin{table*}",
        rf"\caption{{{escape(comparison.title)}. {CAPTION}}}",
        rf"\label{{tab:{re.sub('[^a-zA-Z0-9]', '-', comparison.name)}}}",
        r"\centering\small",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{@{{}}{''.join('r' if column.right else 'l' for column in shown)}@{{}}}}",
        r"\toprule",
        " & ".join(escape(column.heading) for column in shown) + r" \\",
        r"\midrule",
    ]
    for row, cells, begins_block in text_rows(comparison, shown):
        lines += [r"\midrule"] if begins_block else []
        lines += [f"% {commands(row)}"] if row.results else []
        lines.append(" & ".join(map(escape, cells)) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}}"]
    if notes := comparison.footnotes:
        lines.append(rf"\par\smallskip\footnotesize {' '.join(map(escape, notes))}")
    return "\n".join([*lines, r"\end{table*}"])


def as_csv(comparisons: Sequence[Comparison]) -> str:
    """Return all known values of all rows of all tables under one heading, with all digits; unknown ones are empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", *RECORD])
    for comparison in comparisons:
        writer.writerows([comparison.name, *(entry(row) for entry in RECORD.values())] for row in comparison.rows)
    return file.getvalue()


def _mean(row: Row, metric: str) -> float | None:
    spread = row.spread(metric)
    return spread and spread.mean


def _deviation(row: Row, metric: str) -> float | None:
    spread = row.spread(metric)
    return spread and spread.deviation


def _published(row: Row, metric: str) -> float | None:
    return row.published[metric].value if metric in row.published else None


def _joined(values: Iterable[object]) -> str:
    """Join several values in one entry, each once."""
    return "; ".join(dict.fromkeys(map(str, values)))
