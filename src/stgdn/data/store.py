"""The prepared store: only the valid frames and bodies of every clip, memory-mapped, with an index.

A store is a folder of four files:

    store.json        format, data set, layout, classes, checksums, what was read and skipped
    clips.npy         one record a clip: name, label, subject, camera, ..., and where its bodies lie
    coordinates.bin   (rows, V, C) float32, one row a body and frame
    skipped.tsv       what was left out, and why

It is written next to its final place with a journal, so that an interrupted preparation goes on where it stopped, and
renamed when complete: a store that is there is whole.
"""

import json
import os
import shutil
import sys
import zlib
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import NoneType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, valid_runs
from stgdn.errors import InputError
from stgdn.skeleton import Layout, layout

if sys.platform != "win32":
    import fcntl

FORMAT = 1
NAME_LENGTH = 48
CONTENT = ("clips.npy", "coordinates.bin")
FILES = ("store.json", *CONTENT, "skipped.tsv", "journal.jsonl", "settings.json")


def clip_dtype(max_bodies: int) -> np.dtype:
    """The record of a clip; `row`, `start`, `frames` say for every body where its run lies and which frames it is."""
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
    """What `store.json` says.

    Attributes:
        dataset: name of the data set, without a protocol.
        layout: name of the joint layout.
        classes: class names in the order of the labels.
        max_bodies: M, at most so many bodies in a clip.
        source: where the raw files lay.
        synthetic: the clips show nobody who exists.
        expected: the official number of clips, where the whole set seemed to be there.
        clips, rows: how many there are.
        checksums: CRC-32 of the other files.
        skipped: how many clips were left out, by reason.
        format: version of this layout of files.
    """

    dataset: str
    layout: str
    classes: list[str]
    max_bodies: int
    source: str
    synthetic: bool = False
    expected: int | None = None
    clips: int = 0
    rows: int = 0
    checksums: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT


def checksum(path: Path) -> int:
    """CRC-32 of a file."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


class Store:
    """A prepared data set, opened without reading its coordinates.

    Attributes:
        header: what `store.json` says.
        layout: the joint layout.
        clips: (clips,) records, see `clip_dtype`.
        coordinates: (rows, V, C) float32 memory map.

    Raises:
        InputError: there is no store, it was written by another version, or its files do not fit together.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.header = self._read_header()
        self.layout: Layout = layout(self.header.layout)
        self.clips: NDArray[np.void] = self._read_clips()
        shape = (self.header.rows, self.layout.num_joints, self.layout.channels)
        self._check_size("coordinates.bin", int(np.prod(shape)) * 4)
        self.coordinates: NDArray[np.float32] = np.memmap(self.folder / "coordinates.bin", np.float32, "r", shape=shape)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.clips)

    def __reduce__(self) -> tuple[type["Store"], tuple[Path]]:
        """Worker processes open the files themselves and share the pages."""
        return Store, (self.folder,)

    def joints(self, index: int) -> NDArray[np.float32]:
        """One clip as (M, T, V, C), zeros where a body is not seen."""
        clip = self.clips[index]
        joints = np.zeros((len(clip["row"]), clip["length"], *self.coordinates.shape[1:]), np.float32)
        for body, (row, start, frames) in enumerate(zip(clip["row"], clip["start"], clip["frames"], strict=True)):
            joints[body, start : start + frames] = self.coordinates[row : row + frames]
        return joints

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
    """The header that store.json holds.

    Raises:
        TypeError: a key is missing, unknown or of another type.
    """
    header = Header(**content)
    for key, like in asdict(Header("", "", [], 0, "")).items():
        if type(getattr(header, key)) not in ((int, NoneType) if like is None else (type(like),)):
            raise TypeError(f"'{key}' is {getattr(header, key)!r}")
    return header


