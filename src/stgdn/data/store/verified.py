"""Check a store's coordinates, their checksum and their size, once on every machine."""

import json
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from stgdn.data.store.store import PreparedStore, Store
from stgdn.files import HOST, write_json

VERIFIED = "verified.json"  # beside the coordinates: by machine, the version of the file that was compared
CHECKS = 2  # version of what is checked: a store is checked again where there was less
SLOW = 1 << 30  # bytes from which a line says what is being waited for


def verify_once(store: PreparedStore) -> None:
    """Verify a store in one piece, unless this machine has done so since its coordinates were last written.

    What was verified is remembered beside the store, or in the user's cache if the store cannot be written to. Shards
    are verified clip by clip as they are read.

    Raises:
        InputError: the coordinates are not those that were written, or cannot be coordinates.
    """
    if not isinstance(store, Store):
        return
    version, places = _version(store), (store.folder / VERIFIED, cache_folder(str(store.folder.resolve())) / VERIFIED)
    if any(_read(place).get(HOST) == version for place in places):
        return
    if version[0] >= SLOW:
        print(f"checking {store.folder}, once on this machine; data.verify=false skips it", flush=True)
    store.verify()
    for place in places:
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_json(place, _read(place) | {HOST: version})
            return


def cache_folder(location: str) -> Path:
    """Return the folder in the user's cache for what belongs to the store at a path or URL."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "stgdn" / f"{zlib.crc32(location.encode()):08x}"


def _version(store: Store) -> list[int]:
    state = (store.folder / "coordinates.bin").stat()
    return [state.st_size, state.st_mtime_ns, store.header.checksums.get("coordinates.bin", 0), CHECKS]


def _read(place: Path) -> dict[str, Any]:
    try:
        content = json.loads(place.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
