"""Readers of single raw files, whose names and labels say nothing or little: what a trained network is tried on.

They parse as the readers of `stgdn.data.readers` do, but take any name, and a clip of which nobody says what it shows
has the label -1.
"""

import re
import typing
from dataclasses import dataclass, field
from pathlib import Path

from stgdn.data.clip import Clip, ClipError, ClipFile
from stgdn.data.facts import names
from stgdn.data.readers.archives import read_bytes
from stgdn.data.readers.custom.clips_table import TABLE, facts_of_name, settle
from stgdn.data.readers.custom.custom_reader import FORMS, people
from stgdn.data.readers.custom.dataset_yaml import Dataset
from stgdn.data.readers.custom.recording import MOST_BYTES, Fact
from stgdn.data.readers.kinetics.kinetics_reader import MAX_BYTES as MOST_JSON
from stgdn.data.readers.kinetics.kinetics_reader import KineticsReader, json_object
from stgdn.data.readers.ntu.ntu_reader import DENOISINGS, MAX_BYTES, parse_name
from stgdn.data.readers.ntu.ntu_text import parse
from stgdn.inference.preprocessing import UNKNOWN
from stgdn.skeleton import NTU25, OPENPOSE18, Layout


class FileReader(typing.Protocol):
    """Turns files into clips; all readers of `stgdn.data.readers` are such.

    Attributes:
        layout: joints of the clips.
        classes: names of the classes that labels count.
    """

    @property
    def layout(self) -> Layout:
        """Joints of the clips."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of labels."""
        ...

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip.

        Raises:
            ClipError: it cannot be used.
        """
        ...


@dataclass(frozen=True)
class NTUFiles:
    """`.skeleton` files of any name; one named as NTU RGB+D's says its action.

    Attributes:
        max_bodies: the most bodies a clip keeps.
        denoise: see `stgdn.data.readers.ntu.ntu_reader`.
    """

    max_bodies: int = 2
    denoise: str = "stgdn"
    layout: Layout = field(default=NTU25, init=False)
    classes: tuple[str, ...] = field(default_factory=lambda: names("actions_ntu120"), init=False)

    def read(self, file: ClipFile) -> Clip:
        """See `NTUReader.read`."""
        name = parse_name(file.name)
        label = name.action - 1 if name and 1 <= name.action <= len(self.classes) else UNKNOWN
        joints, present = DENOISINGS[self.denoise](parse(read_bytes(file, MAX_BYTES)), self.max_bodies)
        return Clip(file.name, label, joints, present)


@dataclass(frozen=True)
class KineticsFiles:
    """JSON files of Kinetics-Skeleton without the list of labels that goes with them; each says its own.

    Attributes:
        tracking: see `KineticsReader`.
    """

    tracking: bool = True
    layout: Layout = field(default=OPENPOSE18, init=False)
    classes: tuple[str, ...] = field(default_factory=lambda: names("actions_kinetics400"), init=False)

    def read(self, file: ClipFile) -> Clip:
        """See `KineticsReader.read`."""
        content = json_object(read_bytes(file, MOST_JSON))
        joints, present = KineticsReader("", self.tracking).bodies(content)
        stated = content.get("label_index")
        known = type(stated) is int and 0 <= stated < len(self.classes)
        return Clip(file.name, stated if known else UNKNOWN, joints, present)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class CustomFiles:
    """`.csv` and `.npz` files of a person's own, see docs/own-data.md, with a label or without.

    Attributes:
        dataset: what `dataset.yaml` says, or would say.
        folder: names of clips are counted from here.
        table: what `clips.csv` says.
        empty_frames: keep the frames in which nobody is seen.
    """

    dataset: Dataset
    folder: Path
    table: dict[str, dict[str, Fact]] = field(default_factory=dict)
    empty_frames: bool = False

    @property
    def layout(self) -> Layout:
        """Joints of the clips."""
        return self.dataset.layout

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of labels."""
        return self.dataset.classes

    def read(self, file: ClipFile) -> Clip:
        """See `CustomReader.read`; a name that does not fit says nothing, a label that is none is remarked upon."""
        path = Path(file.path)
        recording = FORMS[path.suffix.lower()](read_bytes(file, MOST_BYTES), self.layout)
        try:
            said = facts_of_name(self.dataset.pattern, file.name)
        except ClipError:
            said = {}
        sources = {"its file": recording.facts, TABLE: self.table.get(file.name, {}), "its name": said}
        joints, present, remark = people(recording, self.dataset, empty_frames=self.empty_frames)
        try:
            facts = settle(sources, self.classes, self.dataset.first_label, {}, labelled=False)
        except ClipError as error:
            return Clip(file.name, UNKNOWN, joints, present, remark=str(error))
        return Clip(file.name, facts.get("label", UNKNOWN), joints, present, remark=remark)


def undescribed(layout: Layout, classes: tuple[str, ...], bodies: int) -> Dataset:
    """What is assumed of a person's own files without a `dataset.yaml`: metres and y up, or shares of the picture."""
    return Dataset(layout, classes, 0, bodies, 1.0, "y", None, True, None, {}, False)


def numbered(classes: tuple[str, ...]) -> bool:
    """Whether classes are only counted, `class 0`, `class 1`, ..."""
    return all(re.fullmatch("class [0-9]+", name) for name in classes)


def truth(label: int, theirs: tuple[str, ...], ours: tuple[str, ...]) -> int:
    """A clip's label among the network's classes, by name or, where there are only numbers, by number; -1 if none.

    Args:
        label: as the clip's reader counts it, -1 if not known.
        theirs: the reader's classes.
        ours: the network's.
    """
    if not 0 <= label < len(theirs):
        return UNKNOWN
    if numbered(theirs) or numbered(ours):
        return label if len(theirs) <= len(ours) else UNKNOWN
    return ours.index(theirs[label]) if theirs[label] in ours else UNKNOWN
