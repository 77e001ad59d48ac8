"""Atomic writing of files, and the errors that damaged files raise."""

import errno
import glob
import itertools
import json
import os
import platform
import re
import shutil
import sys
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stgdn.errors import InputError

# What numpy, zipfile and zlib raise on bytes that are not what they should be.
DAMAGE = (
    *(OSError, ValueError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)

HOST = re.sub(r"\W", "-", platform.node())[:40]
TEMPORARY = re.compile(r"\..*\.(?P<host>[\w-]*)-(?P<process>\d+)-\d+\.partial(\.[^.]*)?")
ABANDONED = 24 * 3600  # seconds after which a temporary file of another machine counts as left behind
NUMBERS = itertools.count()
WRITING: set[str] = set()  # names of this process's temporary files
NO_FLUSHING = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)  # of folders, on some file systems

MOST_BYTES = 240  # of a name in UTF-8; what is being written has a longer one


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write under a temporary name beside `path`, flush to disk and rename, so that `path` is never half a file.

    The temporary name belongs to this call alone: of several writers, the last one to finish wins. What writers that
    were killed have left in the folder is removed.
    """
    with _temporary(path) as temporary:
        try:
            yield temporary
            flush(temporary)
            temporary.replace(path)
            flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Fill a new folder beside `path`, flush it to disk and rename it; what was at `path` stays until then."""
    path = path.absolute()
    before = path.with_name(f".{path.name}.before")
    with _temporary(path) as temporary:
        temporary.mkdir(parents=True)
        try:
            yield temporary
            for content in (*temporary.rglob("*"), temporary):
                flush(content)
            if path.exists():
                shutil.rmtree(before, ignore_errors=True)
                path.rename(before)
            try:
                temporary.rename(path)
            except OSError:
                if before.exists():
                    before.rename(path)
                raise
            flush(path.parent)
            shutil.rmtree(before, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def matching(given: str | Path) -> list[Path]:
    """Return the path itself if it is there or has no `*`, `?` or `[`, else what the pattern matches, in order.

    A file or folder whose name has such a character is thus found by its name.
    """
    path = Path(given).expanduser()
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    return sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 (Path.glob takes no absolute patterns)


def flush(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk.

    Raises:
        OSError: the disk is full or broken.
    """
    if sys.platform == "win32":  # flushes only what is open for writing
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if not (path.is_dir() and error.errno in NO_FLUSHING):
            raise
    finally:
        os.close(number)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders that killed writers have left."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if (name := TEMPORARY.fullmatch(path.name)) and not _is_written(path, name["host"], int(name["process"])):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):  # of another user, in a shared folder
                    path.unlink()


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Return a name beside `path` that no other call takes, without leftovers beside it.

    The suffix stays, as some writers go by it.
    """
    remove_leftovers(path.parent)
    name = f".{path.stem[:40]}.{HOST}-{os.getpid()}-{next(NUMBERS)}.partial{path.suffix}"
    WRITING.add(name)
    try:
        yield path.with_name(name)
    finally:
        WRITING.discard(name)


def _is_written(path: Path, host: str, process: int) -> bool:
    """Return whether the writer of a temporary file still runs; for another machine, judged by the file's age."""
    if host != HOST or sys.platform == "win32":
        with suppress(FileNotFoundError):
            return time.time() - path.stat().st_mtime < ABANDONED
        return False
    if process == os.getpid():  # or of a process that had its number, as in a container that was started again
        return path.name in WRITING
    return process_exists(process)


def process_exists(process: int) -> bool:
    """Return whether this machine has a process of that number, of any user; not for Windows."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        pass
    return True


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401
    """Write readable JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def insert(path: str | Path, name: str, text: str) -> None:
    """Put text between the lines `<!-- NAME -->` and `<!-- end of NAME -->` of a file.

    Raises:
        InputError: the file lacks these lines.
    """
    before, after = around(path, name)
    with replacing(Path(path)) as temporary:
        temporary.write_text(f"{before}{text}\n{after}", encoding="utf-8")


def around(path: str | Path, name: str) -> tuple[str, str]:
    """Return a file's text up to the line `<!-- NAME -->` and from the line `<!-- end of NAME -->` on.

    Raises:
        InputError: the file lacks these lines, or has them the other way round.
    """
    start, end = marks(name)
    content = Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""
    before, found, rest = content.partition(f"{start}\n")
    if not found or end not in rest:
        raise InputError(f"{path} has no lines {start} and {end} for results to go between")
    return before + found, rest[rest.index(end) :]


def marks(name: str) -> tuple[str, str]:
    """Return the lines between which a command writes its results into a page."""
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def name_problem(name: str, first: str = ".-") -> str:
    """Say why a name cannot be that of one file or folder, '' if it can; letters may be of any script.

    Args:
        name: without folders.
        first: characters that it must not begin with: a dot hides files and leads upwards, a dash is read as an option.
    """
    if not name:
        return "it is empty"
    if found := next((separator for separator in "/\\" if separator in name), None):
        return f"it has a '{found}'"
    if not name.isprintable():
        return "it has a character that does not print"
    if name[0] in first:
        return f"it begins with '{name[0]}'"
    if len(name.encode()) > MOST_BYTES:
        return f"it has more than {MOST_BYTES} bytes"
    return ""


def file_name(name: object, what: str) -> str:
    """Return `name` if it can be the name of one file or folder.

    Args:
        name: without folders.
        what: the option, or what the name is for, for errors.

    Raises:
        InputError: it cannot, see `name_problem`.
    """
    problem = name_problem(name) if isinstance(name, str) else "it is no word"
    if not isinstance(name, str) or problem:
        raise InputError(
            f"{what}={name!a} cannot be the name of a file or folder: {problem}; give letters, digits, '_', '+', "
            "'-' and '.', and first a letter or digit"
        )
    return name
