"""Contact sheets for papers: frames of clips side by side, joints coloured by saliency."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stgdn.files import replacing
from stgdn.player.colours import looked_at
from stgdn.player.drawing import Drawing, headline, verdict
from stgdn.player.scenes import Reading, Scene

FRAMES = 8
DPI = 150
TEXT, CELL, HEIGHT, LEGEND = 1.7, 1.05, 1.6, 0.55  # inches: what stands left of the frames, a frame, a row, below all


def write_sheet(scenes: Sequence[Scene], path: Path) -> None:
    """Write a PNG with a row for every clip and network, whole or not at all."""
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks: boxes in the picture
        sheet(scenes).savefig(temporary, dpi=DPI)


def sheet(scenes: Sequence[Scene], frames: int = FRAMES) -> Figure:
    """Draw a figure with a row of frames for every clip and network."""
    rows = [(scene, reading) for scene in scenes for reading in scene.readings]
    width, height = TEXT + frames * CELL, len(rows) * HEIGHT + LEGEND
    figure = Figure((width, height), facecolor="white")
    for number, (scene, reading) in enumerate(rows):
        bottom = (LEGEND + (len(rows) - 1 - number) * HEIGHT) / height
        _row(figure, scene, reading, frames, bottom)
    bar = figure.add_axes((TEXT / width, 0.32 / height, 2 * CELL / width, 0.1 / height))
    figure.colorbar(ScalarMappable(cmap=looked_at), cax=bar, orientation="horizontal", ticks=[0, 1])
    bar.tick_params(labelsize=6, length=2)
    note = "how much the score of the class depends on the joint, the most in each row is 1"
    figure.text((TEXT + 2.2 * CELL) / width, 0.37 / height, note, fontsize=6, va="center")
    return figure


def _row(figure: Figure, scene: Scene, reading: Reading, frames: int, bottom: float) -> None:
    """Draw frames of a clip in a row; `bottom` is its lower edge in shares of the figure."""
    width, height = figure.get_size_inches()
    drawing, chosen = Drawing(scene, reading, follow=True), spread_frames(scene, frames)
    text = f"{headline(scene)}\n{verdict(scene, reading)}"
    figure.text(0.08 / width, bottom + 0.5 * HEIGHT / height, text, fontsize=6.5, va="center")
    for column, frame in enumerate(chosen.tolist()):
        left = (TEXT + column * CELL) / width
        axes = figure.add_axes((left, bottom, CELL / width, (HEIGHT - 0.18) / height))
        drawing.draw(axes, frame, 0.7)
        axes.set_title(f"frame {frame + 1}", fontsize=6, pad=2)


def spread_frames(scene: Scene, frames: int) -> NDArray[np.int64]:
    """Return at most `frames` frames in which a body is seen, evenly from the first to the last."""
    seen = np.flatnonzero(scene.clip.present.any(axis=0))
    return seen[np.unique(np.linspace(0, len(seen) - 1, frames).round().astype(np.int64))]
