"""Checksums in a JSON file: of its own content, and of the files beside it."""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stgdn.errors import InputError


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def content_checksum(content: Mapping[str, Any], name: str) -> int:
    """Return the CRC-32 of the content of the JSON file `name`, without its own entry in `checksums`."""
    others = {key: value for key, value in content["checksums"].items() if key != name}
    return zlib.crc32(json.dumps({**content, "checksums": others}, sort_keys=True).encode())


def with_checksums(content: Mapping[str, Any], path: Path, names: Iterable[str]) -> dict[str, Any]:
    """Return the content of the JSON file at `path` with checksums of it and of the named files beside it."""
    sums = {name: checksum(path.with_name(name)) for name in names if path.with_name(name).is_file()}
    plain = json.loads(json.dumps({**content, "checksums": sums}))  # as it will be read
    sums[path.name] = content_checksum(plain, path.name)
    return {**content, "checksums": sums}


def expect_unchanged(path: Path, index: Path) -> None:
    """Check a file against its checksum in the JSON file `index`, which may be itself; older ones have none.

    Raises:
        InputError: the file is not as it was written.
    """
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        expected = content["checksums"].get(path.name)
        found = content_checksum(content, path.name) if path == index else checksum(path)
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return  # what cannot be read is told by what reads it
    if expected not in (None, found):
        raise InputError(
            f"{path} is damaged: its checksum does not match that in {index.name}; put a copy back, or write it anew"
        )
