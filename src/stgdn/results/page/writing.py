"""The page as a file: template, style, scripts, tables and data put into one, which asks the network for nothing."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from stgdn.files import replacing
from stgdn.html_file import assembled
from stgdn.results.gathering import Result
from stgdn.results.page.runs import page_content
from stgdn.results.page.tables import html_list, html_tables
from stgdn.results.rows import Comparison

# In this order: a script may use what those before it define.
SCRIPTS = ("dom", "data", "colours", "lists", "chart", "heat_map", "skeleton")
FEW = 3
SECTIONS = ("runs", "curves", "smoothing", "classes", "covariances", "layers", "comparison")


def write_page(
    runs: Sequence[Result], tables: Sequence[Comparison], path: Path, problems: Sequence[str] = ()
) -> list[str]:
    """Write everything that people look at into one HTML file, whole or not at all.

    Args:
        runs: finished ones; what a run's folder lacks is left out of the page, what is damaged is named in it too.
        tables: to stand above the pictures.
        path: of the file.
        problems: sentences to stand on top.

    Returns:
        Sentences about damaged files that `problems` does not tell already; they stand on top too.
    """
    content, found = page_content(runs)
    new = [each for each in found if not any(known.startswith(each) for known in problems)]
    html = page(content, html_tables(tables), [*problems, *new])
    with replacing(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return new


def page(content: Mapping[str, Any], tables: str, problems: Sequence[str]) -> str:
    """The page as text."""
    script = "\n".join(_template(f"{name}.js") for name in (*SCRIPTS, *SECTIONS, "page"))
    parts = {
        "summary": escape(summary(content["runs"])),
        "problems": notice(problems),
        "tables": tables or "<p>No tables were asked for.</p>",
    }
    return assembled(_template("page.html"), _template("page.css"), script, content, parts)


def notice(problems: Sequence[str]) -> str:
    """What is left out or damaged, folded up if it is a lot; nothing if there is nothing."""
    if not problems:
        return ""
    listed, few = html_list(problems, "sentences"), len(problems) <= FEW
    heading = f"<summary>{len(problems)} things to know about what is shown</summary>"
    return f'<div class="problems">{listed if few else f"<details>{heading}{listed}</details>"}</div>'


def summary(runs: Sequence[Mapping[str, Any]]) -> str:
    """How many runs there are, and on which data."""
    if not runs:
        return "There is no finished run yet."
    data = dict.fromkeys(f"{run['data']} (synthetic)" if run["synthetic"] else run["data"] for run in runs)
    fake = " Synthetic people show nobody who exists." if any(run["synthetic"] for run in runs) else ""
    count = "1 finished run" if len(runs) == 1 else f"{len(runs)} finished runs"
    return f"{count} on {', '.join(data)}.{fake} Accuracies are those of the last epoch, in per cent."


def _template(name: str) -> str:
    return files("stgdn.results.page").joinpath("template", name).read_text(encoding="utf-8")
