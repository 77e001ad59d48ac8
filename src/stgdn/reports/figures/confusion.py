"""Figures of a run: confusion matrix and learned adjacencies."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stgdn.fonts import plain_text, use_installed_fonts
from stgdn.model.network import Network
from stgdn.runs.layer_arrays import learned_graphs
from stgdn.runs.scores import Scores

SUBSETS = ("itself", "inward", "outward")
MAX_CLASS_WIDTH = 40  # characters of a class name; longer ones would leave no room for the matrix
GAP = 2  # columns between subsets


def confusion_figure(scores: Scores, title: str) -> Figure:
    """Draw the confusion matrix, rows normalised to the true classes."""
    counts = scores.confusion()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(scores.classes)
    edge = min(max(4.5, 0.32 * size + 2.5), 24)
    use_installed_fonts()
    figure = Figure(figsize=(edge + 1, edge), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [plain_text(textwrap.shorten(str(name), MAX_CLASS_WIDTH, placeholder="…")) for name in scores.classes]
    axes.set_xticks(range(size), names, rotation=90, fontsize=8)
    axes.set_yticks(range(size), names, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if size <= 20:
        for true, predicted in np.argwhere(counts):
            colour = "white" if share[true, predicted] > 0.5 else "black"
            text = str(counts[true, predicted])
            axes.text(predicted, true, text, ha="center", va="center", color=colour, fontsize=7)
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    return figure


def adjacency_figure(network: Network, joints: tuple[str, ...]) -> Figure | None:
    """Draw the learned adjacency of each layer: one row per layer, subsets side by side.

    Entry (i, j) is the weight from joint i to joint j. Returns None if no adjacency is learned.
    """
    graphs = [learned_graphs(layer.spatial).get("learned") for layer in network.layers]  # pyright: ignore[reportArgumentType]
    learned = [
        (number, graph.detach().float().cpu().numpy()) for number, graph in enumerate(graphs, 1) if graph is not None
    ]
    if not learned:
        return None
    height = 3 * len(learned) + 0.4  # inches; laid out by hand, every run draws this and an engine is slow
    use_installed_fonts()
    figure = Figure(figsize=(10.5, height))
    figure.subplots_adjust(left=0.12, right=1.08, top=1 - 0.7 / height, bottom=0.3 / height, hspace=0.2)
    for axes, (number, adjacency) in zip(figure.subplots(len(learned), squeeze=False).flat, learned, strict=True):
        _draw_subsets(axes, number, adjacency, joints)
        figure.colorbar(axes.images[0], ax=axes, shrink=0.8, pad=0.02)
    figure.suptitle(
        f"{network.name}: learned part of the adjacency (row: source joint, column: target joint)",
        y=1 - 0.2 / height,
        fontsize=12,
    )
    return figure


def _draw_subsets(axes: Axes, number: int, adjacency: NDArray[np.float32], joints: tuple[str, ...]) -> None:
    """Draw the three subsets (K, V, V) of a layer side by side, with names and numbers of joints."""
    V = len(joints)
    starts = range(0, len(SUBSETS) * (V + GAP), V + GAP)
    picture = np.full((V, starts[-1] + V), np.nan, adjacency.dtype)
    for start, subset, values in zip(starts, SUBSETS, adjacency, strict=True):
        picture[:, start : start + V] = values
        axes.text(start + V / 2, -1, f"layer {number}, {subset}", ha="center", fontsize=9)
        for joint in range(0, V, 5):
            axes.text(start + joint, V, str(joint), ha="center", va="top", fontsize=8)
    for joint, name in enumerate(joints):
        axes.text(-1, joint, plain_text(name), ha="right", va="center", fontsize=5)
    limit = float(np.abs(adjacency).max()) or 1.0
    axes.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_axis_off()