class StoreWriter:
    """Writes a store clip by clip into `FOLDER.partial`, going on from what an interrupted run left there.

    Coordinates are appended before the journal's line that tells of them, so a kill at any moment loses one clip at
    most. A partial store of other settings is started anew.

    Attributes:
        done: names already stored or skipped.

    Raises:
        InputError: the folder holds something else than a store, which finishing would delete, or another process is
            writing this store.
    """

    def __init__(self, folder: str | Path, header: Header) -> None:
        self.folder = Path(folder)
        self.partial = self.folder.with_name(self.folder.name + ".partial")
        self.header = header
        self._check_place()
        self.lock = self._lock()
        self.row_size = layout(header.layout).num_joints * layout(header.layout).channels * 4
        self.entries = self._resume() if self._same_settings() else self._start()
        self.done = {entry["name"] for entry in self.entries}
        self.journal: IO[str] = (self.partial / "journal.jsonl").open("a")
        self.coordinates: IO[bytes] = (self.partial / "coordinates.bin").open("ab")

    def add(self, clip: Clip) -> None:
        """Append a clip."""
        body_runs = list(valid_runs(clip.present[: self.header.max_bodies]))
        for joints, (start, frames) in zip(clip.joints, body_runs, strict=False):
            self.coordinates.write(np.ascontiguousarray(joints[start : start + frames], np.float32).tobytes())
        self.coordinates.flush()
        facts = {key: int(getattr(clip, key)) for key in ("label", "subject", "camera", "setup", "replication")}
        self._note({"name": clip.name} | facts | {"length": clip.present.shape[1], "runs": body_runs})

    def skip(self, name: str, reason: str) -> None:
        """Remember that a clip was left out, and why."""
        self._note({"name": name, "skipped": reason})

    def skipped(self) -> list[tuple[str, str]]:
        """(name, reason) of all clips left out."""
        return [(entry["name"], entry["skipped"]) for entry in self.entries if "skipped" in entry]

    def close(self) -> None:
        """Close the files; what is written stays for the next run to go on from."""
        with ExitStack() as closing:
            for file in (self.lock, self.coordinates, self.journal):
                closing.callback(file.close)

    def finish(self) -> Store:
        """Write index and header, and move the store to its place."""
        with self.lock:
            return self._finish()

    def _finish(self) -> Store:
        self.journal.close()
        self.coordinates.close()
        clips = self._index()
        np.save(self.partial / "clips.npy", clips, allow_pickle=False)
        self.header.clips, self.header.rows = len(clips), int(clips["frames"].sum())
        reasons = [reason for _, reason in self.skipped()]
        self.header.skipped = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
        self.header.checksums = {name: checksum(self.partial / name) for name in CONTENT}
        skipped = "".join(f"{name}\t{reason}\n" for name, reason in self.skipped())
        (self.partial / "skipped.tsv").write_text(skipped, "utf-8", "backslashreplace")
        (self.partial / "store.json").write_text(json.dumps(asdict(self.header), indent=1))
        for path in self.partial.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        if self.folder.exists():
            (self.folder / "store.json").unlink(missing_ok=True)
            shutil.rmtree(self.folder)
        self.partial.rename(self.folder)
        for name in ("journal.jsonl", "settings.json"):  # until here an interrupted run can go on
            (self.folder / name).unlink()
        Path(self.lock.name).unlink()
        return Store(self.folder)

    def _check_place(self) -> None:
        found = list(self.folder.iterdir()) if self.folder.is_dir() else [self.folder] if self.folder.exists() else []
        if strangers := [path for path in found if path.name not in FILES]:
            raise InputError(
                f"{self.folder} cannot become a prepared store, {strangers[0]} is there and is not part of one: "
                "point data.store elsewhere"
            )

    def _lock(self) -> IO[str]:
        """Keep other processes from the partial store until `close`."""
        self.partial.mkdir(parents=True, exist_ok=True)
        lock = self.partial.with_name(self.partial.name + ".lock").open("w")
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                raise InputError(f"another process is preparing {self.folder}: wait for it to end") from None
        return lock

    def _note(self, entry: dict[str, Any]) -> None:
        self.journal.write(json.dumps(entry) + "\n")
        self.journal.flush()
        self.entries.append(entry)
        self.done.add(entry["name"])

    def _same_settings(self) -> bool:
        path = self.partial / "settings.json"
        try:
            return json.loads(path.read_text()) == asdict(self.header)
        except (OSError, ValueError):
            return False

    def _start(self) -> list[dict[str, Any]]:
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        (self.partial / "settings.json").write_text(json.dumps(asdict(self.header)))
        return []

    def _resume(self) -> list[dict[str, Any]]:
        """Keep the journal's entries whose coordinates are all there, and cut both files behind the last of them."""
        journal, coordinates = self.partial / "journal.jsonl", self.partial / "coordinates.bin"
        available = coordinates.stat().st_size // self.row_size if coordinates.exists() else 0
        entries, rows, length = [], 0, 0
        for line in journal.read_bytes().splitlines(keepends=True) if journal.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                break
            grown = rows + sum(frames for _, frames in entry.get("runs", ()))
            if not line.endswith(b"\n") or grown > available:
                break
            if "skipped" not in entry:  # the file may have been mended meanwhile
                entries.append(entry)
            rows, length = grown, length + len(line)
        for path, size in ((journal, length), (coordinates, rows * self.row_size)):
            path.touch()
            os.truncate(path, size)
        return entries

    def _index(self) -> NDArray[np.void]:
        """Records of the stored clips, sorted by name."""
        stored = [entry for entry in self.entries if "skipped" not in entry]
        clips = np.zeros(len(stored), clip_dtype(self.header.max_bodies))
        row = 0
        for clip, entry in zip(clips, stored, strict=True):
            for key in ("name", "label", "subject", "camera", "setup", "replication", "length"):
                clip[key] = entry[key]
            for body, (start, frames) in enumerate(entry["runs"]):
                clip["row"][body], clip["start"][body], clip["frames"][body] = row, start, frames
                row += frames
        return clips[np.argsort(clips["name"])]
