"""Joint embeddings as a picture, with one panel per run and one colour per joint, as a page, and in numbers.

Pointing at a joint in the page shows its clip and body.
"""

import colorsys
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stgdn.fonts import plain_text, use_installed_fonts
from stgdn.reports.figures.embedding import Panel
from stgdn.reports.page.poses import depth_first
from stgdn.skeleton import Layout
from stgdn.training.callbacks.over_smoothing import MEASURES

TEMPLATE = Path(__file__).with_name("embedding.html")
LIGHTNESS = (0.36, 0.5, 0.64)  # of successive joints, so that neighbours are easy to distinguish


def joint_colours(layout: Layout) -> list[str]:
    """Return a colour for every joint; joints of one limb have similar hues."""
    order = depth_first(layout.parents)
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
    use_installed_fonts()
    figure = Figure(figsize=(7 * len(panels), 7.4 + 0.22 * rows), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axes, panel, colours)
    handles = [
        figure.axes[0].scatter([], [], color=colour, label=f"{number} {joint}")
        for number, (joint, colour) in enumerate(zip(layout.joints, colours, strict=True))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    figure.suptitle(plain_text(title), fontsize=13)
    return figure


def _draw(axes: Axes, panel: Panel, colours: Sequence[str]) -> None:
    size = np.clip(12000 / panel.positions[..., 0].size, 4, 40)
    for joint, colour in enumerate(colours):
        axes.scatter(*panel.positions[:, joint].T, s=size, color=colour, alpha=0.7, linewidths=0)
    for joint, colour in enumerate(colours):
        x, y = np.median(panel.positions[:, joint], axis=0)
        outline = [withStroke(linewidth=3, foreground="white")]
        axes.text(x, y, str(joint), color=colour, weight="bold", ha="center", va="center", path_effects=outline)
    axes.set_title("\n".join(textwrap.wrap(plain_text(panel.title), 80)), fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", "datalim")


def embedding_page(panels: Sequence[Panel], title: str, note: str) -> str:
    """Return a self-contained page with the panels, the over-smoothing values, and a note how these were made."""
    layout = panels[0].layout
    clips = sorted({name for panel in panels for name in panel.features.clips.tolist()})
    content = {
        "title": title,
        "note": note,
        "joints": layout.joints,
        "parents": layout.parents,
        "colours": joint_colours(layout),
        "clips": clips,
        "panels": [_page_panel(panel, clips) for panel in panels],
        "numbers": [
            {"measure": name, "run": panel.name, "layers": [f"{value:.3g}" for value in panel.smoothing[name]]}
            for name in MEASURES
            for panel in panels
        ],
    }
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")  # a name cannot end the script
    return TEMPLATE.read_text(encoding="utf-8").replace("CONTENT", text, 1)


def _page_panel(panel: Panel, clips: list[str]) -> dict[str, Any]:
    """Return positions from 0 to 1, joint by joint and body by body, and (clip, number) of each body."""
    positions = panel.positions.reshape(-1, 2)
    low, extent = positions.min(axis=0), np.ptp(positions, axis=0).max()
    margin = (extent - np.ptp(positions, axis=0)) / 2
    x, y = np.round((positions - low + margin) / (extent or 1), 4).T.tolist()
    owners = zip(panel.features.clips.tolist(), panel.features.bodies.tolist(), strict=True)
    return {"title": panel.title, "x": x, "y": y, "bodies": [[clips.index(name), body] for name, body in owners]}


def print_smoothing(panels: Sequence[Panel], note: str) -> None:
    """Print the over-smoothing values of all runs: one row per run and measure, one column per layer."""
    depth = max(len(layers) for panel in panels for layers in panel.smoothing.values())
    table = Table("measure", "run", title="over-smoothing by layer", title_style="bold")
    for number in range(1, depth + 1):
        table.add_column(str(number), justify="right")
    for name in MEASURES:
        for panel in panels:
            *layers, last = (f"{value:.3g}" for value in panel.smoothing[name])
            table.add_row(name, panel.name, *layers, Text(last, style="bold"), end_section=panel is panels[-1])
    Console(width=120, markup=False, emoji=False, highlight=False).print(table)
    print(textwrap.fill(note, 120))
