"""Kinetics-Skeleton: the poses that OpenPose found in the videos of Kinetics-400, as ST-GCN's authors released them.

A folder holds `kinetics_train/` and `kinetics_val/`, one JSON file a clip, beside `kinetics_train_label.json` and
`kinetics_val_label.json`, which give the label of every clip and whether a person was found in it. A clip is
`{"data": [{"frame_index": 1, "skeleton": [{"pose": [x0, y0, .., x17, y17], "score": [s0, .., s17]}, ..]}, ..],
"label": "parkour", "label_index": 207}`: coordinates in shares of the picture's width and height, y down, (0, 0) with
score 0 for a joint not found. A frame may have any number of people, in any order and without ids.

People are tracked over the frames (`track`), and the two of highest total confidence are the bodies of a clip.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile, Survey
from stgdn.data.official_lists import official_list
from stgdn.data.protocols import COUNTS
from stgdn.data.readers.custom.pose_files import frames_of, merge_frames
from stgdn.data.readers.pose_tracking import Float, Rows, keep_most_confident, rank, track
from stgdn.data.readers.raw_files import json_object, load_once, read_bytes
from stgdn.data.readers.tracks import Bodies, to_float32
from stgdn.errors import InputError
from stgdn.skeleton import OPENPOSE18, Layout

SPLITS = {"kinetics_train": 1, "kinetics_val": 2}  # folder -> the `setup` of its clips
CLIPS = sum(COUNTS["kinetics", "kinetics_val"])
MAX_BYTES = 16 << 20  # eleven people in a frame make 0.8 MB
MAX_FRAMES = 10_000  # released clips have up to 300


@dataclass
class KineticsReader:
    """Read the released folder.

    A clip's `setup` is the split it was released in, 1 for training and 2 for validation. Its frames are the
    video's: frames without a person are kept.

    Attributes:
        source: the folder with `kinetics_train`, `kinetics_val` and their label files; one of the two is enough.
        tracking: True for bodies that are one person each, see `track`; False for ST-GCN's, see `rank`.
        layout: OpenPose's 18 joints; x and y are counted from the middle of the picture, the third is the confidence.
        classes: class names in order of the label.
        max_bodies: 2, as ST-GCN takes them.
    """

    source: str | Path
    tracking: bool = True
    layout: Layout = field(default=OPENPOSE18, init=False)
    classes: tuple[str, ...] = field(init=False)
    max_bodies: int = field(default=2, init=False)
    keeps_empty_frames: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.classes = official_list("actions_kinetics400")

    def survey(self) -> Survey:
        """List the clips of both splits; `expected` is set if at least 95 % of the official number are there.

        Where the label files name other classes than those of Kinetics-400, `classes` become theirs.

        Raises:
            InputError: there is no clip with a label at `source`, a label file is garbled, or names of labels disagree.
        """
        source = Path(self.source).expanduser()
        survey, names = Survey([]), {}
        for split in SPLITS:
            self._add(survey, names, source, split)
        self.classes = own_classes(names, self.classes)
        if not survey.files:
            raise InputError(
                f"no clip of Kinetics-Skeleton in '{source}': looked for kinetics_train_label.json and "
                "kinetics_val_label.json beside the folders kinetics_train and kinetics_val of .json files; get the "
                "release of ST-GCN's authors (the README of https://github.com/yysijie/st-gcn links it), unpack it, "
                "and type `python src/prepare.py data=kinetics data.source=FOLDER`"
            )
        survey.files.sort(key=lambda file: file.name)  # of one name the training clip stays first
        survey.expect(CLIPS)
        return survey

    @staticmethod
    def _add(survey: Survey, names: dict[int, str], source: Path, split: str) -> None:
        """Add the clips of a split, if it is there, by its label file, and the names of its labels."""
        labels = source / f"{split}_label.json"
        if not labels.is_file():
            return
        try:
            listed = json_object(labels.read_bytes())
        except (OSError, ClipError) as error:
            raise InputError(
                f"'{labels}' cannot be used: {error}; get the release of ST-GCN's authors again (the README of "
                "https://github.com/yysijie/st-gcn links it)"
            ) from error
        folder = source / split
        existing = {path.stem for path in folder.glob("*.json")}
        for name, entry in sorted(listed.items()):
            reason = ""
            if not isinstance(entry, dict) or not _is_whole(entry.get("label_index")):
                reason = f"has no whole number 'label_index' in {labels.name}"
            elif entry.get("has_skeleton") is False:
                reason = f"without skeletons, says {labels.name}"
            elif name not in existing:
                reason = f"listed in {labels.name}, but not in the folder {split}"
            else:
                _add_name(names, entry, labels)
            survey.add(ClipFile(name, str(folder / f"{name}.json")), reason)
        survey.skipped += [(name, f"not listed in {labels.name}") for name in sorted(existing - listed.keys())]

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip and find its two bodies."""
        path = Path(file.path)
        label_file = path.parent.with_name(f"{path.parent.name}_label.json")
        try:
            label = _labels(label_file).get(file.name)
        except OSError as error:
            raise ClipError(f"its label file cannot be read: {error}") from error
        if label is None:
            raise ClipError(f"has no label in {label_file.name}")
        content = json_object(read_bytes(file, MAX_BYTES))
        stated = content.get("label_index")
        if not _is_whole(stated):
            raise ClipError("has no whole number 'label_index'")
        if stated != label:
            raise ClipError(f"has label {stated}, but label {label} in {label_file.name}")
        if not 0 <= label < len(self.classes):
            raise ClipError(f"label {label} is outside the {len(self.classes)} classes")
        if isinstance(name := content.get("label"), str) and name != self.classes[label]:
            raise ClipError(f"has the label '{name}', but label {label} is '{self.classes[label]}'")
        return Clip(file.name, label, *self._bodies(content), setup=SPLITS.get(path.parent.name, -1))

    def read_unlabelled(self, file: ClipFile) -> Clip:
        """Parse one clip without a label file; the label is that of the clip itself, `UNKNOWN` if it has none."""
        content = json_object(read_bytes(file, MAX_BYTES))
        stated = content.get("label_index")
        label = stated if type(stated) is int and 0 <= stated < len(self.classes) else UNKNOWN
        return Clip(file.name, label, *self._bodies(content))

    def _bodies(self, content: Mapping[str, Any]) -> Bodies:
        frames, people, length = _people(content.get("data"))
        person_ids = track(frames, people) if self.tracking else rank(frames, people)
        return keep_most_confident(frames, people, person_ids, length, self.max_bodies, bridge=self.tracking)


