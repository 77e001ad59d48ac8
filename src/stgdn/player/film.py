"""Films: clips one after the other as GIF, or as MP4 where ffmpeg is installed."""

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import animation
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stgdn.errors import InputError
from stgdn.files import replacing
from stgdn.player.colours import BODIES
from stgdn.player.drawing import Drawing, headline
from stgdn.player.scenes import FPS, Reading, Scene

SIZE, DPI = (7.2, 4.0), 100  # inches
GIF_STEP = 2  # a GIF shows every second frame: half the size, and its players are rarely faster
STAGE, BARS = (0.01, 0.02, 0.52, 0.82), (0.56, 0.12, 0.34, 0.66)  # left, bottom, width, height, in shares of the figure
TOP = 5
MAX_CLASS_WIDTH = 26  # characters of a class name


def expect_encoder(path: Path) -> None:
    """Check that a film of this kind can be made here; GIFs always can.

    Raises:
        InputError: an MP4 without ffmpeg.
    """
    if path.suffix.lower() == ".mp4" and not animation.FFMpegWriter.isAvailable():
        raise InputError(
            f"player={path} cannot be made: an MP4 needs ffmpeg, which is not installed; install it, or name a .gif, "
            ".html or .png"
        )


def write_film(scenes: Sequence[Scene], path: Path) -> None:
    """Write a film, whole or not at all; `.gif` or `.mp4`, which needs ffmpeg (see `expect_encoder`)."""
    gif = path.suffix.lower() == ".gif"
    step = GIF_STEP if gif else 1
    fps = FPS // step
    writer = animation.PillowWriter(fps=fps) if gif else animation.FFMpegWriter(fps=fps, codec="libx264")
    figure = Figure(SIZE, facecolor="white")
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks: boxes in the picture
        with writer.saving(figure, str(temporary), DPI):
            for drawing in (Drawing(scene, reading) for scene in scenes for reading in scene.readings):
                for frame in range(0, len(drawing), step):
                    draw_frame(figure, drawing, frame)
                    writer.grab_frame()


def draw_frame(figure: Figure, drawing: Drawing, frame: int) -> None:
    """Draw a frame on a figure: the bodies, and beside them the probabilities of the likeliest classes so far."""
    stage, bars = figure.axes or (figure.add_axes(place) for place in (STAGE, BARS))  # axes are slow to create
    for artist in [*figure.texts, *(child for axes in (stage, bars) for child in (*axes.collections, *axes.texts))]:
        artist.remove()
    scene, reading = drawing.scene, drawing.reading
    drawing.draw(stage, frame, 1.5)
    title = headline(scene).replace("\n", "  ·  ")
    figure.text(0.02, 0.94, textwrap.shorten(title, 90), fontsize=10, va="center")
    figure.text(0.02, 0.88, f"frame {frame + 1} of {len(drawing)}", fontsize=8, color="#59636e", va="center")
    heading = f"{reading.network}, of the clip so far" if reading.network else "of the clip so far"
    figure.text(BARS[0], 0.82, heading, fontsize=8, color="#59636e")
    _draw_bars(bars, scene, reading, frame)


def _draw_bars(axes: Axes, scene: Scene, reading: Reading, frame: int) -> None:
    shown, shares = reading.top(TOP), reading.at(frame)
    rows = np.arange(len(shown))
    axes.hlines(rows - 0.12, 0, 1, colors="#eef1f4", linewidths=7)
    axes.hlines(rows - 0.12, 0, shares[shown], colors=BODIES[0], linewidths=7)
    for row, number in enumerate(shown):
        mark = " ✓" if number == scene.label else ""
        axes.text(
            0, row - 0.3, textwrap.shorten(scene.classes[number], MAX_CLASS_WIDTH, placeholder="…") + mark, fontsize=9
        )
        axes.text(1.02, row - 0.12, f"{100 * shares[number]:.0f} %", fontsize=9, va="center")
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.5, -0.7))
    axes.axis("off")
