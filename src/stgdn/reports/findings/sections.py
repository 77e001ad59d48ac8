"""Write what was found as Markdown with pictures: all of it for a page of its own, or its beginning for a README."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from stgdn.errors import InputError
from stgdn.reports.findings.claims import RULE, Claim, claims, outcomes
from stgdn.reports.findings.correlation import (
    FEWEST_FOR_ANSWER,
    FEWEST_NETWORKS,
    Correlation,
    correlations,
    widest_group,
)
from stgdn.reports.findings.figures import depth_figure, scatter_figure
from stgdn.reports.findings.headline import headline, headline_columns, row_commands
from stgdn.reports.findings.remedies import Grid, depth_grid, depth_table, plugin_grid, plugin_table
from stgdn.reports.findings.variants import trained_alike, training_text
from stgdn.reports.output_file import save_figure
from stgdn.reports.tables.cells import NOTHING, spread_text
from stgdn.reports.tables.comparison import Runs
from stgdn.reports.tables.folds import part_commands
from stgdn.reports.tables.table_files import BRIEF, SECTION, command_list, is_brief, markdown_table, write_markdown
from stgdn.runs.commands import REPEATED, merge_sweeps, without_neutral
from stgdn.runs.result import Result

DEPTH, SCATTER = "depth.png", "smoothing-accuracy.png"
BEST_EPOCH = (
    "Ours are those of the last epoch, mean ± standard deviation over seeds; no epoch was picked on the test split. "
    "Published figures are mostly those of the best epoch on the test split."
)

FOLDED = "<details><summary>The command of each row</summary>"


@dataclass(frozen=True)
class Section:
    """Hold a part of what was found."""

    title: str
    text: str  # behind the picture
    picture: str | None = None  # name of its file
    figure: Figure | None = None
    brief: str | None = None  # what a README shows of it, with the picture; None for nothing


def find(runs: Runs) -> list[Section]:
    """Return what the runs show, in the order of the page."""
    groups = trained_alike(runs)
    return [_headline(runs), _depth(groups), _plugin(groups), _claims(groups), _smoothing(groups)]


def as_page(sections: Sequence[Section], pictures: Path, page: Path | None, brief: bool = False) -> str:
    """Return the sections as Markdown.

    Args:
        sections: see `find`.
        pictures: the folder of the pictures.
        page: the file that it is for, from which pictures are linked; None for the current folder.
        brief: only what a README shows.
    """
    parts = []
    for section in sections:
        if brief and section.brief is None:
            continue
        text = section.brief if brief else section.text
        link = os.path.relpath(pictures / section.picture, page.parent if page else ".") if section.picture else ""
        picture = [f"![{section.title}]({Path(link).as_posix()})"] if section.picture else []
        parts.append("\n\n".join([f"**{section.title}**" if brief else f"### {section.title}", *picture, text or ""]))
    return "\n\n".join(parts).rstrip()


def table_text(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table, its heading first; the first `left` columns are text."""
    marks = ["---" if number < left else "---:" for number in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], marks, *rows[1:]))


def _headline(runs: Runs) -> Section:
    table = headline(runs)
    made = command_list(table, lambda row: row_commands(table, row))
    parts = (BEST_EPOCH, markdown_table(table, headline_columns(table)), f"{FOLDED}\n\n{made}\n\n</details>")
    return Section("Ours beside published", "\n\n".join(parts), brief="\n\n".join(parts))


def _depth(groups: Sequence[Sequence[Result]]) -> Section:
    title, grid = "Accuracy and over-smoothing against depth", depth_grid(groups)
    if grid is None:
        return Section(title, "Not run: `python src/train.py experiment=depth`.")
    bars = "" if grid.has_one_seed else "Bars are one standard deviation over seeds. "
    lines = f"{grid.caption()}. {bars}Larger measures mean less smoothing."
    text = "\n\n".join((lines, table_text(depth_table(grid)), _grid_commands(grid)))
    return Section(title, text, DEPTH, depth_figure(grid), brief=lines)


