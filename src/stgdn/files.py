"""Files that are whole or not there, and what damaged ones raise."""

import json
import shutil
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stgdn.errors import InputError

# What numpy, zipfile and zlib raise on bytes that are not what they should be.
DAMAGE = (
    *(OSError, ValueError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write under a temporary name beside `path` and rename when done, so that `path` is never half a file."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Fill a new folder beside `path` and rename it when done; what was at `path` stays until then."""
    path = path.absolute()
    temporary, before = (path.with_name(f".{path.name}.{state}") for state in ("partial", "before"))
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(before, ignore_errors=True)
        if path.exists():
            path.rename(before)
        try:
            temporary.rename(path)
        except OSError:
            if before.exists():
                before.rename(path)
            raise
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    """What stands in a file up to the line `<!-- NAME -->` and from the line `<!-- end of NAME -->` on.

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
    """The lines between which a command writes its results into a page."""
    return f"<!-- {name} -->", f"<!-- end of {name} -->"
