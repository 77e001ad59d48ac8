"""A prepared store cut into shards, for folders and object storage: tar files that are read sequentially.

    shards.json       format, protocol, checksums, and every shard's name, number of clips and of bytes
    store.json        of the original store: data set, layout, classes, ...
    clips.npy         of the original store: a record a clip
    places.npy        location of each clip: shard, first byte, CRC-32
    train-00000.tar   a member a clip, INDEX.rows: the (rows, V, C) coordinates of its bodies, one after the other
    test-00000.tar    the protocol's test clips are in shards of their own

`stgdn.data.store.shard_writer` writes them, `stgdn.data.batches.streaming` makes batches of them. A
location is a path or any URL that fsspec can open, such as `s3://bucket/prefix`.
"""

import json
import zlib
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from stgdn.data.store.checks import first_impossible
from stgdn.data.store.storage import StorageError, as_storage_error, file_system, is_local, read_file
from stgdn.data.store.store import PreparedStore, Store, checksum
from stgdn.data.store.verified import cache_folder
from stgdn.errors import InputError
from stgdn.files import replacing

FORMAT = 1
INDEX = "shards.json"
METADATA = ("store.json", "clips.npy", "places.npy")
LOCATION = np.dtype([("shard", "i4"), ("offset", "i8"), ("crc", "u4")])
BLOCK = 512  # of tar: a member is a block of header and as many as its content fills


class Shard(TypedDict):
    """Hold the entry of a shard in `shards.json`."""

    name: str
    clips: int
    bytes: int


def is_sharded(location: str | Path) -> bool:
    """Return whether a location is a URL or a folder of shards, and not a store in one piece."""
    return "://" in str(location) or (Path(location) / INDEX).exists()


def is_prepared(location: str | Path) -> bool:
    """Return whether there is a store at a location; of a URL this is not known before it is opened."""
    return is_sharded(location) or (Path(location) / "store.json").exists()


def open_prepared(location: str | Path) -> "Store | ShardedStore":
    """Open the store at a location, in one piece or in shards."""
    return ShardedStore(location) if is_sharded(location) else Store(location)


def in_one_piece(store: PreparedStore) -> Store:
    """Return the store if its coordinates are in one array.

    Raises:
        InputError: the coordinates are in shards.
    """
    if isinstance(store, Store):
        return store
    raise InputError(f"the coordinates of {store.location} are in shards: name the store that they were cut from")


