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

from stgdn.data.protocols import Protocol, training_mask
from stgdn.errors import InputError
from stgdn.skeleton import Layout, layout

FORMAT = 2
NAME_LENGTH = 64
CONTENT = ("clips.npy", "coordinates.bin")
FILES = ("store.json", *CONTENT, "skipped.tsv", "remarks.tsv", "journal.jsonl", "settings.json")
PRECISIONS = ("float32", "float16")


def clip_dtype(max_bodies: int) -> np.dtype:
    """Return the dtype of a clip's record; `row`, `start`, `frames` are a body's first row, first frame and length."""
    return np.dtype(
        [
            ("name", f"U{NAME_LENGTH}"),
            *((key, "i4") for key in ("label", "subject", "camera", "setup", "replication", "length")),
            ("row", "i8", (max_bodies,)),
            ("start", "i4", (max_bodies,)),
            ("frames", "i4", (max_bodies,)),
        ]
    )


@dataclass
class Header:
    """Hold the content of `store.json`.

    Attributes:
        dataset: name of the data set, without a protocol.
        layout: name of the joint layout, or its definition if the data set brings its own.
        classes: class names in the order of the labels.
        max_bodies: M, the most bodies of a clip.
        source: path of the raw files.
        synthetic: the clips are synthetic.
        expected: the official number of clips if the source seemed complete.
        precision: type of the coordinates, one of `PRECISIONS`.
        reader: settings of the reader, without its source.
        scale: factor from the source's unit to metres.
        protocols: the data set's own protocols by name, the usual one first.
        clips, rows: numbers of clips and rows.
        checksums: CRC-32 of the other files.
        skipped: number of clips left out, by reason.
        remarks: number of odd clips kept, by remark.
        format: version of this layout of files.
    """

    dataset: str
    layout: str | dict[str, Any]
    classes: list[str]
    max_bodies: int
    source: str
    synthetic: bool = False
    expected: int | None = None
    precision: str = "float32"
    reader: dict[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    protocols: dict[str, dict[str, Any]] = field(default_factory=dict)
    clips: int = 0
    rows: int = 0
    checksums: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


class Store:
    """Hold a prepared data set, opened without reading its coordinates.

    Attributes:
        header: content of `store.json`.
        layout: the joint layout.
        clips: (clips,) records, see `clip_dtype`.
        coordinates: (rows, V, C) memory map, float32 or float16.
        protocols: the data set's own protocols.

    Raises:
        InputError: there is no store, it was written by another version, or its files do not fit together.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.header = self._read_header()
        self.layout, self.protocols = self._definitions()
        self.clips: NDArray[np.void] = self._read_clips()
        shape, dtype = (self.header.rows, self.layout.num_joints, self.layout.channels), np.dtype(self.header.precision)
        self._check_size("coordinates.bin", int(np.prod(shape)) * dtype.itemsize)
        self.coordinates: NDArray[np.floating] = np.memmap(self.folder / "coordinates.bin", dtype, "r", shape=shape)

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clips)

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        """Pickle the folder only: worker processes open the files themselves and share the memory pages."""
        return Store, (self.folder,)

    def joints(self, index: int) -> NDArray[np.float32]:
        """Return one clip as (M, T, V, C), zeros where a body is not seen."""
        clip = self.clips[index]
        joints = np.zeros((len(clip["row"]), clip["length"], *self.coordinates.shape[1:]), np.float32)
        for body, (row, start, frames) in enumerate(zip(clip["row"], clip["start"], clip["frames"], strict=True)):
            joints[body, start : start + frames] = self.coordinates[row : row + frames]
        return joints

    def training(self, protocol: str) -> NDArray[np.bool_]:
        """Return (clips,), True for training clips of a protocol, one of the data set's own or of `PROTOCOLS`.

        Raises:
            InputError: no such protocol, or it splits by a field that some clips do not have.
        """
        clips = self.clips
        return training_mask(protocol, clips["subject"], clips["camera"], clips["setup"], self.protocols)

    def verify(self) -> None:
        """Compare the files with their checksums.

        Raises:
            InputError: a file has changed since it was written.
        """
        for name in CONTENT:
            if checksum(self.folder / name) != self.header.checksums.get(name):
                raise self._corrupted(f"the checksum of {name} does not match")

    def _corrupted(self, what: str) -> InputError:
        return InputError(
            f"the prepared store {self.folder} is damaged ({what}): "
            "prepare it again with `python src/prepare.py data=... overwrite=true`"
        )

    def _check_size(self, name: str, expected: int) -> None:
        path = self.folder / name
        size = path.stat().st_size if path.exists() else 0
        if size != expected:
            raise self._corrupted(f"{name} has {size} bytes, expected {expected}")

    def _read_header(self) -> Header:
        path = self.folder / "store.json"
        if not path.exists():
            raise InputError(f"no prepared store at {self.folder}")
        try:
            content = json.loads(path.read_text())
            version = content.get("format")
            if version == FORMAT:
                return _header(content)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise self._corrupted(f"store.json cannot be read: {error}") from None
        raise InputError(
            f"the prepared store {self.folder} has format {version}, this version reads {FORMAT}: "
            "prepare it again with `python src/prepare.py data=... overwrite=true`"
        )

    def _definitions(self) -> tuple[Layout, dict[str, Protocol]]:
        header = self.header
        try:
            if header.precision not in PRECISIONS:
                raise ValueError(f"precision is {header.precision!r}")
            own = {name: Protocol(rule["by"], tuple(rule["train"])) for name, rule in header.protocols.items()}
            return layout(header.layout), own
        except (InputError, ValueError, TypeError, KeyError) as error:
            raise self._corrupted(f"store.json cannot be used: {error}") from None

    def _read_clips(self) -> NDArray[np.void]:
        path = self.folder / "clips.npy"
        try:
            if checksum(path) != self.header.checksums.get("clips.npy"):
                raise self._corrupted("the checksum of clips.npy does not match")
            clips = np.load(path, allow_pickle=False)
            if clips.dtype == clip_dtype(self.header.max_bodies) and len(clips) == self.header.clips:
                return clips
        except (OSError, ValueError) as error:
            raise self._corrupted(f"clips.npy cannot be read: {error}") from None
        raise self._corrupted("clips.npy does not fit store.json")


def _header(content: dict[str, Any]) -> Header:
    """Return the header from the content of store.json.

    Raises:
        TypeError: a key is missing, unknown or of another type.
    """
    header = Header(**content)
    several = {"layout": (str, dict), "expected": (int, NoneType)}
    for key, like in asdict(Header("", "", [], 0, "")).items():
        if type(getattr(header, key)) not in several.get(key, (type(like),)):
            raise TypeError(f"'{key}' is {getattr(header, key)!r}")
    return header
