"""Frames of a clip side by side, without predictions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stgdn.data.clip import Clip
from stgdn.fonts import plain_text, use_installed_fonts
from stgdn.player.view import BODIES, extent, positions
from stgdn.skeleton import Layout

ROOM = 0.1  # beside the bodies, a share of what they take up
CELL, HEIGHT = 1.3, 2.4  # inches


def clip_figure(clip: Clip, layout: Layout, title: str, frames: int = 8) -> Figure:
    """Draw the bodies of a clip as seen by its camera, in up to `frames` evenly spaced frames."""
    joints = positions(clip, layout)
    chosen = np.unique(np.linspace(0, joints.shape[1] - 1, frames).round().astype(np.int64))
    low, high = (edge[:2] for edge in extent(joints[:, chosen]))
    room = ROOM * float((high - low).max())
    use_installed_fonts()
    figure = Figure(figsize=(CELL * len(chosen), HEIGHT), layout="constrained")
    for axes, frame in zip(figure.subplots(1, len(chosen), squeeze=False)[0], chosen.tolist(), strict=True):
        _draw(axes, joints[:, frame], layout)
        axes.set(xlim=(low[0] - room, high[0] + room), ylim=(low[1] - room, high[1] + room), aspect="equal")
        axes.set_title(f"frame {frame + 1}", fontsize=8)
        axes.axis("off")
    figure.suptitle(plain_text(title), fontsize=10)
    return figure


def _draw(axes: Axes, bodies: NDArray[np.float64], layout: Layout) -> None:
    """Draw the bones of bodies (M, V, 3); missing joints are left out."""
    for body, joints in enumerate(bodies):
        bones = [joints[[child, parent], :2] for child, parent in layout.bones]
        axes.add_collection(LineCollection(bones, colors=BODIES[body % len(BODIES)], linewidths=1.6), autolim=False)
        axes.scatter(*joints[:, :2].T, s=5, color=BODIES[body % len(BODIES)], zorder=2)
