"""A prepared store cut into shards, for folders and object storage: tar files that are read from end to end.

    shards.json       format, protocol, checksums, and every shard's name, number of clips and of bytes
    store.json        of the store that was cut up: data set, layout, classes, ...
    clips.npy         likewise: a record a clip
    places.npy        where each clip lies: shard, first byte, CRC-32
    train-00000.tar   a member a clip, INDEX.rows: the (rows, V, C) coordinates of its bodies, one after the other
    test-00000.tar    the protocol's test clips are in shards of their own

`stgdn.data.store.shard_writer` writes them, `stgdn.data.batches.streaming` makes batches of them. Places are
paths or whatever fsspec can open, `s3://bucket/prefix` for example.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any, NoReturn, TypedDict

import numpy as np
from numpy.typing import NDArray

from stgdn.data.store.storage import StorageError, fetch, file_system, is_local, read_file, telling
from stgdn.data.store.store import Store, checksum
from stgdn.errors import InputError

FORMAT = 1
INDEX = "shards.json"
METADATA = ("store.json", "clips.npy", "places.npy")
PLACE = np.dtype([("shard", "i4"), ("offset", "i8"), ("crc", "u4")])
BLOCK = 512  # of tar: a member is a block of header and as many as its content fills


class Shard(TypedDict):
    """What `shards.json` says about a shard."""

    name: str
    clips: int
    bytes: int


def is_sharded(place: str | Path) -> bool:
    """Whether a place is not for a store in one piece: a URL, or a folder of shards."""
    return "://" in str(place) or (Path(place) / INDEX).exists()


def open_prepared(place: str | Path) -> Store:
    """The store at a place, in one piece or in shards.

    Raises:
        InputError: see `Store` and `ShardedStore`.
    """
    return ShardedStore(place) if is_sharded(place) else Store(place)


class ShardedStore(Store):
    """A store whose coordinates are in shards; it opens without reading any of them.

    It has no `coordinates`. All else is there: header, layout, protocols, records of the clips, and `joints`, which
    reads a single clip by its place.

    Attributes:
        place: where it is, a path or URL.
        folder: where its metadata are; for a URL a copy in the user's cache.
        shards: what `shards.json` says about each.
        places: (clips,) records of dtype `PLACE`.
        protocol: whose splits do not share shards.

    Raises:
        InputError: there are no shards, they are of another version, or they do not fit together.
    """

    def __init__(self, place: str | Path) -> None:
        self.place = str(place)
        index = self._read_index()
        self.shards: list[Shard] = index["shards"]
        self.protocol: str = index["protocol"]
        self.folder = self._local_metadata(index["checksums"])
        self.header = self._read_header()
        self.layout, self.protocols = self._definitions()
        self.clips = self._read_clips()
        self.places: NDArray[np.void] = self._read_places()
        self._check_shards()

    def __reduce__(self) -> tuple[type["ShardedStore"], tuple[str]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Worker processes open the place themselves."""
        return ShardedStore, (self.place,)

    def __getattr__(self, name: str) -> NoReturn:
        """Say why there are no coordinates."""
        if name == "coordinates":
            raise InputError(f"the coordinates of {self.place} are in shards: name the store that they were cut from")
        raise AttributeError(name)

    def joints(self, index: int) -> NDArray[np.float32]:
        """One clip as (M, T, V, C), zeros where a body is not seen, read without the rest of its shard."""
        clip, (shard, offset, _) = self.clips[index], self.places[index].item()
        with telling(self.place):
            rows = self.rows(index, self.read(shard, offset, offset + self.size(index)))
        joints = np.zeros((len(clip["row"]), clip["length"], *rows.shape[1:]), np.float32)
        runs = np.split(rows, np.cumsum(clip["frames"])[:-1])
        for body, (run, start) in enumerate(zip(runs, clip["start"], strict=True)):
            joints[body, start : start + len(run)] = run
        return joints

    def read(self, shard: int, first: int, last: int) -> bytes:
        """Bytes `first` to `last` (exclusive) of a shard, in one request."""
        files, root = file_system(self.place)  # each time: connections do not outlive a fork, fsspec keeps the others
        return read_file(files, f"{root}/{self.shards[shard]['name']}", first, last)

    def size(self, index: int) -> int:
        """Bytes of a clip."""
        values = self.layout.num_joints * self.layout.channels * int(self.clips["frames"][index].sum())
        return values * np.dtype(self.header.precision).itemsize

    def rows(self, index: int, content: bytes) -> NDArray[np.floating]:
        """The bytes of a clip as (rows, V, C).

        Raises:
            StorageError: they are not those that were written.
        """
        if zlib.crc32(content) != self.places["crc"][index]:
            raise self.damaged(self.places["shard"][index], f"the clip {self.clips['name'][index]} has changed")
        flat = np.frombuffer(content, self.header.precision)
        return flat.reshape(-1, self.layout.num_joints, self.layout.channels)

    def damaged(self, shard: int, what: str) -> StorageError:
        """The sentence for a shard that is not as it was written."""
        return StorageError(f"{self.shards[shard]['name']} at {self.place} is damaged ({what}): {self._again}")

    @property
    def megabytes(self) -> float:
        """Of all shards."""
        return sum(shard["bytes"] for shard in self.shards) / 1e6

    @property
    def _again(self) -> str:
        return f"write them again with `python src/shard.py data=... to={self.place} overwrite=true`"

    def _corrupted(self, what: str) -> InputError:
        return InputError(f"the shards at {self.place} are damaged ({what}): {self._again}")

    def _read_index(self) -> dict[str, Any]:
        files, root = file_system(self.place)
        with telling(self.place):
            try:
                content = json.loads(read_file(files, f"{root}/{INDEX}"))
            except FileNotFoundError:
                raise InputError(
                    f"no shards at {self.place}: write them with `python src/shard.py data=... to={self.place}`"
                ) from None
            except ValueError as error:
                raise self._corrupted(f"{INDEX} cannot be read: {error}") from None
        version = content.get("format") if isinstance(content, dict) else None
        if version != FORMAT:
            raise InputError(
                f"the shards at {self.place} have format {version}, this version reads {FORMAT}: {self._again}"
            )
        if not _is_index(content):
            raise self._corrupted(f"{INDEX} is not complete")
        return content

    def _local_metadata(self, checksums: dict[str, int]) -> Path:
        """The folder with the metadata; copied there first if they are elsewhere, unless they have been before."""
        files, root = file_system(self.place)
        if is_local(files):
            folder = Path(root)
        else:
            cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            folder = cache / "stgdn" / f"{zlib.crc32(self.place.encode()):08x}"
        for name, expected in checksums.items():
            if not _is_whole(folder / name, expected) and not is_local(files):
                with telling(self.place):
                    fetch(files, f"{root}/{name}", folder / name)
            if not _is_whole(folder / name, expected):
                raise self._corrupted(f"the checksum of {name} does not match")
        return folder

    def _read_places(self) -> NDArray[np.void]:
        places = np.load(self.folder / "places.npy", allow_pickle=False)
        if places.dtype != PLACE or len(places) != len(self.clips):
            raise self._corrupted("places.npy does not fit clips.npy")
        return places

    def _check_shards(self) -> None:
        """Compare names and sizes of all shards, which takes one listing."""
        files, root = file_system(self.place)
        with telling(self.place):
            sizes = {Path(file["name"]).name: file["size"] for file in files.ls(root, detail=True)}
        wrong = [shard for shard in self.shards if sizes.get(shard["name"]) != shard["bytes"]]
        if wrong:
            found = sizes.get(wrong[0]["name"])
            what = "is missing" if found is None else f"has {found} bytes, expected {wrong[0]['bytes']}"
            raise self._corrupted(f"{len(wrong)} of {len(self.shards)} shards, {wrong[0]['name']} {what}")


def _is_index(content: dict[str, Any]) -> bool:
    """Whether shards.json has what it should have."""
    shards, checksums = content.get("shards"), content.get("checksums")
    kinds = {"name": str, "clips": int, "bytes": int}
    return (
        isinstance(content.get("protocol"), str)
        and isinstance(shards, list)
        and all(isinstance(shard, dict) and {key: type(shard[key]) for key in shard} == kinds for shard in shards)
        and isinstance(checksums, dict)
        and set(checksums) == set(METADATA)
    )


def _is_whole(path: Path, expected: int) -> bool:
    return path.exists() and checksum(path) == expected
