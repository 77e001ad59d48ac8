"""Pictures of a run: confusion matrix and learned adjacencies."""

import numpy as np
from matplotlib.figure import Figure

from stgdn.model.network import Network
from stgdn.model.spatial import GCN
from stgdn.results.scores import Scores


def confusion_figure(scores: Scores, title: str) -> Figure:
    """Confusion matrix, rows normalised to the true classes."""
    counts = scores.confusion()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(scores.classes)
    edge = min(max(4.5, 0.32 * size + 2.5), 24)
    figure = Figure(figsize=(edge + 1, edge), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(size), scores.classes, rotation=90, fontsize=8)
    axes.set_yticks(range(size), scores.classes, fontsize=8)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if size <= 20:
        for true, predicted in np.argwhere(counts):
            colour = "white" if share[true, predicted] > 0.5 else "black"
            text = str(counts[true, predicted])
            axes.text(predicted, true, text, ha="center", va="center", color=colour, fontsize=7)
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    return figure


def adjacency_figure(network: Network, joints: tuple[str, ...]) -> Figure | None:
    """What each layer has learned to add to the skeleton's graph, one row a layer, one column a subset.

    Entry (i, j) is what joint j takes from joint i. None where nothing is learned.
    """
    learned = [
        (number, layer.spatial.adjacency.learned.detach().float().cpu().numpy())
        for number, layer in enumerate(network.layers, 1)
        if isinstance(layer.spatial, GCN) and hasattr(layer.spatial.adjacency, "learned")
    ]
    if not learned:
        return None
    subsets = ("itself", "inward", "outward")
    figure = Figure(figsize=(3 * len(subsets) + 1.5, 2.8 * len(learned)), layout="constrained")
    grid = figure.subplots(len(learned), len(subsets), squeeze=False)
    for row, (number, adjacency) in zip(grid, learned, strict=True):
        limit = float(np.abs(adjacency).max()) or 1.0
        for axes, subset, values in zip(row, subsets, adjacency, strict=True):
            axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axes.set_title(f"layer {number}, {subset}", fontsize=9)
            axes.set_xticks(range(0, len(joints), 5))
            axes.set_yticks([])
        row[0].set_yticks(range(len(joints)), joints, fontsize=5)
        figure.colorbar(row[0].images[0], ax=list(row), shrink=0.8)
    figure.suptitle(f"{network.name}: learned part of the adjacency (row: source joint, column: target joint)")
    return figure
