"""Joint embeddings as a picture: one panel per run, one colour per joint."""

import colorsys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from stgdn.reports.figures.embedding import JointFeatures
from stgdn.skeleton import Layout

LIGHTNESS = (0.36, 0.5, 0.64)  # of successive joints, so that neighbours are easy to distinguish


@dataclass(frozen=True)
class Panel:
    """Hold the joint embedding of one run.

    Attributes:
        name: short name of the run.
        title: of the panel, with recipe, seed and accuracy.
        layout: of the joints.
        features: of the joints.
        positions: (B, V, 2) of the joints in the plane.
        smoothing: over-smoothing measures by layer.
    """

    name: str
    title: str
    layout: Layout
    features: JointFeatures
    positions: NDArray[np.float32]
    smoothing: dict[str, list[float]]


def joint_colours(layout: Layout) -> list[str]:
    """Return a colour for every joint; joints of one limb have similar hues."""
    children: dict[int, list[int]] = {joint: [] for joint in range(layout.num_joints)}
    for child, parent in layout.bones:
        children[parent].append(child)
    order, waiting = [], [layout.root]
    while waiting:  # depth first
        order.append(joint := waiting.pop())
        waiting += reversed(children[joint])
    colours = [""] * layout.num_joints
    for rank, joint in enumerate(order):
        red, green, blue = colorsys.hls_to_rgb(rank / len(order), LIGHTNESS[rank % len(LIGHTNESS)], 0.75)
        colours[joint] = f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
    return colours


def embedding_figure(panels: Sequence[Panel], title: str) -> Figure:
    """Draw the panels side by side; the number of a joint is at the median of its points."""
    layout = panels[0].layout
    colours = joint_colours(layout)
    columns = 5
    rows = -(-layout.num_joints // columns)
    figure = Figure(figsize=(7 * len(panels), 7.4 + 0.22 * rows), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axes, panel, colours)
    handles = [
        figure.axes[0].scatter([], [], color=colour, label=f"{number} {joint}")
        for number, (joint, colour) in enumerate(zip(layout.joints, colours, strict=True))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=13)
    return figure


def _draw(axes: Axes, panel: Panel, colours: Sequence[str]) -> None:
    size = np.clip(12000 / panel.positions[..., 0].size, 4, 40)
    for joint, colour in enumerate(colours):
        axes.scatter(*panel.positions[:, joint].T, s=size, color=colour, alpha=0.7, linewidths=0)
    for joint, colour in enumerate(colours):
        x, y = np.median(panel.positions[:, joint], axis=0)
        outline = [withStroke(linewidth=3, foreground="white")]
        axes.text(x, y, str(joint), color=colour, weight="bold", ha="center", va="center", path_effects=outline)
    axes.set_title("\n".join(textwrap.wrap(panel.title, 80)), fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", "datalim")