class ShardedStore(PreparedStore):
    """Hold a store with its coordinates in shards; it opens without reading any shard.

    Attributes:
        folder: the folder of the metadata; for a URL a copy in the user's cache.
        shards: the entries of `shards.json`.
        locations: (clips,) records of dtype `LOCATION`.
        protocol: the protocol by which clips are cut into shards of training and of test clips.

    Raises:
        InputError: there are no shards, they are of another version, or they do not fit together.
    """

    def __init__(self, location: str | Path) -> None:
        self.location = str(location)
        index = self._read_shards()
        self.shards: list[Shard] = index["shards"]
        self.protocol: str = index["protocol"]
        self._read_index(self._local_metadata(index["checksums"]))
        self.locations: NDArray[np.void] = np.load(self.folder / "places.npy", allow_pickle=False)
        if self.locations.dtype != LOCATION or len(self.locations) != len(self.clips):
            raise self.corrupted("places.npy does not fit clips.npy")
        self._check_sizes()

    def rows(self, index: int) -> NDArray[np.floating]:
        """Read one clip (rows, V, C), one body after the other, without reading the rest of its shard."""
        shard, offset, _ = self.locations[index].item()
        with as_storage_error(self.location):
            return self.checked_rows(index, self.read(shard, offset, offset + self.size(index)))

    def read(self, shard: int, first: int, last: int) -> bytes:
        """Read bytes `first` to `last` (exclusive) of a shard, in one request."""
        files, root = file_system(self.location)  # each time: connections do not outlive a fork, fsspec keeps others
        return read_file(files, f"{root}/{self.shards[shard]['name']}", first, last)

    def size(self, index: int) -> int:
        """Return the number of bytes of a clip."""
        values = self.layout.num_joints * self.layout.channels * int(self.clips["frames"][index].sum())
        return values * np.dtype(self.header.precision).itemsize

    def checked_rows(self, index: int, content: bytes) -> NDArray[np.floating]:
        """Return the bytes of a clip as an array (rows, V, C).

        Raises:
            StorageError: the bytes are not those that were written, or hold coordinates that cannot be.
        """
        if zlib.crc32(content) != self.locations["crc"][index]:
            raise self.damaged(self.locations["shard"][index], f"the clip {self.clips['name'][index]} has changed")
        flat = np.frombuffer(content, self.header.precision)
        if (at := first_impossible(flat)) is not None:
            what = f"the clip {self.clips['name'][index]} has a coordinate of {flat[at]:g}"
            raise self.damaged(self.locations["shard"][index], what)
        return flat.reshape(-1, self.layout.num_joints, self.layout.channels)

    def damaged(self, shard: int, what: str) -> StorageError:
        """Return the error for a shard that is not as it was written."""
        return StorageError(f"{self.shards[shard]['name']} at {self.location} is damaged ({what}): {self._hint}")

    @property
    def megabytes(self) -> float:
        """Return the size of all shards in megabytes."""
        return sum(shard["bytes"] for shard in self.shards) / 1e6

    @property
    def _hint(self) -> str:
        return f"write them again with `python src/shard.py data=... to={self.location} overwrite=true`"

    def corrupted(self, what: str) -> InputError:
        """Return the error for metadata that are not as they were written."""
        return InputError(f"the shards at {self.location} are damaged ({what}): {self._hint}")

    def _read_shards(self) -> dict[str, Any]:
        files, root = file_system(self.location)
        with as_storage_error(self.location):
            try:
                content = json.loads(read_file(files, f"{root}/{INDEX}"))
            except FileNotFoundError:
                raise InputError(
                    f"no shards at {self.location}: write them with `python src/shard.py data=... to={self.location}`"
                ) from None
            except ValueError as error:
                raise self.corrupted(f"{INDEX} cannot be read: {error}") from None
        version = content.get("format") if isinstance(content, dict) else None
        if version != FORMAT:
            raise InputError(
                f"the shards at {self.location} have format {version}, this version reads {FORMAT}: {self._hint}"
            )
        if not _is_index(content):
            raise self.corrupted(f"{INDEX} is not complete")
        return content

    def _local_metadata(self, checksums: dict[str, int]) -> Path:
        """Return the folder of the metadata; for a URL these are copied to the cache first."""
        files, root = file_system(self.location)
        folder = Path(root) if is_local(files) else cache_folder(self.location)
        for name, expected in checksums.items():
            if not _is_whole(folder / name, expected) and not is_local(files):
                folder.mkdir(parents=True, exist_ok=True)
                with as_storage_error(self.location), replacing(folder / name) as temporary:
                    files.get_file(f"{root}/{name}", str(temporary))
            if not _is_whole(folder / name, expected):
                raise self.corrupted(f"the checksum of {name} does not match")
        return folder

    def _check_sizes(self) -> None:
        """Compare names and sizes of all shards with one listing of the files."""
        files, root = file_system(self.location)
        with as_storage_error(self.location):
            sizes = {Path(file["name"]).name: file["size"] for file in files.ls(root, detail=True)}
        wrong = [shard for shard in self.shards if sizes.get(shard["name"]) != shard["bytes"]]
        if wrong:
            found = sizes.get(wrong[0]["name"])
            what = "is missing" if found is None else f"has {found} bytes, expected {wrong[0]['bytes']}"
            raise self.corrupted(f"{len(wrong)} of {len(self.shards)} shards, {wrong[0]['name']} {what}")


def _is_index(content: dict[str, Any]) -> bool:
    """Return whether shards.json has all keys with the right types."""
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
