"""Scenes: a clip's joints with the predictions and saliency of one or more networks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip, ClipFile
from stgdn.data.readers.custom import CustomReader
from stgdn.data.readers.detect import Source
from stgdn.data.readers.find_clips import FoundClips, match_label
from stgdn.data.store.store import PreparedStore
from stgdn.data.synthetic.demo_set import MANIFEST
from stgdn.errors import InputError
from stgdn.inference.classifier import Classifier
from stgdn.inference.predictions import read_usable
from stgdn.player.saliency import saliency
from stgdn.skeleton import Layout

Float = NDArray[np.float32]

FPS = 30  # of Kinect; clips do not say theirs
STEPS = 20  # beginnings of a clip that a network classifies


@dataclass(frozen=True)
class Explanation:
    """Hold a network's predictions for a clip over time, and which joints they depend on.

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
    """Hold a clip with everything that is shown of it.

    Attributes:
        clip: the joints.
        layout: of the clip.
        classes: names.
        label: the true class, -1 if it is unknown.
        synthetic: whether its people are synthetic.
        explanations: of one network, or of several to be compared.
    """

    clip: Clip
    layout: Layout
    classes: tuple[str, ...]
    label: int
    synthetic: bool
    explanations: tuple[Explanation, ...]

    @property
    def true_class(self) -> str | None:
        """Return the name of the true class; None if it is unknown."""
        return None if self.label == UNKNOWN else self.classes[self.label]


def scene(
    networks: Mapping[str, Classifier], clip: Clip, layout: Layout, label: int = UNKNOWN, *, synthetic: bool = False
) -> Scene:
    """Make a scene of a clip, with predictions of networks of the same classes.

    Args:
        networks: by name.
        clip: with joints of `layout`.
        layout: of the clip.
        label: the true class, an index into the networks' classes.
        synthetic: whether its people are synthetic.
    """
    explanations = tuple(explain(network, clip, layout, name) for name, network in networks.items())
    classes = next(iter(networks.values())).classes
    return Scene(clip, layout, classes, label, synthetic, explanations)


def explain(network: Classifier, clip: Clip, layout: Layout, name: str = "") -> Explanation:
    """Return a network's predictions for a clip and its beginnings, and the saliency of the likeliest class.

    A beginning is prepared as a whole clip is, so the last prediction is that of `src/predict.py`.
    """
    ends = beginnings(clip)
    course = network.probabilities([beginning(clip, end) for end in ends.tolist()], layout)
    likeliest = int(np.argmax(course[-1]))
    return Explanation(name, ends, course, saliency(network, clip, layout, likeliest))


def beginnings(clip: Clip, steps: int = STEPS) -> NDArray[np.int64]:
    """Return at most `steps` numbers of frames, evenly from the first frame with a body to the clip's end."""
    first, length = int(clip.present.any(axis=0).argmax()) + 1, clip.present.shape[1]
    return np.unique(np.linspace(first, length, steps).round().astype(np.int64))


def beginning(clip: Clip, end: int) -> Clip:
    """Return the first `end` frames of a clip, with the bodies that are seen in them."""
    seen = clip.present[:, :end].any(axis=1)
    return Clip(clip.name, clip.label, clip.joints[seen, :end], clip.present[seen, :end])


def raw_scenes(
    network: Classifier, found: FoundClips, *, most: int, scale: float = 1.0, done: Callable[[], None] = lambda: None
) -> list[Scene]:
    """Make scenes of the first raw clips that can be used; `predict` has reported the others.

    Args:
        network: one, or several fused.
        found: the clips.
        most: largest number of scenes.
        scale: factor from the clips' unit to metres.
        done: called after every scene.
    """
    made = []
    for source, file, clip in islice(read_usable(found, scale), most):
        label = match_label(clip.label, source.reader.classes, network.classes)
        networks = {_title(network): network}
        made.append(scene(networks, clip, source.reader.layout, label, synthetic=_is_synthetic(source, file)))
        done()
    return made


def _title(network: Classifier) -> str:
    """Return the network's name and stream, such as `st_gdn, joint`."""
    return f"{'+'.join(dict.fromkeys(member.name for member in network.members))}, {network.stream}"


def _is_synthetic(source: Source, file: ClipFile) -> bool:
    """Return whether a file is marked as synthetic: by the demo's list beside it, or by `dataset.yaml`."""
    described = isinstance(source.reader, CustomReader) and source.reader.dataset.synthetic
    return described or Path(file.path).with_name(MANIFEST).exists()


def prepared_scenes(
    networks: Mapping[str, Classifier],
    store: PreparedStore,
    names: Sequence[str],
    done: Callable[[], None] = lambda: None,
) -> list[Scene]:
    """Make scenes of clips of a store.

    Args:
        networks: by name; they have the same classes as the store.
        store: the store of the clips.
        names: of the clips.
        done: called after every scene.

    Raises:
        InputError: a clip that the store does not have.
    """
    indices = {str(name): index for index, name in enumerate(store.clips["name"])}
    if absent := [name for name in names if name not in indices]:
        raise InputError(
            f"{store.folder} has no clip {absent[0]}: it has been prepared anew since, or from other files"
        )
    made = []
    for name in names:
        clip = stored_clip(store, indices[name])
        made.append(scene(networks, clip, store.layout, clip.label, synthetic=store.header.synthetic))
        done()
    return made


def changed_predictions(scenes: Sequence[Scene], before: Sequence[tuple[str, ...]]) -> str | None:
    """Return a warning if networks now predict other classes than before; None if not.

    Args:
        scenes: of the clips.
        before: the class that each network predicted for each clip, by its stored scores.
    """
    now = [tuple(scene.classes[explanation.top(1)[0]] for explanation in scene.explanations) for scene in scenes]
    if not (count := sum(a != b for a, b in zip(now, before, strict=True))):
        return None
    return f"{count} of these clips are no longer taken for what scores.npz says: evaluate the run again"


def stored_clip(store: PreparedStore, index: int) -> Clip:
    """Return a clip of a store with the bodies that are seen in it."""
    record, joints = store.clips[index], store.joints(index)
    frames = np.arange(joints.shape[1])
    start, end = record["start"][:, None], (record["start"] + record["frames"])[:, None]
    present = (frames >= start) & (frames < end)
    seen = present.any(axis=1)
    return Clip(str(record["name"]), int(record["label"]), joints[seen], present[seen])
