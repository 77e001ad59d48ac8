"""Predictions for files of raw clips, batch by batch, and their accuracy where clips have labels."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile, first_of_each_name
from stgdn.data.readers.custom.dataset_yaml import picture_size
from stgdn.data.readers.detect import Expected, Source
from stgdn.data.readers.find_clips import FoundClips, find_clips, match_label, read_clip
from stgdn.errors import InputError
from stgdn.inference.classifier import Classifier
from stgdn.runs.commands import quote_value
from stgdn.skeleton import Layout

LONG_RATIO = 2  # times the median length of the training clips


@dataclass(frozen=True)
class Prediction:
    """Hold the prediction for one clip.

    Attributes:
        name: of the clip.
        file: path of the clip.
        probabilities: (classes,).
        label: the true class, an index into the network's classes; -1 if it is unknown or not among them.
    """

    name: str
    file: str
    probabilities: NDArray[np.float32]
    label: int

    def top(self, k: int) -> NDArray[np.int64]:
        """Return the k likeliest classes; of equal ones the first comes first."""
        return np.argsort(-self.probabilities, kind="stable")[:k]


@dataclass
class Predictions:
    """Hold the predictions for all clips.

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
        """Return the number of clips whose label is one of the classes."""
        return sum(clip.label != UNKNOWN for clip in self.clips)

    def accuracy(self, k: int = 1) -> float | None:
        """Return the share of labelled clips whose class is among the k likeliest; None without such clips."""
        right = sum(clip.label in clip.top(k) for clip in self.clips if clip.label != UNKNOWN)
        return right / self.labelled if self.labelled else None

    def mean_class(self) -> float | None:
        """Return the mean over the classes that have labelled clips of the share of them that is right."""
        right: dict[int, list[bool]] = {}
        for clip in self.clips:
            if clip.label != UNKNOWN:
                right.setdefault(clip.label, []).append(clip.top(1)[0] == clip.label)
        return float(np.mean([np.mean(clips) for clips in right.values()])) if right else None

    def expect_all_usable(self) -> None:
        """Check that no clip was left out.

        Raises:
            InputError: clips were left out, with their number.
        """
        if self.unusable:
            total = len(self.clips) + len(self.unusable)
            raise InputError(f"{len(self.unusable):,} of {total:,} clips cannot be used, they are named above")


def expected_of(network: Classifier, layout: Layout | None = None, picture: object = None) -> Expected:
    """Return what readers may assume of clips for a network; `layout` and `picture` if the user names them."""
    first = network.members[0]
    made = first.preprocessing
    reader = first.config.data.reader
    size = reader.get("picture") if picture is None else picture
    joints, size = layout or network.layout, None if size is None else picture_size(size)
    return Expected(joints, network.classes, made.settings.bodies, reader, made.empty_frames, size)


def predict(
    network: Classifier,
    clips: FoundClips | str | Sequence[str],
    *,
    batch_size: int = 32,
    scale: float = 1.0,
    done: Callable[[], None] = lambda: None,
    remark: Callable[[str], None] = lambda _: None,
    options: Sequence[str] = (),
) -> Predictions:
    """Read all clips and classify them; a clip that cannot be used is left out. Several of one name are all read.

    Args:
        network: one, or several fused.
        clips: files, folders or patterns, in any format that `src/predict.py` reads; or what was found there.
        batch_size: clips that the network sees at a time.
        scale: factor from the clips' unit to metres.
        done: called after every clip.
        remark: called with each remark about the clips, one sentence.
        options: of `src/live.py`, for the command that is suggested for a long recording; without them only `run=`.
    """
    found = clips if isinstance(clips, FoundClips) else find_clips(clips, "auto", expected_of(network))
    predictions = Predictions([], network.classes, list(found.left_out))
    for sentence in _remarks_on_all(network, found):
        remark(sentence)
    read = read_usable(found, scale, lambda name, reason: predictions.unusable.append((name, reason)), done)
    for layout, part in groupby(read, key=lambda entry: entry[0].reader.layout):
        while entries := list(islice(part, batch_size)):
            probabilities = network.probabilities([clip for _, _, clip in entries], layout)
            for (source, file, clip), row in zip(entries, probabilities, strict=True):
                for sentence in _remarks(network, clip, file, options):
                    remark(f"{clip.name}: {sentence}")
                label = match_label(clip.label, source.reader.classes, network.classes)
                predictions.clips.append(Prediction(clip.name, file.location, row, label))
    return predictions


def read_usable(
    found: FoundClips,
    scale: float = 1.0,
    left_out: Callable[[str, str], object] = lambda _name, _reason: None,
    done: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Source, ClipFile, Clip]]:
    """Yield every clip that can be used, with its source and file.

    Args:
        found: the clips.
        scale: factor from the clips' unit to metres.
        left_out: called with name and reason of each clip that cannot be used.
        done: called after every clip.
    """
    for source, file in found.files():
        try:
            clip = read_clip(source, file, scale)
        except ClipError as error:
            left_out(file.name if file.member else file.path, str(error))
        else:
            yield source, file, clip
        done()


def _remarks_on_all(network: Classifier, found: FoundClips) -> Iterator[str]:
    """Yield remarks on clips whose joints are mapped, and on clips of one name; fail if joints cannot be mapped."""
    for layout in dict.fromkeys(source.reader.layout for source in found.sources):
        mappings = [member.preprocessing.mapping(layout) for member in network.members]  # each may raise
        if any(mapping is not None for mapping in mappings):
            yield f"clips with joints of {layout.name} are mapped to those that the network sees"
    if again := first_of_each_name(file for _, file in found.files())[1]:
        yield f"{len(again):,} clips have the name of another one: format=json and format=csv name their files"


def _remarks(network: Classifier, clip: Clip, file: ClipFile, options: Sequence[str]) -> Iterator[str]:
    """Yield remarks on one clip; `options` as of `predict`."""
    if clip.remark:
        yield clip.remark
    elif clip.present.shape[1] == 1:
        yield "one frame: nothing can move"
    if message := _long_recording(network, clip, file, options):
        yield message


def _long_recording(network: Classifier, clip: Clip, file: ClipFile, options: Sequence[str]) -> str:
    """Return a remark on a recording that is far longer than the training clips; '' if it is not."""
    frames, median = clip.present.shape[1], network.members[0].median_frames
    if median is None or frames <= LONG_RATIO * median:
        return ""
    runs = [quote_value(str(member.checkpoint)) for member in network.members]
    given = options or ["run=" + (runs[0] if len(runs) == 1 else f"[{','.join(runs)}]")]
    command = shlex.join(["python", "src/live.py", *given, f"input={quote_value(file.path)}", "pace=fast"])
    more = "" if file.member is None else ", with the other clips of its file"
    return f"{frames:,} frames, clips of training had {median:,} (median); `{command}` labels it over time{more}"
