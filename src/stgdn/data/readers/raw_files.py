"""Find raw files in folders and in zips, and read them within bounds; zips are read as they are, never unpacked."""

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache, wraps
from operator import attrgetter
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Concatenate, ParamSpec, TypeVar

from stgdn.data.clip import ClipError, ClipFile
from stgdn.errors import InputError

# Errors from reading a zip with a broken, encrypted or unknown member.
BROKEN = (
    *(OSError, EOFError, RuntimeError, NotImplementedError, KeyError, ValueError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)
ENCRYPTED = 1  # a member's flag
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of others Python unpacks more than is asked for

P = ParamSpec("P")
T = TypeVar("T")


def find_files(
    source: str | Path, suffix: str, folders: int = 1, name: Callable[[PurePath], str] = attrgetter("stem")
) -> list[ClipFile]:
    """Return clips whose file name ends in `suffix`, by name; of one name files before zip members, then by path.

    Args:
        source: a zip, or a folder of files or zips.
        suffix: with the dot, such as `.skeleton`, or a whole file name.
        folders: the most folders between the source and a file.
        name: returns the name of a clip from the path of its file.
    """
    path = Path(source).expanduser()
    if path.is_file():
        found = _members(path, suffix, folders, name)
    else:
        paths = [file for level in range(folders + 1) for file in sorted(path.glob(f"{'*/' * level}*{suffix}"))]
        found = [ClipFile(name(file), str(file)) for file in paths]
        for archive in sorted(path.glob("*.zip")):
            found += _members(archive, suffix, folders, name)
    return sorted(found, key=lambda file: file.name)


def _members(archive: Path, suffix: str, folders: int, name: Callable[[PurePath], str]) -> list[ClipFile]:
    """Return the clips in a zip.

    Raises:
        InputError: the zip is broken, encrypted, or compressed in another way than by deflate.
    """
    try:
        members = _open(archive).infolist()
    except BROKEN as error:
        raise InputError(
            f"'{archive}' is not a zip that can be read ({error}): get it again, or name a folder of its files with "
            "data.source=PATH"
        ) from error
    if any(member.flag_bits & ENCRYPTED for member in members):
        raise InputError(
            f"'{archive}' is encrypted: unpack it with its password and name the folder with data.source=PATH"
        )
    paths = [PurePosixPath(member.filename) for member in members]
    found = [
        (path, member)
        for path, member in zip(paths, members, strict=True)
        if path.name.endswith(suffix) and len(path.parts) <= folders + 1
    ]
    if any(member.compress_type not in METHODS for _, member in found):
        raise InputError(
            f"'{archive}' is compressed in another way than by deflate: unpack it and name the folder with "
            "data.source=PATH"
        )
    return [ClipFile(name(path), str(archive), member.filename) for path, member in found]


def read_bytes(file: ClipFile, most: int) -> bytes:
    """Read the content of a clip's file or member.

    Raises:
        ClipError: the file cannot be read, or has more than `most` bytes.
    """
    try:
        if file.member is None:
            with Path(file.path).open("rb") as stream:
                content = stream.read(most + 1)
        else:
            archive = _open(Path(file.path))
            if archive.getinfo(file.member).compress_type not in METHODS:
                raise ClipError("is compressed in another way than by deflate: unpack its zip")
            with archive.open(file.member) as stream:
                content = stream.read(most + 1)
    except BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ClipError(f"cannot be read: {reason}") from error
    if len(content) > most:
        raise ClipError(f"no clip has more than {most >> 20} MB")
    return content


def json_object(text: bytes, kind: type = dict) -> Any:  # noqa: ANN401
    """Parse JSON that is one object, or of another kind.

    Raises:
        ClipError: the text is something else.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ClipError(f"is not JSON: {error}") from error
    if not isinstance(content, kind):
        raise ClipError("is JSON, but not one object with names and values")
    return content


def load_once(maxsize: int) -> Callable[[Callable[Concatenate[Path, P], T]], Callable[Concatenate[Path, P], T]]:
    """Make a function that loads a file load it once in every process, and again if the file has changed.

    Args:
        maxsize: the number of loaded files to keep in memory.
    """

    def decorate(load: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
        @lru_cache(maxsize)
        def load_version(path: Path, _version: tuple[int, int], *args: P.args, **kwargs: P.kwargs) -> T:
            return load(path, *args, **kwargs)

        @wraps(load)
        def load_current(path: Path, *args: P.args, **kwargs: P.kwargs) -> T:
            state = path.stat()
            return load_version(path, (state.st_mtime_ns, state.st_size), *args, **kwargs)

        CACHES.append(load_version)
        return load_current

    return decorate


CACHES: list[Any] = []  # of `load_once`


def _open(path: Path) -> zipfile.ZipFile:
    """Open a zip once in every process, since reading the list of members takes longer than reading a clip."""
    return _opened(path, os.getpid())


@load_once(maxsize=4)
def _opened(path: Path, _process: int) -> zipfile.ZipFile:
    # A forked process must not read through its parent's file handle: the two share one position.
    return zipfile.ZipFile(path)
