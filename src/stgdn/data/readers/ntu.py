"""NTU RGB+D 60 and 120: text files `SsssCcccPpppRrrrAaaa.skeleton` of Kinect v2 (25 joints, 30 frames a second).

A file is numbers between white space: the number of frames; for every frame the number of bodies; for every body 10
values (the first is its id), the number of joints, and 12 values a joint (x, y, z in metres first, camera
coordinates, y up).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.facts import names
from stgdn.data.readers.denoise import Track, select_bodies
from stgdn.data.readers.sources import find, read_bytes
from stgdn.errors import InputError
from stgdn.skeleton import NTU25, Layout

NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.ASCII)
SETUPS = {60: 17, 120: 32}
RECORDED = {60: 56_880, 120: 114_480}  # clips, those without useful skeletons included
USABLE = {60: 56_578, 120: 113_945}

JOINTS = NTU25.num_joints
BODY_VALUES = 10
JOINT_VALUES = 12
MAX_BYTES = 64 << 20  # the largest clips have 6 MB


class ClipName(NamedTuple):
    """What a file name says, every number counted from 1."""

    setup: int
    camera: int
    subject: int
    replication: int
    action: int


def parse_name(name: str) -> ClipName | None:
    """Read `SsssCcccPpppRrrrAaaa`; None if `name` is not of this form."""
    match = NAME.fullmatch(name)
    return ClipName(*map(int, match.groups())) if match else None


@dataclass
class NTUReader:
    """Reads `.skeleton` files, from folders or straight from the official zips.

    Attributes:
        source: a folder of files or of zips (files may also lie one level down), or one zip.
        num_actions: 60 or 120, which of the two sets to take from the folder.
        actions: keep only these action numbers; a clip's label is then its action's position here.
        max_bodies: the most bodies a clip keeps.
        layout: the 25 joints of Kinect v2.
        classes: class names in order of the label.

    Raises:
        InputError: `num_actions`, `actions` or `max_bodies` is out of range.
    """

    source: str | Path
    num_actions: int = 60
    actions: Sequence[int] | None = None
    max_bodies: int = 2
    layout: Layout = field(default=NTU25, init=False)
    classes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.num_actions not in RECORDED:
            raise InputError(f"NTU RGB+D has 60 or 120 actions, not num_actions={self.num_actions}")
        if self.max_bodies < 1:
            raise InputError(f"max_bodies must be 1 or more, not {self.max_bodies}")
        every = tuple(range(1, self.num_actions + 1))
        self.actions = None if self.actions is None else tuple(self.actions)
        chosen = every if self.actions is None else self.actions
        if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(every):
            raise InputError(f"actions must be different numbers from 1 to {self.num_actions}, not {list(chosen)}")
        self._labels = {action: label for label, action in enumerate(chosen)}
        self.classes = tuple(names("actions_ntu120")[action - 1] for action in self._labels)

    def survey(self) -> Survey:
        """List the clips of the set; those on the official list of missing skeletons are skipped.

        `expected` is set if at least 95 % of the recorded clips are there and no `actions` are chosen.

        Raises:
            InputError: there is no `.skeleton` file at `source`.
        """
        missing = set(names(f"missing_ntu{self.num_actions}"))
        survey, recorded = Survey([]), set[str]()
        for file in self._find():
            reason = self._outside(file.name)
            if not reason and file.name in recorded:
                reason = "a second file of this name"
            elif not reason:
                recorded.add(file.name)
                if file.name in missing:
                    reason = "on the official list of missing or useless skeletons"
            if reason:
                survey.skipped.append((file.name, reason))
            else:
                survey.files.append(file)
        if self.actions is None and len(recorded) >= 0.95 * RECORDED[self.num_actions]:
            survey.expected = USABLE[self.num_actions]
        return survey

    def _find(self) -> list[ClipFile]:
        found = find(self.source, ".skeleton")
        if not found:
            raise InputError(
                f"no .skeleton file in '{self.source}', the folders or the zips in it; NTU RGB+D is obtained by "
                "request from its owners (ROSE Lab, https://rose1.ntu.edu.sg/dataset/actionRecognition/): put the "
                "zips of its skeletons, or the files, into a folder, e.g. data/raw/ntu, and type `python "
                f"src/prepare.py data=ntu{self.num_actions}_xsub data.source=FOLDER`"
            )
        return found

    def _outside(self, stem: str) -> str:
        """Say why a file is not of the set, '' if it is."""
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
        """Parse one file and choose its bodies, see `stgdn.data.readers.denoise`.

        Raises:
            ClipError: the file cannot be read, is truncated or garbled, has a body of other than 25 joints, a
                coordinate that is not finite, or nobody in any frame.
        """
        name = parse_name(file.name)
        if name is None or name.action not in self._labels:
            raise ClipError(self._outside(file.name))
        tracks = parse(read_bytes(file, MAX_BYTES))
        joints, present = select_bodies(tracks, self.max_bodies, self.layout.centre)
        label = self._labels[name.action]
        return Clip(file.name, label, joints, present, name.subject, name.camera, name.setup, name.replication)


def parse(text: bytes) -> list[Track]:
    """Read the bodies of one clip, in order of appearance; one id is one body.

    Frames without a body count, so that `Track.frames` is the recording's own time. A body all of whose joints are
    exactly zero is nobody; should an id occur twice in a frame, the first one counts.

    Raises:
        ClipError: see `NTUReader.read`.
    """
    tokens = text.split()
    values = _numbers(tokens)
    found = list(_walk(tokens))
    frames = np.array([frame for frame, _, _ in found], dtype=np.int64)
    starts = np.array([start for _, _, start in found], dtype=np.int64)
    joints = values[starts[:, None] + np.arange(JOINTS * JOINT_VALUES)].reshape(-1, JOINTS, JOINT_VALUES)[..., :3]
    _check_finite(joints, frames)
    rows: dict[bytes, list[int]] = {}
    for row in np.flatnonzero(joints.any(axis=(1, 2))).tolist():
        rows.setdefault(found[row][1], []).append(row)
    if not rows:
        raise ClipError("no body in any frame")
    return [_track(frames[body], joints[body]) for body in rows.values()]


def _numbers(tokens: list[bytes]) -> NDArray[np.float64]:
    try:
        return np.array(tokens, dtype=np.float64)
    except ValueError:
        raise ClipError(f"{_shown(next(t for t in tokens if not _is_number(t)))} is not a number") from None


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _shown(token: bytes) -> str:
    text = repr(token[:20])[2:-1]  # control characters escaped
    return f"'{text}...'" if len(token) > 20 else f"'{text}'"


def _walk(tokens: list[bytes]) -> Iterator[tuple[int, bytes, int]]:
    """Yield (frame, body id, index of the first joint's x) of every body of every frame.

    The id stays text: it has 17 to 19 digits, more than a float64 holds.
    """
    if not tokens:
        raise ClipError("is empty")
    num_frames, at = _count(tokens[0], "frames"), 1
    for frame in range(num_frames):
        ended = ClipError(f"ends after {frame} of {num_frames} frames")
        if at >= len(tokens):
            raise ended
        bodies, at = _count(tokens[at], "bodies"), at + 1
        for _ in range(bodies):
            start = at + BODY_VALUES + 1
            if start > len(tokens):
                raise ended
            num_joints = _count(tokens[start - 1], "joints")
            if num_joints != JOINTS:
                raise ClipError(f"body with {num_joints} joints, expected {JOINTS}")
            yield frame, tokens[at], start
            at = start + JOINTS * JOINT_VALUES
            if at > len(tokens):
                raise ended
    if at < len(tokens):
        raise ClipError(f"goes on after its {num_frames} frames, with {len(tokens) - at} more values")


def _count(token: bytes, what: str) -> int:
    if not token.isdigit() or len(token) > 9:
        raise ClipError(f"{_shown(token)} stands where the number of {what} should")
    return int(token)


def _check_finite(joints: NDArray[np.float64], frames: NDArray[np.int64]) -> None:
    with np.errstate(over="ignore"):
        bad = np.argwhere(~np.isfinite(joints.astype(np.float32)))
    if len(bad):
        row, joint, _ = bad[0]
        raise ClipError(f"joint {joint} in frame {frames[row]} is not finite")


def _track(frames: NDArray[np.int64], joints: NDArray[np.float64]) -> Track:
    frames, first = np.unique(frames, return_index=True)
    return Track(frames, joints[first])