def _plugin(groups: Sequence[Sequence[Result]]) -> Section:
    title, grid = "Whitening plugged into other networks", plugin_grid(groups)
    if grid is None:
        return Section(title, "Not run: `python src/train.py experiment=plugin`.")
    lines = f"{grid.caption()}. Columns are `model.whiten`; behind top-1 the gain over `none`, seed by seed."
    return Section(title, "\n\n".join((lines, table_text(plugin_table(grid)), _grid_commands(grid))))


def _grid_commands(grid: Grid) -> str:
    """Return the commands of all runs of a grid, folded up."""
    kept = [without_neutral(command) for result in grid.results for command in part_commands(result)]
    merged = merge_sweeps(kept, (*REPEATED, "model.blocks", "model.whiten"))
    listed = "\n".join(f"- `{command}`" for command in merged) or "They were not kept."
    return f"<details><summary>The commands</summary>\n\n{listed}\n\n</details>"


def _claims(groups: Sequence[Sequence[Result]]) -> Section:
    rows = [["what the letter says", "where", "measure", "set", "here", "difference", "seeds", "epochs"]]
    for claim in claims():
        rows += _claim_rows(claim, groups)
    return Section("What of the letter held", f"{table_text(rows, left=5)}\n\n{RULE}")


def _claim_rows(claim: Claim, groups: Sequence[Sequence[Result]]) -> list[list[str]]:
    """Return a row for each data set that the claim was tried on; one that says open if there is none."""
    told = [claim.claim, claim.where, f"{claim.measure}, {claim.stream}"]
    rows = []
    for outcome in outcomes(claim, groups):
        difference = spread_text(outcome.values, "+", 1 if claim.measure == "top1" else 2) or NOTHING
        counts = [str(len(outcome.values.values)), str(outcome.result.epochs)]
        rows.append([*told, outcome.result.data, f"**{outcome.verdict}**", difference, *counts])
    return rows or [[*told, NOTHING, "open", NOTHING, "0", NOTHING]]


def _smoothing(groups: Sequence[Sequence[Result]]) -> Section:
    title, found = "Does less smoothing go with more accuracy?", widest_group(groups)
    if not found:
        return Section(title, f"Open: no data set has {FEWEST_NETWORKS} networks that were trained alike and measured.")
    rows = [
        ["set, stream", "measure", "Spearman's ρ", "95 % interval", "runs", "networks", "less smooth, more accurate"]
    ]
    for results in found:
        rows += [_correlation_row(results[0], correlation) for correlation in correlations(results)]
    largest = max(found, key=len)
    caption = f"{largest[0].data}, {largest[0].stream}: {training_text(largest[0])}"
    text = (
        f"Measures are those of the last layer; larger ones mean less smoothing. Picture: {caption}. Intervals are by "
        "bootstrap over networks, each with all its seeds: *yes* and *no* if zero lies outside and there are "
        f"{FEWEST_FOR_ANSWER} networks or more, else *not shown*."
    )
    return Section(title, f"{text}\n\n{table_text(rows, left=2)}", SCATTER, scatter_figure(largest, caption))


def _correlation_row(result: Result, found: Correlation) -> list[str]:
    low, high = (f"{value:+.2f}".replace("-", "−") for value in found.interval)
    rho = f"{found.rho:+.2f}".replace("-", "−")
    counts = [str(found.runs), str(found.networks)]
    return [f"{result.data}, {result.stream}", f"`{found.measure}`", rho, f"{low} to {high}", *counts, found.answer]


def write_findings(sections: Sequence[Section], pictures: Path, targets: Sequence[Path]) -> list[Path]:
    """Write the pictures, and the sections into pages; returns what was written.

    Raises:
        InputError: `pictures` is no folder and cannot be made one.
    """
    try:
        pictures.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"findings={pictures} is not a folder: name one for the pictures") from None
    written = []
    for section in sections:
        if section.picture is not None and section.figure is not None:
            save_figure(section.figure, pictures / section.picture)
            written.append(pictures / section.picture)
    for page in targets:
        brief = is_brief(page)
        write_markdown(page, BRIEF if brief else SECTION, as_page(sections, pictures, page, brief))
    return [*written, *targets]
