"""Places that are paths or URLs: what is read there, and what is said when that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import fsspec
from fsspec.implementations.local import LocalFileSystem

from stgdn.errors import InputError
from stgdn.files import replacing

INSTALL = "type `pip install -e '.[shards]'`"


class StorageError(InputError):
    """What lies at a place cannot be used.

    Torch raises what happens in a worker process again, with the worker's traceback as its message; the sentence is
    what that ends with.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.rpartition(f"{type(self).__name__}: ")[2].strip())


def webdataset() -> ModuleType:
    """The library that reads and writes shards.

    Raises:
        InputError: it is not installed.
    """
    try:
        import webdataset as library
    except ImportError:
        raise InputError(f"shards need the package webdataset, which is not installed: {INSTALL}") from None
    return library


def file_system(place: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Where a place is, and its path there.

    Raises:
        InputError: an unknown kind of place, or one whose package is not installed.
    """
    try:
        return fsspec.core.url_to_fs(place)
    except ImportError as error:
        raise InputError(f"{place} needs a package that is not installed ({error}): {INSTALL}") from None
    except ValueError as error:
        raise InputError(f"{place} cannot be opened: {error}") from None


def is_local(files: fsspec.AbstractFileSystem) -> bool:
    """Whether files lie on this machine."""
    return isinstance(files, LocalFileSystem)


def read_file(files: fsspec.AbstractFileSystem, path: str, first: int | None = None, last: int | None = None) -> bytes:
    """A file, or its bytes from `first` to `last` (exclusive), in one request."""
    content = files.cat_file(path, start=first, end=last)
    assert isinstance(content, bytes)
    return content


@contextmanager
def telling(place: str, done: str = "read", kind: type[Exception] = Exception) -> Iterator[None]:
    """Turn what using a place raises into one sentence; by default anything, as storage libraries have own errors.

    Raises:
        StorageError: the sentence.
    """
    try:
        yield
    except InputError:
        raise
    except kind as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise StorageError(f"{place} cannot be {done}: {reason}") from None


def fetch(files: fsspec.AbstractFileSystem, source: str, target: Path) -> None:
    """Copy a file here, whole or not at all; several processes may do so at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        files.get_file(source, str(temporary))
