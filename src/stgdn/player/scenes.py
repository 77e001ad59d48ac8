"""What is shown of a clip: its joints, and what one or more networks say of it and look at."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip
from stgdn.inference.fused import Recogniser
from stgdn.inference.preprocessing import UNKNOWN
from stgdn.player.saliency import saliency
from stgdn.skeleton import Layout

Float = NDArray[np.float32]

FPS = 30  # of Kinect; clips do not say theirs
STEPS = 20  # beginnings of a clip that a network is asked about


@dataclass(frozen=True)
class Reading:
    """What a network says of a clip.

    Attributes:
        network: what to call it.
        ends: (n,) after how many frames it was asked; the last is the clip's end.
        course: (n, classes) probabilities then, as if the clip had ended there.
        saliency: (M, T, V) what its likeliest class depends on, see `stgdn.player.saliency`.
    """

    network: str
    ends: NDArray[np.int64]
    course: Float
    saliency: Float

    @property
    def probabilities(self) -> Float:
        """Of the whole clip, (classes,)."""
        return self.course[-1]

    def top(self, k: int) -> list[int]:
        """The k likeliest classes of the whole clip; of equal ones the first is the likelier."""
        return np.argsort(-self.probabilities, kind="stable")[:k].tolist()

    def at(self, frame: int) -> Float:
        """Probabilities (classes,) when last asked before the end of a frame; before that, as when asked first."""
        return self.course[max(int(np.searchsorted(self.ends, frame + 1, side="right")) - 1, 0)]


@dataclass(frozen=True)
class Scene:
    """A clip with everything that is shown of it.

    Attributes:
        clip: the joints.
        layout: of the clip.
        classes: names.
        label: what it is said to show, -1 if nobody says.
        synthetic: whether it shows nobody who exists.
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
        """The class it is said to show."""
        return None if self.label == UNKNOWN else self.classes[self.label]


def scene(
    networks: Mapping[str, Recogniser], clip: Clip, layout: Layout, label: int = UNKNOWN, *, synthetic: bool = False
) -> Scene:
    """Ask networks of the same classes about a clip.

    Args:
        networks: by what to call them.
        clip: with joints of `layout`.
        layout: of the clip.
        label: what it is said to show, a class of the networks.
        synthetic: whether it shows nobody who exists.

    Raises:
        InputError: a clip that cannot be used, joints that cannot be mapped, or a network that has diverged.
    """
    readings = tuple(read(network, clip, layout, name) for name, network in networks.items())
    classes = next(iter(networks.values())).classes
    return Scene(clip, layout, classes, label, synthetic, readings)


def read(network: Recogniser, clip: Clip, layout: Layout, name: str = "") -> Reading:
    """Ask a network about a clip: as a whole, about its beginnings, and what the answer depends on.

    A beginning is made an input as a whole clip is; so the last answer is what `src/predict.py` tells.
    """
    ends = beginnings(clip)
    course = network.probabilities([beginning(clip, end) for end in ends.tolist()], layout)
    likeliest = int(np.argmax(course[-1]))
    return Reading(name, ends, course, saliency(network, clip, layout, likeliest))


def beginnings(clip: Clip, steps: int = STEPS) -> NDArray[np.int64]:
    """After how many frames to ask: evenly, from when somebody is seen to the end, at most so many times."""
    first, length = int(clip.present.any(axis=0).argmax()) + 1, clip.present.shape[1]
    return np.unique(np.linspace(first, length, steps).round().astype(np.int64))


def beginning(clip: Clip, end: int) -> Clip:
    """The first `end` frames of a clip, with the bodies that are seen in them."""
    there = clip.present[:, :end].any(axis=1)
    return Clip(clip.name, clip.label, clip.joints[there, :end], clip.present[there, :end])
