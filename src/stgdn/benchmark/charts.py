"""Pictures of what benchmarks of networks found."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from stgdn.benchmark.tables import (
    NAMES,
    Record,
    fixed_sizes,
    headline,
    measures_with_memory,
    quartiles,
    seconds,
    speed,
)

OURS, OTHER = "#3b6fb6", "#9aa0a6"
CYCLE = ("#3b6fb6", "#e58a2e", "#4f9d69", "#b5486b", "#7a5fa8", "#8c6d46", "#2a9d9d", "#777777")
AXES = {"frames": "frames of a clip, T", "batch": "clips in a batch, N", "joints": "joints, V"}


def networks_figure(record: Record) -> Figure:
    """Draw clips a second in every measure with quartiles, and peak memory; this repository's networks in blue."""
    rows, remembered = record["rows"], measures_with_memory(record)
    panels = len(record["kinds"]) + len(remembered)
    figure = Figure(figsize=(2.2 + 2.9 * panels, 1.7 + 0.36 * len(rows)), layout="constrained")
    grid = iter(figure.subplots(1, panels, sharey=True, squeeze=False)[0])
    colours = [OURS if row["kind"] == "variant" else OTHER for row in rows.values()]
    for measure in record["kinds"]:
        axes, spreads = next(grid), [_spread(record["batch"] / seconds(record, row, measure)) for row in rows]
        middle, errors = (np.array(each) for each in zip(*spreads, strict=True))
        axes.barh(list(rows), middle, color=colours, xerr=errors.T, error_kw={"capsize": 2, "lw": 0.8})
        _label(axes, [f"{rate:,.3g}" if rate < 1000 else f"{rate:,.0f}" for rate in middle], middle + errors[:, 1])
        axes.set(title=NAMES[measure], xlabel="clips/s")
    for measure in remembered:
        axes, peaks = next(grid), np.array([row["measures"][measure]["memory"] or 0 for row in rows.values()]) / 2**20
        axes.barh(list(rows), peaks, color=colours)
        _label(axes, [f"{peak:,.0f}" for peak in peaks], peaks)
        axes.set(title=f"peak memory, {NAMES[measure]}", xlabel="MiB")
    figure.axes[0].invert_yaxis()
    figure.suptitle(f"{headline(record)}, {record['pairs']:.0%} of the clips with all bodies", fontsize=11)
    return figure


def _spread(values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the median, and the lengths of an error bar down and up to the quartiles."""
    median, lower, upper = quartiles(values)
    return median, (median - lower, upper - median)


def _label(axes: Axes, texts: Sequence[str], ends: np.ndarray) -> None:
    for row, (text, end) in enumerate(zip(texts, ends, strict=True)):
        axes.text(end, row, f" {text}", va="center", fontsize=8)
    axes.set_xlim(0, 1.25 * max(float(np.max(ends)), 1e-12))
    axes.spines[["top", "right"]].set_visible(False)


def scaling_figure(record: Record) -> Figure:
    """Draw milliseconds against frames, clips and joints, both axes logarithmic, with the fitted exponents."""
    figure = Figure(figsize=(5 * len(record["axes"]), 4.4), layout="constrained")
    grid = figure.subplots(1, len(record["axes"]), squeeze=False)[0]
    for axes, (name, sizes) in zip(grid, record["axes"].items(), strict=True):
        for number, (row, curves) in enumerate(record["rows"].items()):
            curve = curves[name]
            exponent = "" if curve["exponent"] is None else f": exponent {curve['exponent']:.2f}"
            spreads = [_spread(1e3 * np.array(taken)) for taken in curve["seconds"]]
            middle, errors = (np.array(each) for each in zip(*spreads, strict=True))
            style = {"color": CYCLE[number % len(CYCLE)], "marker": "o", "ms": 4, "capsize": 2}
            axes.errorbar(curve["sizes"], middle, errors.T, label=row + exponent, **style)
        axes.set(xscale="log", yscale="log", title=fixed_sizes(record, name))
        axes.set(xlabel=AXES[name], ylabel=f"{NAMES[record['kind']]}, ms")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_formatter(NullFormatter())
        axes.grid(True, which="major", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(f"{speed(record)}, {record['machine']}", fontsize=9)
    return figure
