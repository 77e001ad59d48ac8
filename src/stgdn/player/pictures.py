"""Scenes as files: a page that plays them, a film, or a sheet of frames side by side for papers."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib import animation
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stgdn.errors import InputError, choose
from stgdn.files import replacing
from stgdn.fonts import missing_characters_told, plain_text, use_installed_fonts
from stgdn.player.page import write_page
from stgdn.player.scenes import FPS, Explanation, Scene
from stgdn.player.view import BODIES, SALIENCY, extent, positions, rotate_view
from stgdn.rounding import fixed

KINDS = (".html", ".png", ".gif", ".mp4")

YAW, PITCH = 20.0, 8.0  # degrees, of clips in space
MARGIN = 0.12  # around the bodies, a share of their extent

FRAMES, SHEET_DPI = 8, 150  # of a sheet
TEXT, CELL, HEIGHT, LEGEND = 1.7, 1.05, 1.6, 0.55  # inches: what stands left of the frames, a frame, a row, below all

SIZE, FILM_DPI = (7.2, 4.0), 100  # of a film, inches
GIF_STEP = 2  # a GIF shows every second frame: half the size, and its players are rarely faster
STAGE, BARS = (0.01, 0.02, 0.52, 0.82), (0.56, 0.12, 0.34, 0.66)  # left, bottom, width, height, in shares of the figure
TOP = 5
MAX_CLASS_WIDTH = 26  # characters of a class name


def expect_kind(given: str | None) -> None:
    """Check that a file of this name can be made, before any long computation.

    Raises:
        InputError: another kind of file, or an MP4 without ffmpeg.
    """
    if given is None:
        return
    kind = choose(Path(given).suffix.lower() or given, KINDS, "kind of file in player=")
    if kind == ".mp4" and not animation.FFMpegWriter.isAvailable():
        raise InputError(
            f"player={given} cannot be made: an MP4 needs ffmpeg, which is not installed; install it, or name a .gif, "
            ".html or .png"
        )


def write_scenes(scenes: Sequence[Scene], path: Path) -> None:
    """Write scenes, at least one, in the format of the file name's ending, one of `KINDS`; whole or not at all."""
    match path.suffix.lower():
        case ".html":
            write_page(scenes, path)
        case ".png":
            with _picture(path) as temporary:
                sheet(scenes).savefig(temporary, dpi=SHEET_DPI)
        case _:
            _write_film(scenes, path)


@contextmanager
def _picture(path: Path) -> Iterator[Path]:
    """Return a temporary path for a picture that is written whole or not at all."""
    with replacing(path) as temporary, missing_characters_told(str(path)):
        yield temporary


class Drawing:
    """Draw the frames of a clip from one viewpoint, with the same limits in every frame.

    Args:
        scene: the clip and its predictions.
        explanation: the network's prediction whose saliency colours the joints.
        follow: keep moving bodies in the middle, so that they can be drawn larger.
    """

    def __init__(self, scene: Scene, explanation: Explanation, *, follow: bool = False) -> None:
        self.scene, self.explanation = scene, explanation
        upright = positions(scene.clip, scene.layout)
        self.positions = upright if scene.layout.planar else rotate_view(upright, YAW, PITCH)
        if follow:
            right = self.positions[..., 0]
            right -= _middle(right)
        low, high = extent(self.positions)
        margin = MARGIN * float((high - low)[:2].max())
        self.low, self.high = low[:2] - margin, high[:2] + margin

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.positions.shape[1]

    def draw(self, axes: Axes, frame: int, size: float = 1.0) -> None:
        """Draw a frame on empty axes; `size` scales lines and dots."""
        for body, joints in enumerate(self.positions[:, frame]):
            bones = [joints[[child, parent], :2] for child, parent in self.scene.layout.bones]
            lines = LineCollection(bones, colors=BODIES[body % 2], linewidths=1.8 * size, alpha=0.55)
            axes.add_collection(lines, autolim=False)
            shares = self.explanation.saliency[body, frame]
            dots = {"c": shares, "cmap": SALIENCY, "vmin": 0, "vmax": 1, "edgecolors": "#59636e"}
            axes.scatter(*joints[:, :2].T, s=size * (9 + 30 * shares), linewidths=0.4 * size, zorder=2, **dots)
        axes.set(xlim=(self.low[0], self.high[0]), ylim=(self.low[1], self.high[1]), aspect="equal")
        axes.axis("off")


