"""Find raw clips in folders and in zips, which are read as they are and never unpacked."""

import os
import struct
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path, PurePosixPath

from stgdn.data.clip import ClipError, ClipFile
from stgdn.errors import InputError

# Errors from reading a zip with a broken, encrypted or unknown member.
BROKEN = (
    *(OSError, EOFError, RuntimeError, NotImplementedError, KeyError, ValueError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)

ENCRYPTED = 1  # a member's flag


def find_files(source: str | Path, suffix: str) -> list[ClipFile]:
    """Return clips whose file name ends in `suffix`, by name; of one name files before zip members, then by path.

    Args:
        source: a zip, or a folder of files or zips; files may also lie one level down.
        suffix: with the dot, such as `.skeleton`.

    Raises:
        InputError: a zip that cannot be read.
    """
    path = Path(source).expanduser()
    if path.is_file():
        found = _members(path, suffix)
    else:
        paths = [*sorted(path.glob(f"*{suffix}")), *sorted(path.glob(f"*/*{suffix}"))]
        found = [ClipFile(path.stem, str(path)) for path in paths]
        for archive in sorted(path.glob("*.zip")):
            found += _members(archive, suffix)
    return sorted(found, key=lambda file: file.name)


def _members(archive: Path, suffix: str) -> list[ClipFile]:
    try:
        infos = _open(archive).infolist()
    except BROKEN as error:
        raise InputError(
            f"'{archive}' is not a zip that can be read ({error}): get it again, or name a folder of its files with "
            "data.source=PATH"
        ) from error
    if any(info.flag_bits & ENCRYPTED for info in infos):
        raise InputError(
            f"'{archive}' is encrypted: unpack it with its password and name the folder with data.source=PATH"
        )
    members = [info.filename for info in infos]
    paths = [PurePosixPath(member) for member in members]
    return [
        ClipFile(path.stem, str(archive), member)
        for path, member in zip(paths, members, strict=True)
        if path.suffix == suffix and len(path.parts) <= 2
    ]


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
            with _open(Path(file.path)).open(file.member) as stream:
                content = stream.read(most + 1)
    except BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ClipError(f"cannot be read: {reason}") from error
    if len(content) > most:
        raise ClipError(f"no clip has more than {most >> 20} MB")
    return content


def _open(path: Path) -> zipfile.ZipFile:
    """Open a zip once in every process, since reading the list of members takes longer than reading a clip."""
    return _opened(str(path), path.stat().st_mtime_ns, os.getpid())


@lru_cache(maxsize=4)
def _opened(path: str, _changed: int, _process: int) -> zipfile.ZipFile:
    # A forked process must not read through its parent's file handle: the two share one position.
    return zipfile.ZipFile(path)
