"""What raw clips show, batch by batch, and how often that is what they are said to show."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile, first_of_each_name
from stgdn.data.readers.detect import Expected, Source
from stgdn.data.readers.find_clips import Found, read_clip
from stgdn.data.readers.single_clip import truth
from stgdn.errors import InputError
from stgdn.inference.fused import Recogniser
from stgdn.inference.trained import TrainedNetwork
from stgdn.runs.commands import quote_value
from stgdn.skeleton import Layout

LONG = 2  # times the median length of the training clips


@dataclass(frozen=True)
class Prediction:
    """What one clip shows.

    Attributes:
        name: of the clip.
        file: where it lies.
        probabilities: (classes,).
        label: what it is said to show, a class of the network; -1 if nobody says, or it is none of them.
    """

    name: str
    file: str
    probabilities: NDArray[np.float32]
    label: int

    def top(self, k: int) -> NDArray[np.int64]:
        """The k likeliest classes; of equal ones the first is the likelier."""
        return np.argsort(-self.probabilities, kind="stable")[:k]


@dataclass
class Predictions:
    """What all clips show.

    Attributes:
        clips: in the order in which they were found.
        classes: of the network.
        unusable: (name, reason) of clips that cannot be used.
    """

    clips: list[Prediction]
    classes: tuple[str, ...]
    unusable: list[tuple[str, str]] = field(default_factory=list)

    @property
    def labelled(self) -> int:
        """How many clips are said to show one of the classes."""
        return sum(clip.label != UNKNOWN for clip in self.clips)

    def accuracy(self, k: int = 1) -> float | None:
        """Share of the labelled clips whose class is among the k likeliest; None without such clips."""
        right = sum(clip.label in clip.top(k) for clip in self.clips if clip.label != UNKNOWN)
        return right / self.labelled if self.labelled else None


def expected_of(network: Recogniser, layout: Layout | None = None) -> Expected:
    """What readers may assume of clips for a network; `layout` if the user names the joints."""
    first = network if isinstance(network, TrainedNetwork) else network.members[0]
    made = first.preprocessing
    reader = first.config.data.reader
    return Expected(layout or network.layout, network.classes, made.settings.bodies, reader, made.empty_frames)


def expect_mappable(network: Recogniser, layout: Layout) -> bool:
    """Whether clips of a layout are mapped to other joints; False if they are the network's.

    Raises:
        InputError: they cannot be.
    """
    members = [network] if isinstance(network, TrainedNetwork) else network.members
    mappings = [member.preprocessing.mapping(layout) for member in members]  # all of them, each may raise
    return any(mapping is not None for mapping in mappings)


def predict(
    network: Recogniser,
    found: Found,
    *,
    batch_size: int = 32,
    scale: float = 1.0,
    done: Callable[[], None] = lambda: None,
    remark: Callable[[str], None] = lambda _: None,
    options: Sequence[str] = (),
) -> Predictions:
    """Read all clips and say what they show; one that cannot be used is left out. Several of one name are all read.

    Args:
        network: one, or several fused.
        found: the clips.
        batch_size: clips that the network sees at a time.
        scale: what makes metres of their unit.
        done: told after every clip.
        remark: told what is to be known about the clips, a sentence each.
        options: of `src/live.py`, to name in the command that labels a long recording; without them `run=` alone.

    Raises:
        InputError: joints that cannot be mapped to the network's; the network has diverged.
    """
    predictions = Predictions([], network.classes, list(found.left_out))
    for layout in dict.fromkeys(source.reader.layout for source in found.sources):
        if expect_mappable(network, layout):
            remark(f"clips with joints of {layout.name} are mapped to those that the network sees")
    if again := first_of_each_name(file for _, file in found.files())[1]:
        remark(f"{len(again):,} clips have the name of another one: format=json and format=csv name their files")
    read = _read(found, scale, predictions.unusable, done)
    for layout, clips in groupby(read, key=lambda each: each[0].reader.layout):
        while part := list(islice(clips, batch_size)):
            probabilities = network.probabilities([clip for _, _, clip in part], layout)
            for (source, file, clip), row in zip(part, probabilities, strict=True):
                if told := clip.remark or ("one frame: nothing can move" if clip.present.shape[1] == 1 else ""):
                    remark(f"{clip.name}: {told}")
                if told := long_recording(network, clip, file, options):
                    remark(f"{clip.name}: {told}")
                label = truth(clip.label, source.reader.classes, network.classes)
                predictions.clips.append(Prediction(clip.name, file.place, row, label))
    return predictions


def _read(
    found: Found, scale: float, unusable: list[tuple[str, str]], done: Callable[[], None]
) -> Iterator[tuple[Source, ClipFile, Clip]]:
    """Every clip that can be used, with its source and file; the others are put into `unusable`."""
    for source, file in found.files():
        try:
            clip = read_clip(source, file, scale)
        except ClipError as error:
            unusable.append((file.name if file.member else file.path, str(error)))
        else:
            yield source, file, clip
        done()


def long_recording(network: Recogniser, clip: Clip, file: ClipFile, options: Sequence[str]) -> str:
    """What is to be said of a recording that is far longer than the clips of training; '' if it is not.

    Arguments are those of `predict`.
    """
    members = [network] if isinstance(network, TrainedNetwork) else network.members
    frames, median = clip.present.shape[1], members[0].median_frames
    if median is None or frames <= LONG * median:
        return ""
    runs = [quote_value(str(member.checkpoint)) for member in members]
    given = options or ["run=" + (runs[0] if len(runs) == 1 else f"[{','.join(runs)}]")]
    command = shlex.join(["python", "src/live.py", *given, f"input={quote_value(file.path)}", "pace=fast"])
    more = "" if file.member is None else ", with the other clips of its file"
    return f"{frames:,} frames, clips of training had {median:,} (median); `{command}` labels it over time{more}"


def expect_complete(unusable: Sequence[tuple[str, str]], total: int) -> None:
    """End with a sentence if clips were left out.

    Raises:
        InputError: saying how many.
    """
    if unusable:
        raise InputError(f"{len(unusable):,} of {total:,} clips cannot be used, they are named above")