def _middle(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle (T, 1) of the bodies in every frame of (M, T, V); 0 in frames without a body."""
    known = np.ma.masked_invalid(right)
    return ((known.min(axis=(0, 2)) + known.max(axis=(0, 2))) / 2).filled(0)[:, None]


def clip_text(scene: Scene) -> str:
    """Return the clip's name, its label, and whether it is synthetic."""
    parts = [scene.clip.name, "" if scene.true_class is None else f"is: {scene.true_class}"]
    return "\n".join(part for part in [*parts, "synthetic" if scene.synthetic else ""] if part)


def prediction_text(scene: Scene, explanation: Explanation) -> str:
    """Return a network's likeliest class and its probability."""
    (best,) = explanation.top(1)
    text = f"{scene.classes[best]} {fixed(100 * explanation.probabilities[best], 0)} %"
    return f"{explanation.network}:\n{text}" if explanation.network else text


def sheet(scenes: Sequence[Scene], frames: int = FRAMES) -> Figure:
    """Draw a figure with a row of frames for every clip and network."""
    rows = [(scene, explanation) for scene in scenes for explanation in scene.explanations]
    width, height = TEXT + frames * CELL, len(rows) * HEIGHT + LEGEND
    use_installed_fonts()
    figure = Figure((width, height), facecolor="white")
    for number, (scene, explanation) in enumerate(rows):
        bottom = (LEGEND + (len(rows) - 1 - number) * HEIGHT) / height
        _row(figure, scene, explanation, frames, bottom)
    bar = figure.add_axes((TEXT / width, 0.32 / height, 2 * CELL / width, 0.1 / height))
    figure.colorbar(ScalarMappable(cmap=SALIENCY), cax=bar, orientation="horizontal", ticks=[0, 1])
    bar.tick_params(labelsize=6, length=2)
    note = "how much the score of the class depends on the joint, the most in each row is 1"
    figure.text((TEXT + 2.2 * CELL) / width, 0.37 / height, note, fontsize=6, va="center")
    return figure


def _row(figure: Figure, scene: Scene, explanation: Explanation, frames: int, bottom: float) -> None:
    """Draw frames of a clip in a row; `bottom` is its lower edge in shares of the figure."""
    width, height = figure.get_size_inches()
    drawing, chosen = Drawing(scene, explanation, follow=True), spread_frames(scene, frames)
    text = plain_text(f"{clip_text(scene)}\n{prediction_text(scene, explanation)}")
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


def _write_film(scenes: Sequence[Scene], path: Path) -> None:
    """Write a film as GIF, or as MP4 where ffmpeg is installed: clips one after the other."""
    gif = path.suffix.lower() == ".gif"
    step = GIF_STEP if gif else 1
    fps = FPS // step
    writer = animation.PillowWriter(fps=fps) if gif else animation.FFMpegWriter(fps=fps, codec="libx264")
    use_installed_fonts()
    figure = Figure(SIZE, facecolor="white")
    with _picture(path) as temporary, writer.saving(figure, str(temporary), FILM_DPI):
        for drawing in (Drawing(scene, explanation) for scene in scenes for explanation in scene.explanations):
            for frame in range(0, len(drawing), step):
                _draw_frame(figure, drawing, frame)
                writer.grab_frame()


def _draw_frame(figure: Figure, drawing: Drawing, frame: int) -> None:
    """Draw a frame on a figure: the bodies, and beside them the probabilities of the likeliest classes so far."""
    stage, bars = figure.axes or (figure.add_axes(place) for place in (STAGE, BARS))  # axes are slow to create
    for artist in [*figure.texts, *(child for axes in (stage, bars) for child in (*axes.collections, *axes.texts))]:
        artist.remove()
    scene, explanation = drawing.scene, drawing.explanation
    drawing.draw(stage, frame, 1.5)
    title = clip_text(scene).replace("\n", "  ·  ")
    figure.text(0.02, 0.94, plain_text(textwrap.shorten(title, 90)), fontsize=10, va="center")
    figure.text(0.02, 0.88, f"frame {frame + 1} of {len(drawing)}", fontsize=8, color="#59636e", va="center")
    heading = f"{explanation.network}, of the clip so far" if explanation.network else "of the clip so far"
    figure.text(BARS[0], 0.82, heading, fontsize=8, color="#59636e")
    _draw_bars(bars, scene, explanation, frame)


def _draw_bars(axes: Axes, scene: Scene, explanation: Explanation, frame: int) -> None:
    shown, shares = explanation.top(TOP), explanation.at(frame)
    rows = np.arange(len(shown))
    axes.hlines(rows - 0.12, 0, 1, colors="#eef1f4", linewidths=7)
    axes.hlines(rows - 0.12, 0, shares[shown], colors=BODIES[0], linewidths=7)
    for row, number in enumerate(shown):
        mark = " ✓" if number == scene.label else ""
        name = textwrap.shorten(scene.classes[number], MAX_CLASS_WIDTH, placeholder="…")
        axes.text(0, row - 0.3, plain_text(name) + mark, fontsize=9)
        axes.text(1.02, row - 0.12, f"{fixed(100 * shares[number], 0)} %", fontsize=9, va="center")
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.5, -0.7))
    axes.axis("off")
