"""A clip's frames drawn on matplotlib's axes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from stgdn.player.colours import BODIES, looked_at
from stgdn.player.scenes import Reading, Scene
from stgdn.player.view import extent, places, turned

YAW, PITCH = 20.0, 8.0  # degrees, of clips in space
ROOM = 0.12  # beside the bodies, a share of what they take up


class Drawing:
    """A clip seen from one side, the same section of it in every frame.

    Args:
        scene: of the clip.
        reading: whose saliency colours the joints.
        follow: keep who walks in the middle, so that they can be drawn larger.
    """

    def __init__(self, scene: Scene, reading: Reading, *, follow: bool = False) -> None:
        self.scene, self.reading = scene, reading
        found = places(scene.clip, scene.layout)
        self.found = found if scene.layout.planar else turned(found, YAW, PITCH)
        if follow:
            right = self.found[..., 0]
            right -= _middle(right)
        low, high = extent(self.found)
        room = ROOM * float((high - low)[:2].max())
        self.low, self.high = low[:2] - room, high[:2] + room

    def __len__(self) -> int:
        """Number of frames."""
        return self.found.shape[1]

    def draw(self, axes: Axes, frame: int, size: float = 1.0) -> None:
        """Draw a frame on empty axes; `size` scales lines and dots."""
        for body, joints in enumerate(self.found[:, frame]):
            bones = [joints[[child, parent], :2] for child, parent in self.scene.layout.bones]
            lines = LineCollection(bones, colors=BODIES[body % 2], linewidths=1.8 * size, alpha=0.55)
            axes.add_collection(lines, autolim=False)
            shares = self.reading.saliency[body, frame]
            dots = {"c": shares, "cmap": looked_at, "vmin": 0, "vmax": 1, "edgecolors": "#59636e"}
            axes.scatter(*joints[:, :2].T, s=size * (9 + 30 * shares), linewidths=0.4 * size, zorder=2, **dots)
        axes.set(xlim=(self.low[0], self.high[0]), ylim=(self.low[1], self.high[1]), aspect="equal")
        axes.axis("off")


def _middle(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle (T, 1) of what is there in every frame of (M, T, V); 0 where nobody is."""
    low = np.where(np.isnan(right), np.inf, right).min(axis=(0, 2))
    high = np.where(np.isnan(right), -np.inf, right).max(axis=(0, 2))
    there, middle = np.isfinite(low), np.zeros((len(low), 1))
    middle[there, 0] = (low[there] + high[there]) / 2
    return middle


def headline(scene: Scene) -> str:
    """The clip's name, what it is said to show, and whether it shows nobody who exists."""
    parts = [scene.clip.name, "" if scene.truth is None else f"is: {scene.truth}"]
    return "\n".join(part for part in [*parts, "synthetic" if scene.synthetic else ""] if part)


def verdict(scene: Scene, reading: Reading) -> str:
    """What a network takes the clip for, and how sure it is."""
    (best,) = reading.top(1)
    said = f"{scene.classes[best]} {100 * reading.probabilities[best]:.0f} %"
    return f"{reading.network}:\n{said}" if reading.network else said
