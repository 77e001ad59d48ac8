"""Pictures of what benchmarks found."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from stgdn.benchmark.network_tables import NAMES, headline
from stgdn.benchmark.records import Record, quartiles, seconds

OURS, OTHER = "#3b6fb6", "#9aa0a6"
CYCLE = ("#3b6fb6", "#e58a2e", "#4f9d69", "#b5486b", "#7a5fa8", "#8c6d46", "#2a9d9d", "#777777")
AXES = {"frames": "frames of a clip, T", "batch": "clips in a batch, N", "joints": "joints, V"}


def networks_figure(record: Record) -> Figure:
    """Bars: clips a second in every measure with quartiles, and peak memory; this repository's networks in blue."""
    rows = list(record["rows"])
    kinds = record["kinds"]
    remembered = [
        kind
        for kind in kinds
        if any(found["measures"][kind]["memory"] is not None for found in record["rows"].values())
    ]
    panels = len(kinds) + len(remembered)
    figure = Figure(figsize=(2.2 + 2.9 * panels, 1.7 + 0.36 * len(rows)), layout="constrained")
    grid = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    colours = [OURS if record["rows"][row]["kind"] == "variant" else OTHER for row in rows]
    for axes, kind in zip(grid, kinds, strict=False):
        spreads = [quartiles(record["batch"] / np.asarray(seconds(record, row, kind))) for row in rows]
        middle, lower, upper = np.array(spreads).T
        axes.barh(
            rows, middle, color=colours, xerr=[middle - lower, upper - middle], error_kw={"capsize": 2, "lw": 0.8}
        )
        _label(axes, [f" {rate:,.3g}" if rate < 1000 else f" {rate:,.0f}" for rate in middle], upper)
        axes.set(title=NAMES[kind], xlabel="clips/s")
    for axes, kind in zip(grid[len(kinds) :], remembered, strict=True):
        peaks = np.array([record["rows"][row]["measures"][kind]["memory"] or 0 for row in rows]) / 2**20
        axes.barh(rows, peaks, color=colours)
        _label(axes, [f" {peak:,.0f}" for peak in peaks], peaks)
        axes.set(title=f"peak memory, {NAMES[kind]}", xlabel="MiB")
    grid[0].invert_yaxis()
    figure.suptitle(f"{headline(record)}, {record['pairs']:.0%} of the clips with all bodies", fontsize=11)
    return figure


def _label(axes: Axes, texts: list[str], ends: np.ndarray) -> None:
    for place, (text, end) in enumerate(zip(texts, ends, strict=True)):
        axes.text(end, place, text, va="center", fontsize=8)
    axes.set_xlim(0, 1.25 * max(float(np.max(ends)), 1e-12))
    axes.spines[["top", "right"]].set_visible(False)


def scaling_figure(record: Record) -> Figure:
    """Seconds of the measure against frames, clips and joints, both axes logarithmic, with the fitted exponents."""
    figure = Figure(figsize=(5 * len(record["axes"]), 4.4), layout="constrained")
    grid = figure.subplots(1, len(record["axes"]), squeeze=False)[0]
    for axes, name in zip(grid, record["axes"], strict=True):
        for colour, (row, found) in zip(CYCLE * 9, record["rows"].items(), strict=False):
            curve = found[name]
            spreads = [quartiles(np.array(taken)) for taken in curve["seconds"]]
            middle, lower, upper = 1e3 * np.array(spreads).T
            exponent = "" if curve["exponent"] is None else f": exponent {curve['exponent']:.2f}"
            errors = [middle - lower, upper - middle]
            axes.errorbar(
                curve["sizes"], middle, errors, color=colour, marker="o", ms=4, capsize=2, label=row + exponent
            )
        _logarithmic(axes, sorted({size for found in record["rows"].values() for size in found[name]["sizes"]}))
        axes.set(title=record["fixed"][name], xlabel=AXES[name], ylabel=f"{NAMES[record['kind']]}, ms")
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(f"{record['precision']}{', compiled' * record['compile']}, {record['machine']}", fontsize=9)
    return figure


def _logarithmic(axes: Axes, sizes: list[int]) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
