"""The prepared store: only the valid frames and bodies of every clip, memory-mapped, with an index.

A store is a folder of five files:

    store.json        format, data set, layout, classes, checksums, numbers of clips read and skipped
    clips.npy         one record a clip: name, label, subject, camera, ..., and the rows of its bodies
    coordinates.bin   (rows, V, C) float32 or float16, one row a body and frame
    skipped.tsv       clips that were left out, with reasons
    remarks.tsv       remarks on odd clips that were kept

`stgdn.data.store.writer` writes it; a store that exists is complete.
"""

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.checksums import checksum, content_checksum
from stgdn.data.protocols import Protocol, Split, split_clips
from stgdn.data.store.checks import FARTHEST, expect_metres, first_impossible
from stgdn.data.store.clip_arrays import Clips, clip_dtype, rows_of
from stgdn.errors import InputError
from stgdn.skeleton import layout

FORMAT = 2
HEADER = "store.json"
CONTENT = ("clips.npy", "coordinates.bin")
FILES = ("store.json", *CONTENT, "skipped.tsv", "remarks.tsv", "journal.jsonl", "settings.json", "verified.json")
PRECISIONS = ("float32", "float16")
CHUNK = 1 << 13  # rows read at a time, a few megabytes
SAMPLED = 1000  # clips whose first pose is measured
PREPARE_AGAIN = "prepare it again with `python src/prepare.py data=... overwrite=true`"


@dataclass
class Header:
    """Hold the content of `store.json`."""

    dataset: str  # name, without a protocol
    layout: str | dict[str, Any]  # name of the joint layout, or its definition if the data set brings its own
    classes: list[str]  # names in the order of the labels
    max_bodies: int  # M, the most bodies of a clip
    source: str  # path of the raw files
    synthetic: bool = False
    expected: int | None = None  # official number of clips, if the source seemed complete
    precision: str = "float32"  # of the coordinates, one of `PRECISIONS`
    reader: dict[str, Any] = field(default_factory=dict)  # settings of the reader, without its source
    scale: float = 1.0  # factor from the source's unit to metres
    protocols: dict[str, dict[str, Any]] = field(default_factory=dict)  # the data set's own, the usual one first
    clips: int = 0
    rows: int = 0  # of the coordinates: bodies in frames
    checksums: dict[str, int] = field(default_factory=dict)  # CRC-32 of the other files, and of this content
    skipped: dict[str, int] = field(default_factory=dict)  # number of clips left out, by reason
    remarks: dict[str, int] = field(default_factory=dict)  # number of odd clips kept, by remark
    format: int = FORMAT  # version of this layout of files

    def own_protocols(self) -> dict[str, Protocol]:
        """Return the data set's own protocols."""
        return {
            name: Protocol(rule["by"], _tuple(rule["train"]), _tuple(rule.get("test")))
            for name, rule in self.protocols.items()
        }


