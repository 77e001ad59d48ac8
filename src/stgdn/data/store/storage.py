"""Locations that are paths or URLs: read files there, and turn errors into sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import fsspec
from fsspec.implementations.local import LocalFileSystem

from stgdn.errors import InputError

INSTALL = "type `pip install -e '.[shards]'`"


class StorageError(InputError):
    """Raised if the files at a location cannot be used.

    Torch raises a worker process's error again, with the worker's traceback as its message; only the sentence at the
    end of that message is kept.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.rpartition(f"{type(self).__name__}: ")[2].strip())


def webdataset() -> ModuleType:
    """Return the library that reads and writes shards.

    Raises:
        InputError: it is not installed.
    """
    try:
        import webdataset as library
    except ImportError:
        raise InputError(f"shards need the package webdataset, which is not installed: {INSTALL}") from None
    return library


def file_system(location: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the file system of a location, and its path in that file system.

    Raises:
        InputError: an unknown kind of URL, or one whose package is not installed.
    """
    try:
        return fsspec.core.url_to_fs(location)
    except ImportError as error:
        raise InputError(f"{location} needs a package that is not installed ({error}): {INSTALL}") from None
    except ValueError as error:
        raise InputError(f"{location} cannot be opened: {error}") from None


def is_local(files: fsspec.AbstractFileSystem) -> bool:
    """Return whether files lie on this machine."""
    return isinstance(files, LocalFileSystem)


def read_file(files: fsspec.AbstractFileSystem, path: str, first: int | None = None, last: int | None = None) -> bytes:
    """Read a file, or its bytes from `first` to `last` (exclusive), in one request."""
    content = files.cat_file(path, start=first, end=last)
    assert isinstance(content, bytes)
    return content


@contextmanager
def as_storage_error(location: str, done: str = "read", kind: type[Exception] = Exception) -> Iterator[None]:
    """Convert errors in the `with` block to `StorageError`; by default all errors, as storage libraries have their own.

    Raises:
        StorageError: one sentence with the location and the reason.
    """
    try:
        yield
    except InputError:
        raise
    except kind as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise StorageError(f"{location} cannot be {done}: {reason}") from None
