"""The page as one self-contained file: template, style, scripts, tables and data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from stgdn.player.html_file import HtmlFile
from stgdn.reports.output_file import save_text
from stgdn.reports.page.run_section import page_content
from stgdn.reports.page.table_section import html_list, html_tables
from stgdn.reports.tables.rows import Comparison
from stgdn.runs.result import Result

FEW = 3
PARTS = ("dom", "data", "colours", "lists", "chart", "heat_map", "skeleton")
SECTIONS = ("runs", "curves", "smoothing", "classes", "mistakes", "covariances", "layers", "comparison")
PAGE = HtmlFile.read("stgdn.reports.page", (*PARTS, *SECTIONS, "page"))


def write_page(
    runs: Sequence[Result],
    tables: Sequence[Comparison],
    path: Path,
    problems: Sequence[str] = (),
    played: Mapping[Path, Any] | None = None,
    others: Sequence[Result] = (),
) -> list[str]:
    """Write the report into one HTML file; a failed write leaves no file.

    Args:
        runs: finished ones, shown in detail; missing files are left out of the page, damaged files are named in it.
        tables: shown above the pictures.
        path: of the file.
        problems: sentences shown at the top.
        played: mistakes by run folder, see `stgdn.reports.page.mistake_section`; None for a page without mistakes.
        others: finished runs that stand in the table of runs only; their scores, curves and layers are not read.

    Returns:
        Sentences about damaged files that are not in `problems`; the page also shows them.
    """
    content, damaged = page_content(runs, played or {}, others)
    file, content["player"] = PAGE, None
    if played is not None:
        from stgdn.player import page as player  # brings PyTorch

        file, content["player"] = replace(PAGE, frames=(player.PAGE,)), player.frame()
    new = [sentence for sentence in damaged if not any(known.startswith(sentence) for known in problems)]
    parts = {
        "summary": escape(summary([*content["runs"], *content["others"]])),
        "problems": notice([*problems, *new]),
        "tables": html_tables(tables) or "<p>No tables were asked for.</p>",
    }
    save_text(file.text(content, parts), path)
    return new


def notice(problems: Sequence[str]) -> str:
    """Return a box with problems, folded up if there are many; empty without problems."""
    if not problems:
        return ""
    listed, few = html_list(problems, "sentences"), len(problems) <= FEW
    heading = f"<summary>{len(problems)} things to know about what is shown</summary>"
    return f'<div class="problems">{listed if few else f"<details>{heading}{listed}</details>"}</div>'


def summary(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence with the number of runs and their data."""
    if not runs:
        return "There is no finished run yet."
    data = dict.fromkeys(f"{run['data']} (synthetic)" if run["synthetic"] else run["data"] for run in runs)
    fake = " Synthetic people show nobody who exists." if any(run["synthetic"] for run in runs) else ""
    count = "1 finished run" if len(runs) == 1 else f"{len(runs)} finished runs"
    return f"{count} on {', '.join(data)}.{fake} Accuracies are those of the last epoch, in per cent."
