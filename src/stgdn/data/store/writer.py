"""Write a prepared store: beside its final folder, with a journal, and renamed when complete.

An interrupted preparation continues where it stopped; a store that exists is complete.
"""

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipFile, valid_runs
from stgdn.data.store.clip_arrays import clip_dtype
from stgdn.data.store.store import CONTENT, FILES, PRECISIONS, Header, Store, checksum, header_text
from stgdn.errors import InputError, choose
from stgdn.files import flush
from stgdn.skeleton import layout

if sys.platform != "win32":
    import fcntl


class StoreWriter:
    """Write a store clip by clip into `FOLDER.partial`, continuing what an interrupted run left there.

    Coordinates are appended before their line in the journal, so a kill at any time loses one clip at most. A partial
    store of other settings is started anew; where raw files have changed, what was read before the first of these is
    kept.

    Args:
        folder: the final folder.
        header: of the store.
        files: the raw files as they are now.

    Attributes:
        stored: by name, the location from which each stored clip was read. Skipped names are not in it: another clip of
            this name may be usable.

    Raises:
        InputError: the folder holds something else than a store, which `finish` would delete, or another process is
            writing this store.
    """

    def __init__(self, folder: str | Path, header: Header, files: Iterable[ClipFile] = ()) -> None:
        self.folder = Path(folder)
        self.partial = self.folder.with_name(self.folder.name + ".partial")
        self.header = header
        skeleton, self.dtype = layout(header.layout), np.dtype(choose(header.precision, PRECISIONS, "precision"))
        self.row_shape = (skeleton.num_joints, skeleton.channels)
        self.row_size = skeleton.num_joints * skeleton.channels * self.dtype.itemsize
        self._check_place()
        self.lock = self._lock()
        with ExitStack() as opened:  # a full disk does not leave the store locked
            opened.enter_context(self.lock)
            self.entries = self._resume(files) if self._same_settings() else self._start()
            self.stored: dict[str, str] = {entry["name"]: entry.get("place", "") for entry in self.entries}
            self.journal: IO[str] = opened.enter_context((self.partial / "journal.jsonl").open("a"))
            self.coordinates: IO[bytes] = (self.partial / "coordinates.bin").open("ab")
            opened.pop_all()

    def add(self, clip: Clip, file: ClipFile | None = None) -> None:
        """Append a clip whose name is not stored yet; `file` is what it was read from."""
        body_runs = list(valid_runs(clip.present[: self.header.max_bodies]))
        for joints, (start, frames) in zip(clip.joints, body_runs, strict=False):
            self.coordinates.write(np.ascontiguousarray(joints[start : start + frames], self.dtype).tobytes())
        self.coordinates.flush()
        fields = {key: int(getattr(clip, key)) for key in ("label", "subject", "camera", "setup", "replication")}
        entry = {"name": clip.name} | fields | {"length": clip.present.shape[1], "runs": body_runs}
        remark = {"remark": clip.remark} if clip.remark else {}
        origin = {"place": file.location, "stamp": file.stamp()} if file else {}
        self._note(entry | remark | origin)
        self.stored[clip.name] = file.location if file else ""

    def skip(self, name: str, reason: str, detail: str = "") -> None:
        """Record that a clip was left out; clips are counted by reason, `detail` is about this clip only."""
        self._note({"name": name, "skipped": reason} | ({"detail": detail} if detail else {}))

    def first_poses(self, most: int) -> NDArray[np.floating]:
        """Return the first pose (n, V, C) of up to `most` stored clips, spread evenly over all."""
        rows = [sum(frames for _, frames in entry["runs"]) for entry in self.entries if "skipped" not in entry]
        firsts = np.concatenate([[0], np.cumsum(rows[:-1])]).astype(np.int64)
        chosen = firsts[np.linspace(0, len(firsts) - 1, min(most, len(firsts))).astype(np.int64)]
        stored = np.memmap(self.partial / "coordinates.bin", self.dtype, "r").reshape(-1, *self.row_shape)
        return stored[chosen]

    def close(self) -> None:
        """Close the files; a later run continues from what is written."""
        with ExitStack() as closing:
            for file in (self.lock, self.coordinates, self.journal):
                closing.callback(file.close)

    def finish(self) -> Store:
        """Write index and header, and move the store to its final folder; returns it."""
        with self.lock:
            self.journal.close()
            self.coordinates.close()
            self._write_index()
            self._rename()
            Path(self.lock.name).unlink()
        return Store(self.folder)

    def _write_index(self) -> None:
        clips = self._index()
        np.save(self.partial / "clips.npy", clips, allow_pickle=False)
        self.header.clips, self.header.rows = len(clips), int(clips["frames"].sum())
        self.header.skipped = self._list("skipped", "skipped.tsv")
        self.header.remarks = self._list("remark", "remarks.tsv")
        self.header.checksums = {name: checksum(self.partial / name) for name in CONTENT}
        (self.partial / "store.json").write_text(header_text(self.header))

    def _rename(self) -> None:
        """Move the partial store to its final folder; an older store there is removed just before."""
        for path in (*self.partial.iterdir(), self.partial):
            flush(path)
        if self.folder.exists():
            (self.folder / "store.json").unlink(missing_ok=True)
            shutil.rmtree(self.folder)
        self.partial.rename(self.folder)
        flush(self.folder.parent)
        for name in ("journal.jsonl", "settings.json"):  # until here an interrupted run can go on
            (self.folder / name).unlink()

    def write_skipped(self) -> Path:
        """Write the list of clips left out, for a preparation that is refused; returns its path."""
        self._list("skipped", "skipped.tsv")
        return self.partial / "skipped.tsv"

    def _list(self, kind: str, name: str) -> dict[str, int]:
        """Write the clips of a kind into a file; returns the number of clips by reason."""
        listed = [entry for entry in self.entries if kind in entry]
        columns = ((entry["name"], entry[kind], *([entry["detail"]] if "detail" in entry else [])) for entry in listed)
        lines = "".join("\t".join(line) + "\n" for line in columns)
        (self.partial / name).write_text(lines, "utf-8", "backslashreplace")
        return dict(sorted(Counter(entry[kind] for entry in listed).items()))

    def _check_place(self) -> None:
        found = self.folder.iterdir() if self.folder.is_dir() else [self.folder] if self.folder.exists() else ()
        if other := next((path for path in found if path.name not in FILES), None):
            raise InputError(
                f"{self.folder} cannot become a prepared store, {other} is there and is not part of one: "
                "point data.store elsewhere"
            )

    def _lock(self) -> IO[str]:
        """Lock the partial store against other processes until `close`."""
        self.partial.mkdir(parents=True, exist_ok=True)
        try:
            return lock_file(self.partial.with_name(self.partial.name + ".lock"), wait=False)
        except BlockingIOError:
            raise InputError(f"another process is preparing {self.folder}: wait for it to end") from None

    def _note(self, entry: dict[str, Any]) -> None:
        self.journal.write(json.dumps(entry) + "\n")
        self.journal.flush()
        self.entries.append(entry)

    def _same_settings(self) -> bool:
        try:
            return json.loads((self.partial / "settings.json").read_text()) == json.loads(
                json.dumps(asdict(self.header))
            )
        except (OSError, ValueError):
            return False

    def _start(self) -> list[dict[str, Any]]:
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.mkdir(parents=True)
        (self.partial / "settings.json").write_text(json.dumps(asdict(self.header)))
        return []

    def _resume(self, files: Iterable[ClipFile]) -> list[dict[str, Any]]:
        """Return the journal's entries up to the first one whose coordinates are incomplete or whose file has changed.

        Journal and coordinates are truncated there.
        """
        known = {file.location: file for file in files}
        journal, coordinates = self.partial / "journal.jsonl", self.partial / "coordinates.bin"
        available = coordinates.stat().st_size // self.row_size if coordinates.exists() else 0
        entries, rows, length = [], 0, 0
        for line in journal.read_bytes().splitlines(keepends=True) if journal.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                break
            grown = rows + sum(frames for _, frames in entry.get("runs", ()))
            if not line.endswith(b"\n") or grown > available or _has_changed(entry, known):
                break
            if "skipped" not in entry:  # the file may have been mended meanwhile
                entries.append(entry)
            rows, length = grown, length + len(line)
        for path, size in ((journal, length), (coordinates, rows * self.row_size)):
            path.touch()
            os.truncate(path, size)
        return entries

    def _index(self) -> NDArray[np.void]:
        """Return the records of the stored clips, sorted by name."""
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


def _has_changed(entry: Mapping[str, Any], files: Mapping[str, ClipFile]) -> bool:
    """Return whether the file of a journal's entry is another one now, or gone."""
    if "place" not in entry:
        return False
    file = files.get(entry["place"])
    return file is None or file.stamp() != entry.get("stamp")


def lock_file(path: Path, *, wait: bool) -> IO[str]:
    """Return a file that no other process can lock until it is closed; does nothing on Windows.

    Raises:
        BlockingIOError: another process has locked the file, and `wait` is False.
    """
    file = path.open("w")
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise
    return file
