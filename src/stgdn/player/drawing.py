"""A clip's frames drawn on matplotlib's axes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from stgdn.player.colours import BODIES, looked_at
from stgdn.player.scenes import Reading, Scene
from stgdn.player.view import extent, positions, rotate_view

YAW, PITCH = 20.0, 8.0  # degrees, of clips in space
MARGIN = 0.12  # around the bodies, a share of their extent


class Drawing:
    """Draws the frames of a clip from one viewpoint, with the same limits in every frame.

    Args:
        scene: the clip and its predictions.
        reading: the network's prediction whose saliency colours the joints.
        follow: keep moving bodies in the middle, so that they can be drawn larger.
    """

    def __init__(self, scene: Scene, reading: Reading, *, follow: bool = False) -> None:
        self.scene, self.reading = scene, reading
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
            shares = self.reading.saliency[body, frame]
            dots = {"c": shares, "cmap": looked_at, "vmin": 0, "vmax": 1, "edgecolors": "#59636e"}
            axes.scatter(*joints[:, :2].T, s=size * (9 + 30 * shares), linewidths=0.4 * size, zorder=2, **dots)
        axes.set(xlim=(self.low[0], self.high[0]), ylim=(self.low[1], self.high[1]), aspect="equal")
        axes.axis("off")


def _middle(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle (T, 1) of the bodies in every frame of (M, T, V); 0 in frames without a body."""
    low = np.where(np.isnan(right), np.inf, right).min(axis=(0, 2))
    high = np.where(np.isnan(right), -np.inf, right).max(axis=(0, 2))
    seen, middle = np.isfinite(low), np.zeros((len(low), 1))
    middle[seen, 0] = (low[seen] + high[seen]) / 2
    return middle


def headline(scene: Scene) -> str:
    """Return the clip's name, its label, and whether it is synthetic."""
    parts = [scene.clip.name, "" if scene.truth is None else f"is: {scene.truth}"]
    return "\n".join(part for part in [*parts, "synthetic" if scene.synthetic else ""] if part)


def verdict(scene: Scene, reading: Reading) -> str:
    """Return a network's likeliest class and its probability."""
    (best,) = reading.top(1)
    text = f"{scene.classes[best]} {100 * reading.probabilities[best]:.0f} %"
    return f"{reading.network}:\n{text}" if reading.network else text