def _tuple(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def header_text(header: Header) -> str:
    """Return the text of `store.json`, with its own checksum."""
    content = asdict(header)
    content["checksums"] = header.checksums | {HEADER: content_checksum(content, HEADER)}
    return json.dumps(content, indent=1)


class PreparedStore(Clips):
    """Hold what prepared stores have in common, in one piece (`Store`) or in shards (`shards.ShardedStore`).

    Attributes:
        location: the folder, for shards also a URL.
        folder: the folder of `store.json` and `clips.npy`.
        header: content of `store.json`.
        protocols: the data set's own evaluation protocols.
    """

    location: str
    folder: Path
    header: Header
    protocols: dict[str, Protocol]

    def __reduce__(self) -> tuple[type["PreparedStore"], tuple[str]]:
        """Pickle the location only: worker processes open the files themselves and share the memory pages."""
        return type(self), (self.location,)

    def split(self, protocol: str) -> Split:
        """Return which clips train and which test, of a protocol of the data set's own or as of `find_protocol`."""
        clips = self.clips
        fields = {field: clips[field] for field in ("subject", "camera", "setup", "name", "label")}
        return split_clips(protocol, **fields, own=self.protocols)

    def corrupted(self, what: str) -> InputError:
        """Return the error for a store that is not as it was written."""
        return _damaged(self.location, what)

    def _read_index(self, folder: Path) -> None:
        """Read `store.json` and `clips.npy`."""
        self.folder, self.header = folder, read_header(folder)
        try:
            if self.header.precision not in PRECISIONS:
                raise ValueError(f"precision is {self.header.precision!r}")
            self.protocols = self.header.own_protocols()
            self.layout = layout(self.header.layout)
        except (InputError, ValueError, TypeError, KeyError) as error:
            raise self.corrupted(f"store.json cannot be used: {error}") from None
        self.clips = self._read_clips(folder / "clips.npy")

    def _read_clips(self, path: Path) -> NDArray[np.void]:
        try:
            if checksum(path) != self.header.checksums.get("clips.npy"):
                raise self.corrupted("the checksum of clips.npy does not match")
            clips = np.load(path, allow_pickle=False)
            if clips.dtype == clip_dtype(self.header.max_bodies) and len(clips) == self.header.clips:
                return clips
        except (OSError, ValueError) as error:
            raise self.corrupted(f"clips.npy cannot be read: {error}") from None
        raise self.corrupted("clips.npy does not fit store.json")


class Store(PreparedStore):
    """Hold a prepared data set in one piece, opened without reading its coordinates (rows, V, C).

    Raises:
        InputError: the store is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.location = str(folder)
        self._read_index(Path(folder))
        shape, dtype = (self.header.rows, self.layout.num_joints, self.layout.channels), np.dtype(self.header.precision)
        path = self.folder / "coordinates.bin"
        size, expected = path.stat().st_size if path.exists() else 0, int(np.prod(shape)) * dtype.itemsize
        if size != expected:
            raise self.corrupted(f"{path.name} has {size} bytes, expected {expected}")
        self.coordinates: NDArray[np.floating] = np.memmap(path, dtype, "r", shape=shape)

    def rows(self, index: int) -> NDArray[np.floating]:
        """Return the coordinates of a clip (rows, V, C), one body after the other."""
        return rows_of(self, index)

    def verify(self) -> None:
        """Compare the files with their checksums, and check that coordinates are finite and of a possible size.

        Raises:
            InputError: a file has changed since it was written, or a coordinate cannot be; the message names its clip.
        """
        if checksum(self.folder / "clips.npy") != self.header.checksums.get("clips.npy"):
            raise self.corrupted("the checksum of clips.npy does not match")
        found, impossible = 0, None
        for first in range(0, self.header.rows, CHUNK):
            rows = self.coordinates[first : first + CHUNK]
            found = zlib.crc32(rows.data, found)
            if impossible is None and (at := first_impossible(rows)) is not None:
                impossible = first * rows[0].size + at
        if found != self.header.checksums.get("coordinates.bin"):
            raise self.corrupted("the checksum of coordinates.bin does not match")
        if impossible is not None:
            raise self._impossible(*np.unravel_index(impossible, self.coordinates.shape))
        firsts = self.clips["row"][np.linspace(0, len(self) - 1, min(SAMPLED, len(self))).astype(np.int64), 0]
        try:
            expect_metres(self.coordinates[firsts], self.layout, self.header.scale)
        except InputError as error:
            raise InputError(f"{self.location} cannot be trained on: {error}") from None

    def _impossible(self, row: Any, joint: Any, axis: Any) -> InputError:  # noqa: ANN401
        """Return the error for a coordinate that is not finite, or too large."""
        clip = ((self.clips["row"] <= row) & (row < self.clips["row"] + self.clips["frames"])).any(axis=1).argmax()
        return InputError(
            f"the clip {self.clips['name'][clip]} of {self.location} has a coordinate of "
            f"{self.coordinates[row, joint, axis]:g} (joint {self.layout.joints[joint]}), it must be finite and not "
            f"beyond {FARTHEST:,.0f}: look at its source and {PREPARE_AGAIN}"
        )


def read_header(folder: Path) -> Header:
    """Read the header of the store in a folder, and no other file.

    Raises:
        InputError: no store, or its `store.json` is damaged or of another version.
    """
    path = folder / "store.json"
    if not path.exists():
        raise InputError(f"no prepared store at {folder}")
    try:
        content = json.loads(path.read_text())
        version = content.get("format")
        if version == FORMAT:
            return _header(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(folder, f"store.json cannot be read: {error}") from None
    raise InputError(f"the prepared store {folder} has format {version}, this version reads {FORMAT}: {PREPARE_AGAIN}")


def _header(content: dict[str, Any]) -> Header:
    """Return the header from the content of store.json; stores of before lack its own checksum.

    Raises:
        TypeError: a key is missing, unknown or of another type.
        ValueError: the content is not what was written.
    """
    header = Header(**content)
    several = {"layout": (str, dict), "expected": (int, NoneType)}
    for key, like in asdict(Header("", "", [], 0, "")).items():
        if type(getattr(header, key)) not in several.get(key, (type(like),)):
            raise TypeError(f"'{key}' is {getattr(header, key)!r}")
    own = header.checksums.get(HEADER)
    if not set(header.checksums) <= {HEADER, *CONTENT} or own not in (None, content_checksum(content, HEADER)):
        raise ValueError("its checksum does not match")
    return header


def _damaged(location: str | Path, what: str) -> InputError:
    return InputError(f"the prepared store {location} is damaged ({what}): {PREPARE_AGAIN}")
