"""Readers of single raw files with any name and with or without a label, for the inference of a trained network.

They parse files like the other readers of `stgdn.data.readers`, but accept any name; an unknown label is -1.
"""

import re
import typing
from dataclasses import dataclass, field
from pathlib import Path

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile
from stgdn.data.official_lists import official_list
from stgdn.data.readers.archives import read_bytes
from stgdn.data.readers.custom.clips_table import TABLE, merge_metadata, metadata_from_name
from stgdn.data.readers.custom.custom_reader import FORMS, to_bodies
from stgdn.data.readers.custom.dataset_yaml import Dataset
from stgdn.data.readers.custom.recording import MOST_BYTES, Fact
from stgdn.data.readers.kinetics.kinetics_reader import MAX_BYTES as MOST_JSON
from stgdn.data.readers.kinetics.kinetics_reader import KineticsReader, json_object
from stgdn.data.readers.ntu.ntu_reader import DENOISINGS, MAX_BYTES, parse_name
from stgdn.data.readers.ntu.ntu_text import parse
from stgdn.skeleton import NTU25, OPENPOSE18, Layout


class FileReader(typing.Protocol):
    """Read files as clips; all readers of `stgdn.data.readers` have this interface.

    Attributes:
        layout: joint layout of the clips.
        classes: class names in the order of labels.
    """

    @property
    def layout(self) -> Layout:
        """Return the joint layout of the clips."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names in the order of labels."""
        ...

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip.

        Raises:
            ClipError: the clip cannot be used.
        """
        ...


@dataclass(frozen=True)
class NTUFiles:
    """Read `.skeleton` files of any name; a name of NTU RGB+D gives the action.

    Attributes:
        max_bodies: the most bodies a clip keeps.
        denoise: see `stgdn.data.readers.ntu.ntu_reader`.
    """

    max_bodies: int = 2
    denoise: str = "stgdn"
    layout: Layout = field(default=NTU25, init=False)
    classes: tuple[str, ...] = field(default_factory=lambda: official_list("actions_ntu120"), init=False)

    def read(self, file: ClipFile) -> Clip:
        """Read a clip like `NTUReader.read`."""
        name = parse_name(file.name)
        label = name.action - 1 if name and 1 <= name.action <= len(self.classes) else UNKNOWN
        joints, present = DENOISINGS[self.denoise](parse(read_bytes(file, MAX_BYTES)), self.max_bodies)
        return Clip(file.name, label, joints, present)


@dataclass(frozen=True)
class KineticsFiles:
    """Read JSON files of Kinetics-Skeleton without a label file; the label is that of the file itself.

    Attributes:
        tracking: see `KineticsReader`.
    """

    tracking: bool = True
    layout: Layout = field(default=OPENPOSE18, init=False)
    classes: tuple[str, ...] = field(default_factory=lambda: official_list("actions_kinetics400"), init=False)

    def read(self, file: ClipFile) -> Clip:
        """Read a clip like `KineticsReader.read`."""
        content = json_object(read_bytes(file, MOST_JSON))
        joints, present = KineticsReader("", self.tracking).bodies(content)
        stated = content.get("label_index")
        known = type(stated) is int and 0 <= stated < len(self.classes)
        return Clip(file.name, stated if known else UNKNOWN, joints, present)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class CustomFiles:
    """Read `.csv` and `.npz` files of a custom data set, with or without a label, see docs/own-data.md.

    Attributes:
        dataset: settings of `dataset.yaml`, or default ones.
        folder: clips are named by their path below this folder.
        table: metadata from `clips.csv`, by clip.
        empty_frames: keep frames without a body.
    """

    dataset: Dataset
    folder: Path
    table: dict[str, dict[str, Fact]] = field(default_factory=dict)
    empty_frames: bool = False

    @property
    def layout(self) -> Layout:
        """Return the joint layout of the clips."""
        return self.dataset.layout

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names in the order of labels."""
        return self.dataset.classes

    def read(self, file: ClipFile) -> Clip:
        """Read a clip like `CustomReader.read`; a name that does not fit is ignored, a wrong label becomes a remark."""
        path = Path(file.path)
        recording = FORMS[path.suffix.lower()](read_bytes(file, MOST_BYTES), self.layout)
        try:
            from_name = metadata_from_name(self.dataset.pattern, file.name)
        except ClipError:
            from_name = {}
        sources = {"its file": recording.facts, TABLE: self.table.get(file.name, {}), "its name": from_name}
        joints, present, remark = to_bodies(recording, self.dataset, empty_frames=self.empty_frames)
        try:
            metadata = merge_metadata(sources, self.classes, self.dataset.first_label, {}, labelled=False)
        except ClipError as error:
            return Clip(file.name, UNKNOWN, joints, present, remark=str(error))
        return Clip(file.name, metadata.get("label", UNKNOWN), joints, present, remark=remark)


def default_dataset(layout: Layout, classes: tuple[str, ...], bodies: int) -> Dataset:
    """Return the settings for custom files without a `dataset.yaml`: metres and y up, or shares of the picture."""
    return Dataset(layout, classes, 0, bodies, 1.0, "y", None, True, None, {}, False)


def are_numbered(classes: tuple[str, ...]) -> bool:
    """Return whether classes have numbers as names: `class 0`, `class 1`, ..."""
    return all(re.fullmatch("class [0-9]+", name) for name in classes)


def match_label(label: int, reader_classes: tuple[str, ...], network_classes: tuple[str, ...]) -> int:
    """Return a clip's label among the network's classes, by name, or by number if one of both has no names; -1 if none.

    Args:
        label: index in the reader's classes, -1 if unknown.
        reader_classes: the reader's classes.
        network_classes: the network's.
    """
    if not 0 <= label < len(reader_classes):
        return UNKNOWN
    if are_numbered(reader_classes) or are_numbered(network_classes):
        return label if len(reader_classes) <= len(network_classes) else UNKNOWN
    return network_classes.index(reader_classes[label]) if reader_classes[label] in network_classes else UNKNOWN
