"""Contents of a store as one figure."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from stgdn.data.store.contents import Axis, Contents, Histogram, Joint
from stgdn.fonts import plain_text, use_installed_fonts
from stgdn.reports.store_tables import split_sentence

COLOURS = {"train": "#3b6fb6", "test": "#e58a2e", "all": "#3b6fb6"}
GREY = "#9aa0a6"
STRIP = 100  # classes side by side at most
FEW = 14  # classes whose names fit below their bars
NAME = 40  # characters of a name at most
MISSING = "YlOrRd"  # colours of missing joints, from never to most often


def contents_figure(contents: Contents) -> Figure:
    """Draw lengths, bodies, coordinates, the typical pose with missing joints, and the clips of every class.

    Classes are in the order of their labels, up to 100 in a row, so that names are readable.
    """
    size = len(contents.classes)
    parts = np.array_split(np.arange(size), -(-size // STRIP))
    strips = [range(part[0], part[-1] + 1) for part in parts]
    heights = [6.6, *(_height(contents, strip) for strip in strips)]
    use_installed_fonts()
    figure = Figure(figsize=(16, sum(heights) + 0.7), layout="constrained")
    upper, *lower = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights).flat
    _draw_upper(upper, contents)
    top = max(sum(bar) for bar in zip(*contents.per_class.values(), strict=True))
    for part, strip in zip(lower, strips, strict=True):
        _draw_classes(part.subplots(), contents, strip, len(strips[0]), top)
    kind = "synthetic, shows nobody who exists" if contents.synthetic else "not synthetic"
    figure.suptitle(
        f"{contents.dataset} ({kind}): {contents.clips:,} clips of {len(contents.classes)} classes; "
        f"{split_sentence(contents)}",
        fontsize=13,
    )
    return figure


def _draw_upper(part: SubFigure, contents: Contents) -> None:
    grid = part.add_gridspec(2, 4, width_ratios=(1, 1, 1, 1.35))
    _draw_lengths(part.add_subplot(grid[0, :2]), contents)
    _draw_bodies(part.add_subplot(grid[0, 2]), contents)
    for column, axis in enumerate(contents.axes):
        _draw_axis(part.add_subplot(grid[1, column]), axis, "" if contents.planar else "m")
    _draw_skeleton(part.add_subplot(grid[:, 3]), contents)


def _stack(axes: Axes, histogram: Histogram) -> None:
    """Draw the bars of all groups, stacked."""
    below = np.zeros(max(len(histogram.edges) - 1, 0))
    for group, counts in histogram.counts.items():
        axes.stairs(below + counts, histogram.edges, baseline=below, fill=True, color=COLOURS[group], label=group)
        below += counts
    if len(histogram.counts) > 1:
        axes.legend(frameon=False)


def _draw_lengths(axes: Axes, contents: Contents) -> None:
    lengths = contents.lengths
    _stack(axes, lengths.histogram)
    axes.axvline(lengths.median, color="black", linewidth=0.8, linestyle="--")
    beyond = "; the last bar holds all longer ones" if lengths.histogram.beyond else ""
    axes.set(
        title=f"frames of a clip: {lengths.shortest:,} to {lengths.longest:,}, median {lengths.median:,.0f}",
        xlabel=f"frames (dashed: the median{beyond})",
        ylabel="clips",
    )
    _plain(axes)


def _draw_bodies(axes: Axes, contents: Contents) -> None:
    """Draw the shares of clips and of frames by number of bodies."""
    bodies = sorted(contents.bodies.keys() | contents.seen.keys())
    for offset, counts, colour, label in (
        (-0.2, contents.bodies, COLOURS["train"], "clips that have"),
        (0.2, contents.seen, GREY, "frames that show"),
    ):
        whole = sum(counts.values())
        shares = [100 * counts.get(number, 0) / whole for number in bodies]
        bars = axes.bar(np.arange(len(bodies)) + offset, shares, 0.4, color=colour, label=label)
        if len(bodies) <= 4:
            axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(range(len(bodies)), [str(number) for number in bodies])
    axes.set(title="bodies", xlabel="so many bodies", ylabel="%", xlim=(-0.7, len(bodies) - 0.3), ylim=(0, 118))
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    _plain(axes)


def _draw_axis(axes: Axes, axis: Axis, unit: str) -> None:
    _stack(axes, axis.histogram)
    ends = "never seen" if axis.lowest is None else f"{axis.lowest:.2f} to {axis.highest:.2f}"
    axes.set(title=f"{axis.name}: {ends}", xlabel=f"{unit}, from 0.1 % to 99.9 %".removeprefix(", "), ylabel="joints")
    axes.set_yticks([])
    _plain(axes)


def _draw_skeleton(axes: Axes, contents: Contents) -> None:
    """Draw the typical pose; the colour of a joint shows how often it is missing."""
    placed: Mapping[int, tuple[float, float]] = {
        number: joint.pose for number, joint in enumerate(contents.joints) if joint.pose is not None
    }
    bones = [(child, joint.parent) for child, joint in enumerate(contents.joints) if joint.parent is not None]
    lines = [(placed[child], placed[parent]) for child, parent in bones if child in placed and parent in placed]
    axes.add_collection(LineCollection(lines, colors=GREY, linewidths=2, zorder=1))
    shares = [100 * contents.joints[number].missing for number in placed]
    scale = Normalize(0, max([*shares, 1.0]))
    if placed:
        points = np.array(list(placed.values()))
        drawn = axes.scatter(*points.T, s=90, c=shares, cmap=MISSING, norm=scale, edgecolors="black", zorder=2)
        if any(shares):
            axes.figure.colorbar(drawn, ax=axes, shrink=0.6, label="missing, % of the bodies")
    axes.text(0.5, 0, plain_text(_worst(contents.joints)), ha="center", va="top", transform=axes.transAxes)
    lost = len(contents.joints) - len(placed)
    height = "" if contents.planar or contents.height is None else f", {contents.height:.2f} m along its bones"
    axes.set_title(f"typical pose from the front{height}" + (f" ({lost} joints never seen)" if lost else ""))
    axes.set_aspect("equal", "datalim")
    axes.margins(0.15)
    axes.axis("off")


def _worst(joints: Sequence[Joint]) -> str:
    """Return a text with the joints that are missing most often."""
    worst = sorted((joint for joint in joints if joint.missing), key=lambda joint: -joint.missing)[:5]
    if not worst:
        return "no joint is ever missing"
    return "missing most often:\n" + "\n".join(f"{joint.name} {joint.missing:.2%}" for joint in worst)


def _height(contents: Contents, strip: range) -> float:
    """Return the height in inches for the bars of some classes and their names."""
    longest = min(max(len(contents.classes[label]) for label in strip), NAME)
    return 1.5 + (0.9 if len(contents.classes) <= FEW else 0.072 * longest)


def _draw_classes(axes: Axes, contents: Contents, strip: range, length: int, top: int) -> None:
    """Draw the clips of some classes by split, on axes for `length` classes and `top` clips."""
    below = np.zeros(len(strip))
    for split, counts in contents.per_class.items():
        chosen = np.asarray(counts)[strip.start : strip.stop]
        axes.bar(strip, chosen, 0.8, below, color=COLOURS[split], label=split)
        below += chosen
    names = [plain_text(contents.classes[label][:NAME]) for label in strip]
    if len(contents.classes) <= FEW:
        wrapped = [textwrap.fill(f"{label} {name}", 16) for label, name in zip(strip, names, strict=True)]
        axes.set_xticks(strip, wrapped, fontsize=8)
    else:
        labelled = [f"{name}  {label}" for label, name in zip(strip, names, strict=True)]
        axes.set_xticks(strip, labelled, rotation=90, fontsize=7.5)
    axes.set(xlim=(strip.start - 0.7, strip.start + length - 0.3))
    axes.set(ylabel="clips", ylim=(0, 1.05 * max(top, 1)))
    if strip.start == 0:
        axes.set_title("clips of each class, by label")
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
