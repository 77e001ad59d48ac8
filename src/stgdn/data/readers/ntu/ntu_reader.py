"""NTU RGB+D 60 and 120: text files `SsssCcccPpppRrrrAaaa.skeleton` of Kinect v2 (25 joints, 30 frames a second)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from stgdn.data.clip import COMPLETE, UNKNOWN, Clip, ClipError, ClipFile, Survey
from stgdn.data.official_lists import official_list
from stgdn.data.readers.ntu.denoise import Sightings, select_bodies
from stgdn.data.readers.ntu.denoise_published import agcn, ctr_gcn
from stgdn.data.readers.ntu.ntu_text import parse
from stgdn.data.readers.raw_files import find_files, read_bytes
from stgdn.data.readers.tracks import Bodies
from stgdn.errors import InputError, choose
from stgdn.skeleton import NTU25, Layout

NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.ASCII)
SETUPS = {60: 17, 120: 32}
RECORDED = {60: 56_880, 120: 114_480}  # clips, those without useful skeletons included
USABLE = {60: 56_578, 120: 113_945}

MAX_BYTES = 16 << 20  # 5,700 frames of one body; the longest clips have 300 frames, the largest 6 MB

# How people are told from chairs and reflections: (bodies of all frames, at most so many) -> bodies of the clip.
DENOISINGS: dict[str, Callable[[Sightings, int], Bodies]] = {"stgdn": select_bodies, "ctr_gcn": ctr_gcn, "agcn": agcn}


class ClipName(NamedTuple):
    """Hold the numbers of a file name, all counted from 1."""

    setup: int
    camera: int
    subject: int
    replication: int
    action: int


def parse_name(name: str) -> ClipName | None:
    """Read `SsssCcccPpppRrrrAaaa`; None if `name` is not of this form."""
    match = NAME.fullmatch(name)
    return ClipName(*map(int, match.groups())) if match else None


def numbers_of_name(name: str) -> tuple[int, int, int, int]:
    """Return subject, camera, setup and replication of a clip named as in NTU RGB+D; -1 each for any other name."""
    found = parse_name(name)
    return (found.subject, found.camera, found.setup, found.replication) if found else (-1, -1, -1, -1)


@dataclass
class NTUReader:
    """Read `.skeleton` files, from folders or straight from the official zips.

    Attributes:
        source: a folder of files or of zips (files may also lie one level down), or one zip.
        num_actions: 60 or 120, which of the two sets to take from the folder.
        actions: keep only these action numbers; a clip's label is then its action's position here.
        max_bodies: the most bodies a clip keeps.
        denoise: one of `DENOISINGS`, the method that separates people from chairs and reflections.
        layout: the 25 joints of Kinect v2.
        classes: class names in order of the label.

    Raises:
        InputError: `num_actions`, `actions` or `max_bodies` is out of range, or no such `denoise`.
    """

    source: str | Path
    num_actions: int = 60
    actions: Sequence[int] | None = None
    max_bodies: int = 2
    denoise: str = "stgdn"
    layout: Layout = field(default=NTU25, init=False)
    classes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.num_actions not in RECORDED:
            raise InputError(f"NTU RGB+D has 60 or 120 actions, not num_actions={self.num_actions}")
        if self.max_bodies < 1:
            raise InputError(f"max_bodies must be 1 or more, not {self.max_bodies}")
        choose(self.denoise, DENOISINGS, "data.reader.denoise")
        every = tuple(range(1, self.num_actions + 1))
        self.actions = None if self.actions is None else tuple(self.actions)
        chosen = every if self.actions is None else self.actions
        if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(every):
            raise InputError(f"actions must be different numbers from 1 to {self.num_actions}, not {list(chosen)}")
        self._labels = {action: label for label, action in enumerate(chosen)}
        self.classes = tuple(official_list("actions_ntu120")[action - 1] for action in self._labels)

    def survey(self) -> Survey:
        """List the clips of the set; those on the official list of missing skeletons are skipped.

        `expected` is set if at least 95 % of the recorded clips are there and no `actions` are chosen.

        Raises:
            InputError: there is no `.skeleton` file at `source`.
        """
        found = find_files(self.source, ".skeleton")
        if not found:
            raise InputError(
                f"no .skeleton file in '{self.source}', the folders or the zips in it; NTU RGB+D is obtained by "
                "request from its owners (ROSE Lab, https://rose1.ntu.edu.sg/dataset/actionRecognition/): put the "
                "zips of its skeletons, or the files, into a folder, e.g. data/raw/ntu, and type `python "
                f"src/prepare.py data=ntu{self.num_actions}_xsub data.source=FOLDER`"
            )
        missing = set(official_list(f"missing_ntu{self.num_actions}"))
        survey, recorded = Survey([]), set[str]()
        for file in found:
            reason = self._outside(file.name)
            if not reason:
                recorded.add(file.name)
                reason = "on the official list of missing or useless skeletons" if file.name in missing else ""
            survey.add(file, reason)
        if self.actions is None and len(recorded) >= COMPLETE * RECORDED[self.num_actions]:
            survey.expected = USABLE[self.num_actions]
        return survey

    def _outside(self, stem: str) -> str:
        """Return the reason why a file is not part of the set, '' if it is."""
        name, count = parse_name(stem), self.num_actions
        if name is None:
            return "not named SsssCcccPpppRrrrAaaa.skeleton"
        if not 1 <= name.action <= count:
            return f"an action beyond NTU RGB+D's {count}"
        if not 1 <= name.setup <= SETUPS[count]:
            return f"setup {name.setup} is not among the {SETUPS[count]} of NTU RGB+D's {count} actions"
        if name.action not in self._labels:
            return "an action that was not chosen"
        return ""

    def read(self, file: ClipFile) -> Clip:
        """Parse one file and choose its bodies."""
        if reason := self._outside(file.name):
            raise ClipError(reason)
        return self.read_unlabelled(file)

    def read_unlabelled(self, file: ClipFile) -> Clip:
        """Parse a file of any name; the label is `UNKNOWN` if the name does not give an action of the set."""
        name = parse_name(file.name)
        label = self._labels.get(name.action, UNKNOWN) if name else UNKNOWN
        joints, present = DENOISINGS[self.denoise](parse(read_bytes(file, MAX_BYTES)), self.max_bodies)
        return Clip(file.name, label, joints, present, *numbers_of_name(file.name))
