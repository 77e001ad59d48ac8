"""Pictures of what was found: accuracy and over-smoothing against depth, and against each other."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stgdn.fonts import use_installed_fonts
from stgdn.reports.findings.remedies import NAMES, Grid
from stgdn.reports.findings.variants import MEASURES, REMEDIES, label, remedy, spread, value_of
from stgdn.runs.result import Result

INK = "#1c2126"
COLOURS = ("#59636e", "#2f6fb3", "#d9822b", "#3d8b57", "#a23b72", "#8a6d1d", "#5ab4c5", "#c0504d")
MARKERS = "os^DvP"  # of REMEDIES
TITLES = {"top1": "test top-1 in %", "dirichlet": "Dirichlet energy", "mad": "mean average distance"}
TITLES |= {"joint_rank": "effective rank", "numerical_rank": "numerical rank"}


def depth_figure(grid: Grid) -> Figure:
    """Draw accuracy and the last layer's measures against the number of layers, a line each remedy, ± one deviation."""
    measures = ["top1", *(measure for measure in MEASURES if _measured(grid.results, measure))]
    figure, panels = _panels(measures, len(grid.rows))
    for measure, axes in zip(measures, panels, strict=True):
        for number, row in enumerate(grid.rows):
            _draw_line(axes, grid, row, measure, number)
        depths = sorted(map(int, grid.columns))
        axes.set_xlabel("layers", fontsize=9)
        axes.set(xticks=depths, xlim=(depths[0] - 1, depths[-1] + 1))
        axes.set_title(TITLES[measure] + ("" if measure == "top1" else "\nof the last layer"), fontsize=9, color=INK)
    _finish(figure, panels, grid.caption())
    return figure


def scatter_figure(results: Sequence[Result], caption: str) -> Figure:
    """Draw top-1 against each measure of the last layer: a point each run, a colour each network, a marker each remedy.

    Networks whose layers differ have the marker of those without a remedy.
    """
    measures = [measure for measure in MEASURES if _measured(results, measure)]
    names, models = (sorted({name(result) for result in results}) for name in (label, lambda result: result.model))
    figure, panels = _panels(measures, len(names))
    for measure, axes in zip(measures, panels, strict=True):
        for name in names:
            same = [result for result in results if label(result) == name]
            x, y = [value_of(result, measure) for result in same], [result.top1 for result in same]
            style = _style(models.index(same[0].model), MARKERS[REMEDIES.index(remedy(same[0]) or "none")])
            axes.scatter(x, y, s=26, label=name, alpha=0.85, linewidths=0, **style)
        axes.set_xlabel(f"{TITLES[measure]}\nof the last layer", fontsize=9)
    panels[0].set_ylabel(TITLES["top1"], fontsize=9)
    _finish(figure, panels, caption)
    return figure


def _measured(results: Sequence[Result], measure: str) -> bool:
    return bool(np.isfinite([value_of(result, measure) for result in results]).any())


def _panels(measures: Sequence[str], names: int) -> tuple[Figure, list[Axes]]:
    """Return a white figure, so that it can be read on a dark page too, with a panel for each measure."""
    size = 2.25 * len(measures) + 0.3, 3.0 + 0.2 * ceil(names / len(measures))
    use_installed_fonts()
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    return figure, list(figure.subplots(1, len(measures), squeeze=False)[0])


def _draw_line(axes: Axes, grid: Grid, row: str, measure: str, number: int) -> None:
    """Draw mean and deviation over seeds against depth, lines a little apart so that bars do not hide each other."""
    depths = [depth for depth in sorted(grid.columns, key=int) if grid.values(row, depth, measure)]
    spreads = [spread(grid.values(row, depth, measure)) for depth in depths]
    means = [each.mean for each in spreads if each]
    deviations = [each.deviation or 0.0 for each in spreads if each]
    x = [int(depth) + 0.12 * (number - (len(grid.rows) - 1) / 2) for depth in depths]
    axes.errorbar(x, means, deviations, label=NAMES[row], capsize=2, linewidth=1.5, markersize=5, **_style(number))


def _style(number: int, marker: str = "o") -> dict[str, Any]:
    """Return colour and marker of a line or of points."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": marker}


def _finish(figure: Figure, panels: Sequence[Axes], caption: str) -> None:
    """Give the panels a grid, and the figure a legend below and a title."""
    for axes in panels:
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = panels[0].get_legend_handles_labels()
    columns = min(len(names), len(panels))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
    figure.suptitle(caption, fontsize=8.5, color=INK)
