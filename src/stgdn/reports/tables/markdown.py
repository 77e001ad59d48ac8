"""Comparisons as Markdown, and writing of files in all formats."""

from collections.abc import Sequence
from pathlib import Path

from stgdn.errors import InputError
from stgdn.files import around, marks, replacing
from stgdn.reports.output_file import output_path
from stgdn.reports.tables import csv_records as records
from stgdn.reports.tables import latex
from stgdn.reports.tables.cells import CAPTION, NOTHING, columns, commands
from stgdn.reports.tables.rows import Comparison

SECTION = "results"
START, END = marks(SECTION)
HEADS = {".tex": latex.HEAD, ".csv": records.HEAD}  # what a file begins with that may be replaced


def markdown(comparisons: Sequence[Comparison]) -> str:
    """Return all tables, each with notes, sources of published values and the command of every row."""
    return "\n\n".join(_markdown(comparison) for comparison in comparisons)


def check_target(write: str | None) -> Path | None:
    """Check the output path before tables are computed; None if no file was requested.

    Raises:
        InputError: another suffix, or an existing file that tables may not replace.
    """
    path = output_path(write, "write", (".md", *HEADS))
    if path is None or not path.exists():
        return path
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text file: give write= another name") from None
    suffix = path.suffix.lower()
    if suffix == ".md":
        around(path, SECTION)
    elif not text.startswith(HEADS[suffix]):
        raise InputError(f"{path} was not written by src/report.py: give write= another name, or remove that file")
    return path


def write_tables(path: Path, comparisons: Sequence[Comparison]) -> None:
    """Write a file that `check_target` allows; in an existing Markdown file only the part between the marks."""
    suffix = path.suffix.lower()
    if suffix == ".md":
        before, after = around(path, SECTION) if path.exists() else (f"{START}\n", f"{END}\n")
        text = f"{before}{markdown(comparisons)}\n{after}"
    else:
        text = latex.as_latex(comparisons) if suffix == ".tex" else records.as_csv(comparisons)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _markdown(comparison: Comparison) -> str:
    shown = columns(comparison)
    lines = [
        f"**{comparison.title}.** {CAPTION}",
        "",
        f"| # | {' | '.join(column.heading for column in shown)} |",
        "|---|" + "".join("---:|" if column.right else "---|" for column in shown),
    ]
    for number, row in enumerate(comparison.rows, 1):
        cells = [(column.cell(row) or NOTHING).replace("|", "\\|") for column in shown]
        lines.append(f"| {number} | {' | '.join(cells)} |")
    for note in (*comparison.notes, *comparison.references_by_letter):
        lines += ["", note]
    run = [f"- row {number}: {commands(row)}" for number, row in enumerate(comparison.rows, 1) if row.results]
    return "\n".join([*lines, *(["", *run] if run else [])])
