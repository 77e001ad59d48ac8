"""Pictures of what benchmarks of networks found."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from stgdn.benchmark import tables
from stgdn.benchmark.tables import NAMES, Record

OURS, OTHER = "#3b6fb6", "#9aa0a6"
CYCLE = ("#3b6fb6", "#e58a2e", "#4f9d69", "#b5486b", "#7a5fa8", "#8c6d46", "#2a9d9d", "#777777")
AXES = {"frames": "frames of a clip, T", "batch": "clips in a batch, N", "joints": "joints, V"}


def networks_figure(record: Record) -> Figure:
    """Draw clips a second in every measure with quartiles, and peak memory; this repository's networks in blue."""
    rows = record["rows"]
    panels = []  # title, unit, one or more values of each row
    for measure in record["kinds"]:
        rates = [record["batch"] / tables.seconds(record, row, measure) for row in rows]
        panels.append((NAMES[measure], "clips/s", rates))
    for measure in tables.measures_with_memory(record):
        peaks = [np.array([row["measures"][measure]["memory"] or 0]) / 2**20 for row in rows.values()]
        panels.append((f"peak memory, {NAMES[measure]}", "MiB", peaks))
    figure = Figure(figsize=(2.2 + 2.9 * len(panels), 1.7 + 0.36 * len(rows)), layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    colours = [OURS if row["kind"] == "variant" else OTHER for row in rows.values()]
    for axes, (title, unit, values) in zip(grid, panels, strict=True):
        middle, errors = _spreads(values)
        bars = axes.barh(list(rows), middle, color=colours, xerr=errors, error_kw={"capsize": 2, "lw": 0.8})
        texts = [f"{value:,.3g}" if value < 1000 else f"{value:,.0f}" for value in middle]
        axes.bar_label(bars, texts, padding=4, fontsize=8)
        axes.set(title=title, xlabel=unit, xlim=(0, 1.25 * max(*(middle + errors[1]), 1e-12)))
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].invert_yaxis()
    figure.suptitle(f"{tables.headline(record)}, {record['pairs']:.0%} of the clips with all bodies", fontsize=11)
    return figure


def _spreads(values: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return medians (rows,), and the lengths of error bars down and up to the quartiles, (2, rows)."""
    middle, lower, upper = np.array([tables.quartiles(each) for each in values]).T
    return middle, np.stack([middle - lower, upper - middle])


def scaling_figure(record: Record) -> Figure:
    """Draw milliseconds against frames, clips and joints, both axes logarithmic, with the fitted exponents."""
    figure = Figure(figsize=(5 * len(record["axes"]), 4.4), layout="constrained")
    grid = figure.subplots(1, len(record["axes"]), squeeze=False)[0]
    for axes, (name, sizes) in zip(grid, record["axes"].items(), strict=True):
        for number, (row, curves) in enumerate(record["rows"].items()):
            curve = curves[name]
            exponent = "" if curve["exponent"] is None else f": exponent {curve['exponent']:.2f}"
            middle, errors = _spreads([1e3 * np.array(taken) for taken in curve["seconds"]])
            style = {"color": CYCLE[number % len(CYCLE)], "marker": "o", "ms": 4, "capsize": 2}
            axes.errorbar(curve["sizes"], middle, errors, label=row + exponent, **style)
        axes.set(xscale="log", yscale="log", title=tables.fixed_sizes(record, name))
        axes.set(xlabel=AXES[name], ylabel=f"{NAMES[record['kind']]}, ms")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_formatter(NullFormatter())
        axes.grid(True, which="major", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(f"{tables.speed(record)}, {record['machine']}", fontsize=9)
    return figure
