"""Scenes: a clip's joints with the predictions and saliency of one or more networks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip
from stgdn.inference.fused import Recogniser
from stgdn.player.saliency import saliency
from stgdn.skeleton import Layout

Float = NDArray[np.float32]

FPS = 30  # of Kinect; clips do not say theirs
STEPS = 20  # beginnings of a clip that a network classifies


@dataclass(frozen=True)
class Reading:
    """Holds a network's predictions for a clip.

    Attributes:
        network: its name.
        ends: (n,) number of frames of each beginning of the clip; the last is the whole clip.
        course: (n, classes) probabilities for each beginning.
        saliency: (M, T, V) for its likeliest class, see `stgdn.player.saliency`.
    """

    network: str
    ends: NDArray[np.int64]
    course: Float
    saliency: Float

    @property
    def probabilities(self) -> Float:
        """Return the probabilities (classes,) for the whole clip."""
        return self.course[-1]

    def top(self, k: int) -> list[int]:
        """Return the k likeliest classes of the whole clip; of equal ones the first comes first."""
        return np.argsort(-self.probabilities, kind="stable")[:k].tolist()

    def at(self, frame: int) -> Float:
        """Return probabilities (classes,) of the longest beginning up to a frame, else of the first one."""
        return self.course[max(int(np.searchsorted(self.ends, frame + 1, side="right")) - 1, 0)]


@dataclass(frozen=True)
class Scene:
    """Holds a clip with everything that is shown of it.

    Attributes:
        clip: the joints.
        layout: of the clip.
        classes: names.
        label: the true class, -1 if it is unknown.
        synthetic: whether its people are synthetic.
        readings: of one network, or of several to be compared.
    """

    clip: Clip
    layout: Layout
    classes: tuple[str, ...]
    label: int
    synthetic: bool
    readings: tuple[Reading, ...]

    @property
    def truth(self) -> str | None:
        """Return the name of the true class; None if it is unknown."""
        return None if self.label == UNKNOWN else self.classes[self.label]


def scene(
    networks: Mapping[str, Recogniser], clip: Clip, layout: Layout, label: int = UNKNOWN, *, synthetic: bool = False
) -> Scene:
    """Make a scene of a clip, with predictions of networks of the same classes.

    Args:
        networks: by name.
        clip: with joints of `layout`.
        layout: of the clip.
        label: the true class, an index into the networks' classes.
        synthetic: whether its people are synthetic.

    Raises:
        InputError: a clip that cannot be used, joints that cannot be mapped, or a network that has diverged.
    """
    readings = tuple(read(network, clip, layout, name) for name, network in networks.items())
    classes = next(iter(networks.values())).classes
    return Scene(clip, layout, classes, label, synthetic, readings)


def read(network: Recogniser, clip: Clip, layout: Layout, name: str = "") -> Reading:
    """Return a network's predictions for a clip and its beginnings, and the saliency of the likeliest class.

    A beginning is prepared as a whole clip is, so the last prediction is that of `src/predict.py`.
    """
    ends = beginnings(clip)
    course = network.probabilities([beginning(clip, end) for end in ends.tolist()], layout)
    likeliest = int(np.argmax(course[-1]))
    return Reading(name, ends, course, saliency(network, clip, layout, likeliest))


def beginnings(clip: Clip, steps: int = STEPS) -> NDArray[np.int64]:
    """Return at most `steps` numbers of frames, evenly from the first frame with a body to the clip's end."""
    first, length = int(clip.present.any(axis=0).argmax()) + 1, clip.present.shape[1]
    return np.unique(np.linspace(first, length, steps).round().astype(np.int64))


def beginning(clip: Clip, end: int) -> Clip:
    """Return the first `end` frames of a clip, with the bodies that are seen in them."""
    seen = clip.present[:, :end].any(axis=1)
    return Clip(clip.name, clip.label, clip.joints[seen, :end], clip.present[seen, :end])