def _add_name(names: dict[int, str], entry: Mapping[str, Any], labels: Path) -> None:
    """Add the name of an entry's label, if it has one.

    Raises:
        InputError: the label had another name before.
    """
    label, name = entry["label_index"], entry.get("label")
    if isinstance(name, str) and name and names.setdefault(label, name) != name:
        raise InputError(f"label {label} is '{names[label]}' and '{name}' in {labels}: give each label one name")


def own_classes(names: Mapping[int, str], official: tuple[str, ...]) -> tuple[str, ...]:
    """Return the class names of labels: the official ones if they fit the `names` found, else these.

    Raises:
        InputError: the names are not the official ones, and are not one for each label from 0 on.
    """
    other = [label for label, name in names.items() if dict(enumerate(official)).get(label, name) != name]
    if not other:
        return official
    if sorted(names) != list(range(len(names))) or len({*names.values()}) < max(len(names), 2):
        raise InputError(
            f"label {min(other)} is '{names[min(other)]}', which it is not in Kinetics-400: number two or more classes "
            f"of your own from 0 on without gaps, each with a name of its own; found {len(names)} labels up to "
            f"{max(names)} with {len({*names.values()})} names"
        )
    return tuple(names[label] for label in range(len(names)))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@load_once(maxsize=2)
def _labels(path: Path) -> dict[str, int]:
    """Return labels by clip; kept in memory, as the file of the training split has 240,000 of them."""
    entries = json_object(path.read_bytes()).items()
    return {name: entry["label_index"] for name, entry in entries if isinstance(entry, dict) and "label_index" in entry}


def _people(data: object) -> tuple[Rows, Float, int]:
    """Check the value of 'data' and return all people in it, frame by frame.

    Returns:
        (P,) frames, ascending, the first frame of the clip is 0; (P, 18, 3) x and y, from the middle of the picture,
        and confidence, all three 0 for a joint not found; the number of frames. P >= 1: people without any joint are
        left out.
    """
    if not isinstance(data, list) or not all(isinstance(frame, dict) for frame in data):
        raise ClipError("has no list 'data' of frames")
    frames = frames_of({"data": data}, joints=OPENPOSE18.num_joints)
    frames = [frame._replace(people=[(joints, None) for joints, _ in frame.people]) for frame in frames]  # without ids
    numbers = [frame.number for frame in frames]
    if max(numbers, default=0) > MAX_FRAMES:
        raise ClipError(f"has a frame beyond number {MAX_FRAMES}")
    (found,) = merge_frames(frames).bodies
    first = min(1, *numbers)  # counted from 1, and from 0 by tools that came later
    people = to_float32(np.dstack([found.positions - 0.5, found.confidence]), found.frames)
    people[people[..., 2] <= 0] = 0
    valid = np.asarray(people.any(axis=(1, 2)))
    if not valid.any():
        raise ClipError("no body in any frame")
    return found.frames[valid] - first, people[valid], max(numbers) - first + 1
