"""Cut a prepared store into shards, completely or not at all.

A folder is written under a temporary name and renamed when complete; in object storage `shards.json` is written
last, and files without it do not count as shards.
"""

import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import fsspec
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from stgdn.data.store.shards import BLOCK, FORMAT, INDEX, LOCATION, METADATA, Shard, ShardedStore, in_one_piece
from stgdn.data.store.storage import as_storage_error, file_system, is_local, webdataset
from stgdn.data.store.store import PreparedStore, checksum
from stgdn.errors import InputError
from stgdn.files import replacing_folder

SHARD_NAME = re.compile(r"(train|test)-\d{5,}\.tar")


def write_shards(
    store: PreparedStore, protocol: str, to: str, megabytes: float = 64, overwrite: bool = False
) -> ShardedStore:
    """Cut a store into shards of about `megabytes` MB; returns these.

    Training and test clips of the protocol get shards of their own, each a random sample of its split: neighbours in
    the store have the same subject and setup, and should not be in the same batch.

    Args:
        store: a store in one piece.
        protocol: name of the evaluation protocol.
        to: a folder, or a URL that fsspec can write to.
        megabytes: size of a shard.
        overwrite: replace existing shards.

    Raises:
        InputError: a size that is not above 0.
    """
    if not 0 < megabytes < float("inf"):
        raise InputError(f"size={megabytes} must be megabytes of a shard, above 0")
    webdataset()
    store = in_one_piece(store)
    train, test = store.split(protocol)
    sizes = store.clips["frames"].sum(axis=1) * store.coordinates[:1].nbytes
    cut = [
        (f"{split}-{number:05}.tar", clips)
        for split, chosen in (("train", train), ("test", test), ("unused", ~(train | test)))
        for number, clips in enumerate(_cut(np.flatnonzero(chosen), sizes, megabytes * 1e6))
    ]
    with Progress() as progress, _target(to, overwrite) as (files, root):
        locations, shards = np.zeros(len(store), LOCATION), []
        task = progress.add_task(f"writing {len(cut)} shards", total=len(store))
        for number, (name, clips) in enumerate(cut):
            content, locations["offset"][clips], locations["crc"][clips] = _shard(store, clips)
            locations["shard"][clips] = number
            files.pipe_file(f"{root}/{name}", content)
            shards.append(Shard(name=name, clips=len(clips), bytes=len(content)))
            progress.advance(task, len(clips))
        _write_metadata(files, root, store, protocol, locations, shards)
    return ShardedStore(to)


def _cut(clips: NDArray[np.int64], sizes: NDArray[np.int64], limit: float) -> list[NDArray[np.int64]]:
    """Return clips in a fixed random order, cut into parts of nearly equal size, at most about `limit` bytes."""
    clips = np.random.default_rng(0).permutation(clips)
    ends = sizes[clips].cumsum()
    parts = max(int(np.ceil(ends[-1] / limit)), 1) if len(clips) else 0
    number = ((ends - sizes[clips] / 2) * parts // ends[-1]) if parts else ends
    return np.split(clips, np.flatnonzero(np.diff(number)) + 1) if parts else []


def _shard(store: PreparedStore, clips: NDArray[np.int64]) -> tuple[bytes, list[int], list[int]]:
    """Return clips as a tar file, and the first byte and the CRC-32 of each."""
    file, offsets, checksums, end = io.BytesIO(), [], [], 0
    writer = webdataset().TarWriter(file, encoder=False, compress=False, mtime=0, user="", group="")
    for index in clips.tolist():
        content = store.rows(index).tobytes()
        writer.write({"__key__": f"{index:09}", "rows": content})
        offsets.append(end + BLOCK)
        checksums.append(zlib.crc32(content))
        end += BLOCK + -(-len(content) // BLOCK) * BLOCK
    writer.close()
    return file.getvalue(), offsets, checksums


def _write_metadata(
    files: fsspec.AbstractFileSystem,
    root: str,
    store: PreparedStore,
    protocol: str,
    locations: NDArray[np.void],
    shards: list[Shard],
) -> None:
    file = io.BytesIO()
    np.save(file, locations, allow_pickle=False)
    files.pipe_file(f"{root}/places.npy", file.getvalue())
    checksums = {"places.npy": zlib.crc32(file.getvalue())}
    for name in ("store.json", "clips.npy"):
        files.put_file(str(store.folder / name), f"{root}/{name}")
        checksums[name] = checksum(store.folder / name)
    index = {"format": FORMAT, "protocol": protocol, "checksums": checksums, "shards": shards}
    files.pipe_file(f"{root}/{INDEX}", json.dumps(index, indent=1).encode())


@contextmanager
def _target(to: str, overwrite: bool) -> Iterator[tuple[fsspec.AbstractFileSystem, str]]:
    """Yield the file system and path to write to. Old shards are removed: in a folder afterwards, elsewhere before."""
    files, root = file_system(to)
    local = is_local(files)
    with as_storage_error(to, "written", OSError if local else Exception):
        old = _old_files(files, root, to, overwrite)
        if local:
            with replacing_folder(Path(root)) as temporary:
                yield files, str(temporary)
        else:
            for path in sorted(old, key=lambda path: PurePosixPath(path).name != INDEX):  # the index first
                files.rm_file(path)
            yield files, root


def _old_files(files: fsspec.AbstractFileSystem, root: str, to: str, overwrite: bool) -> list[str]:
    """Return the paths of shards and metadata at a location.

    Raises:
        InputError: there are shards that must not be replaced, or other files.
    """
    old = [root] if files.isfile(root) else files.ls(root, detail=False) if files.isdir(root) else []
    for path in old:
        name = PurePosixPath(path).name
        if name not in (INDEX, *METADATA) and not SHARD_NAME.fullmatch(name):
            raise InputError(f"{to} cannot become shards, {path} is there and is not part of any: choose another `to`")
    if any(PurePosixPath(path).name == INDEX for path in old) and not overwrite:
        raise InputError(f"there are shards at {to} already: overwrite=true writes them again")
    return old
