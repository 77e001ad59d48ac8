"""A clip as readers return it: valid bodies and frames, in the units of the source."""

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.protocols import Protocol
from stgdn.skeleton import Layout

UNKNOWN = -1  # the label of a clip without a label
COMPLETE = 0.95  # share of a set's clips from which a source is taken for the whole set


class ClipError(Exception):
    """Raised if a clip cannot be used; the message is the reason without the name. `prepare` skips the clip."""


@dataclass
class Clip:
    """Hold one recorded action.

    Attributes:
        name: unique in its data set; file name without suffix.
        label: class, from 0.
        joints: (M, T, V, C) float32 coordinates of the bodies, most active body first; zeros where not `present`.
        present: (M, T) bool, the frames in which a body was seen (gaps already filled); one unbroken run a body.
        subject, camera, setup, replication: numbers from the name, as in the data set; -1 if unknown.
        remark: remark on an odd clip that is kept; `prepare` lists it.
    """

    name: str
    label: int
    joints: NDArray[np.float32]
    present: NDArray[np.bool_]
    subject: int = -1
    camera: int = -1
    setup: int = -1
    replication: int = -1
    remark: str = ""


@dataclass(frozen=True)
class ClipFile:
    """Locate the file of one clip: a file of a folder, or a member of an archive."""

    name: str
    path: str
    member: str | None = None

    @property
    def location(self) -> str:
        """Return the path of the file, or `ARCHIVE:MEMBER`."""
        return self.path if self.member is None else f"{self.path}:{self.member}"

    def stamp(self) -> list[int] | None:
        """Return size and time of the file or archive, by which a changed one is known; None if there is none."""
        try:
            state = Path(self.path).stat()
        except OSError:
            return None
        return [state.st_size, state.st_mtime_ns]


def first_of_each_name(files: Iterable[ClipFile]) -> tuple[list[ClipFile], list[ClipFile]]:
    """Split files into the first one of every name and all others, both in the order given."""
    first: dict[str, ClipFile] = {}
    others = [file for file in files if first.setdefault(file.name, file) is not file]
    return list(first.values()), others


@dataclass
class Survey:
    """List what a reader finds at its source before parsing.

    Attributes:
        files: the clips to read, sorted by name; of several of one name `prepare` stores the first usable one.
        skipped: (name, reason) of clips that are known to be unusable.
        expected: the official number of clips if the source seems complete, else None.
        protocols: splits that the source itself defines, by name; the first is the usual one.
        described: settings from the source itself, stored as information; if they change, a partial store is started
            anew.
        synthetic: the source says that its clips are synthetic.
    """

    files: list[ClipFile]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    expected: int | None = None
    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    described: Mapping[str, Any] = field(default_factory=dict)
    synthetic: bool = False

    @classmethod
    def of(cls, files: Iterable[ClipFile], outside: Callable[[str], str], official: int) -> "Survey":
        """Return the survey of files, by the reason for which a name is `outside` of the set, '' for one that is not.

        `expected` is the `official` number of clips if nearly all of them are there, see `expect`.
        """
        survey = cls([])
        for file in files:
            survey.add(file, outside(file.name))
        survey.expect(official)
        return survey

    def add(self, file: ClipFile, reason: str = "") -> None:
        """Add a clip to `files`, or to `skipped` if there is a reason why it is unusable."""
        if reason:
            self.skipped.append((file.name, reason))
        else:
            self.files.append(file)

    def expect(self, official: int) -> None:
        """Set `expected` to the official number of clips if at least `COMPLETE` of them are there, counted by name."""
        if len({file.name for file in self.files}) >= COMPLETE * official:
            self.expected = official


class Reader(typing.Protocol):
    """Read one kind of raw source as clips. Picklable: `prepare` sends it to worker processes."""

    layout: Layout
    classes: tuple[str, ...]
    max_bodies: int

    def survey(self) -> Survey:
        """List the clips of the source.

        Raises:
            InputError: there is no such source; the sentence says how to get the data.
        """
        ...

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip.

        Raises:
            ClipError: the clip is truncated, garbled, empty, not finite or of another joint count.
        """
        ...


def valid_runs(present: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (first frame, length) of the valid run of each body; (0, 0) for an empty one. `present` is (M, T)."""
    for body in present:
        frames = np.flatnonzero(body)
        yield (int(frames[0]), int(frames[-1] - frames[0] + 1)) if len(frames) else (0, 0)
