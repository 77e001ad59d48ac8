"""Figure of networks: filters and channels of every layer, and the parts of a layer."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from torch import nn

from stgdn.model.block import Block
from stgdn.model.complexity import Complexity
from stgdn.model.network import Network
from stgdn.model.spatial import GDCN
from stgdn.model.whitening import Whitening
from stgdn.reports.model_tables import Measured

PLAIN = "#d0d5da"
WHITENED = {"node": "#5b9bd5", "frame": "#f0a04b", "channel": "#6fb883"}
INK, QUIET = "#1c2126", "#59636e"
KINDS = {  # colours of a filter, and what it computes
    (PLAIN,): r"nothing whitened:  $\sum_k \theta_k\,(x A_k)$,  $\theta_\tau * x$",
    (WHITENED["node"],): r"joints whitened:  $\sum_k \theta_k\,((x-\mu)\,\Sigma^{-1/2} A_k)$",
    (PLAIN, WHITENED["node"]): r"both side by side:  $\sum_k \theta_k\,(x A_k)"
    r" + \sum_k \theta'_k\,((x-\mu)\,\Sigma^{-1/2} A_k)$",
    (WHITENED["frame"],): r"frames whitened:  $\theta_\tau * (\Sigma_T^{-1/2}(x-\mu))$",
    (WHITENED["channel"],): r"channels whitened:  $\sum_k \theta_k\,(\Sigma_C^{-1/2}(x-\mu)\,A_k)$",
}
WIDE = 100.0  # units across the picture
ROW, CHAIN, LINE = 6.9, 13.0, 3.3  # units of height: of a network, of the chain, of a line of the legend
READING = """left half of a box: spatial filter,
right half: temporal filter;
128: channels, T / 2: half as many frames leave"""
FIRST, LAST = 15.0, 84.0  # where a network's layers begin and end
STEP, SPACE = 6.1, 0.7  # from layer to layer, and what of it is between them
PARTS = (  # of a layer, and how wide they are drawn
    *(("x", 2.5), ("spatial filter", 15.0), ("BN", 5.0), ("+", 3.0), ("ReLU", 6.0)),
    *(("temporal filter", 16.0), ("BN", 5.0), ("+", 3.0), ("ReLU", 6.0)),
)
PASSING = ((3, -1, "down(x), not in ST-GCN"), (7, 1, "residual, not in the first layer"))  # x is added there
HALF, LANE = 1.9, 4.2  # of a part's height, and how far from the middle x passes
UNIT = 0.112  # inches


def layouts_figure(networks: Sequence[Measured], title: str) -> Figure:
    """Draw the suite's own networks, one row each, above the parts of a layer and a legend of the filters."""
    drawn = [(network, cost) for _, network, cost in networks if isinstance(network, Network)]
    layers = [layer for network, _ in drawn for layer in layers_of(network)]
    occurring = {colours(part) for layer in layers for part in (layer.spatial, layer.temporal)}
    kinds = [kind for kind in KINDS if kind in occurring]
    height = 5 + ROW * len(drawn) + CHAIN + LINE * len(kinds)
    figure = Figure(figsize=(UNIT * WIDE, UNIT * height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDE), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(2, 3, title, fontsize=11, weight="bold", va="center", color=INK)
    for number, (network, cost) in enumerate(drawn):
        draw_network(axes, network, cost, 5 + ROW * (number + 0.5))
    draw_chain(axes, 5 + ROW * len(drawn) + 0.55 * CHAIN)
    draw_legend(axes, kinds, 5 + ROW * len(drawn) + CHAIN)
    return figure


def colours(filter: nn.Module) -> tuple[str, ...]:
    """Return the colours of a filter, a key of `KINDS`."""
    whitened = tuple(WHITENED[part.axis] for part in filter.modules() if isinstance(part, Whitening))
    return (PLAIN, *whitened) if not whitened or isinstance(filter, GDCN) else whitened


def layers_of(network: Network) -> list[Block]:
    """Return the layers of a network from first to last."""
    return [layer for layer in network.layers if isinstance(layer, Block)]


def draw_network(axes: Axes, network: Network, cost: Complexity, y: float) -> None:
    """Draw a row: the name, a box per layer with height by its channels, and parameters and FLOPs."""
    axes.text(2, y, network.name, fontsize=10, va="center", color=INK, family="monospace")
    rows = zip(layers_of(network), network.channels, network.strides, network.block_names, strict=True)
    step = min(STEP, (LAST - FIRST) / len(network.channels))
    wide = step - SPACE
    for number, (layer, channels, stride, block) in enumerate(rows):
        high = (ROW - 1.9) * (0.5 + 0.5 * channels / max(network.channels))
        x, top = FIRST + step * number, y + 0.5 - high / 2
        draw_filter(axes, colours(layer.spatial), (x, top), (wide / 2, high))
        draw_filter(axes, colours(layer.temporal), (x + wide / 2, top), (wide / 2, high))
        axes.add_patch(Rectangle((x, top), wide, high, fill=False, edgecolor=INK, linewidth=0.9))
        text = f"{channels}\nT / {stride}" if stride > 1 else str(channels)
        axes.text(x + wide / 2, y + 0.5, text, fontsize=8.5, ha="center", va="center", color=INK, linespacing=1.1)
        axes.text(x + wide / 2, top - 0.7, block, fontsize=7, ha="center", va="center", color=QUIET)
    text = f"{cost.parameters / 1e6:.2f} M parameters\n{cost.flops / 1e9:.2f} GFLOP a clip"
    axes.text(WIDE - 2, y, text, fontsize=8, ha="right", va="center", color=INK)


def draw_filter(axes: Axes, stripes: Sequence[str], corner: tuple[float, float], size: tuple[float, float]) -> None:
    """Draw half a box in one colour or several stripes."""
    (x, y), (wide, high) = corner, size
    part = high / len(stripes)
    for number, colour in enumerate(stripes):
        stripe = Rectangle((x, y + number * part), wide, part, facecolor=colour, edgecolor="white", linewidth=0.4)
        axes.add_patch(stripe)


def draw_chain(axes: Axes, y: float) -> None:
    """Draw the parts of a layer from left to right, with the skip connections."""
    axes.text(2, y, "a layer", fontsize=10, va="center", color=INK)
    gap = (WIDE - 2 - FIRST - sum(width for _, width in PARTS)) / (len(PARTS) - 1)
    x, middles = FIRST, []
    for name, width in PARTS:
        if middles:
            face = PLAIN if name.endswith("filter") else "white"
            axes.add_patch(Rectangle((x, y - HALF), width, 2 * HALF, facecolor=face, edgecolor=INK, linewidth=0.9))
            axes.add_patch(arrow((x - gap, y), (x, y)))
        axes.text(x + width / 2, y, name, fontsize=9, ha="center", va="center", color=INK)
        middles.append(x + width / 2)
        x += width + gap
    for target, side, name in PASSING:
        start, end, lane = middles[0], middles[target], y + side * LANE
        axes.plot([start, start, end], [y + side, lane, lane], color=QUIET, linewidth=0.9)
        axes.add_patch(arrow((end, lane), (end, y + side * HALF)))
        axes.text((start + end) / 2, lane - 0.9, name, fontsize=7.5, ha="center", va="center", color=QUIET)


def arrow(start: tuple[float, float], end: tuple[float, float]) -> FancyArrowPatch:
    """Return an arrow between two points."""
    return FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=7, color=QUIET, linewidth=0.9, shrinkA=0, shrinkB=0
    )


def draw_legend(axes: Axes, kinds: Sequence[tuple[str, ...]], y: float) -> None:
    """Draw the legend of the colours and of a box."""
    for number, kind in enumerate(kinds):
        top = y + LINE * number
        draw_filter(axes, kind, (FIRST, top), (2.7, 2.3))
        axes.text(FIRST + 4, top + 1.2, KINDS[kind], fontsize=9, va="center", color=INK)
    axes.text(WIDE - 2, y + 1.2, READING, fontsize=8, ha="right", va="top", color=QUIET)
