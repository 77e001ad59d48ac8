"""Coordinates are compared with their checksum once on every machine, and again when they have changed."""

import json
import os
import shutil
from pathlib import Path

import pytest
from tests.data.clips import clips, header

from stgdn.data.store.store import Store
from stgdn.data.store.verification import verify_once
from stgdn.data.store.writer import StoreWriter
from stgdn.errors import InputError
from stgdn.files import HOST


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    writer = StoreWriter(tmp_path / "store", header())
    for one in clips():
        writer.add(one)
    return writer.finish().folder


def damage(folder: Path) -> None:
    path = folder / "coordinates.bin"
    state, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def times_read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Count the times that a store is verified."""
    read: list[Path] = []
    verify = Store.verify
    monkeypatch.setattr(Store, "verify", lambda self: (read.append(self.folder), verify(self))[1])
    return read


def test_once_a_machine(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = times_read(monkeypatch)
    verify_once(Store(store))
    verify_once(Store(store))
    assert len(read) == 1
    monkeypatch.setattr("stgdn.data.store.verification.HOST", "other")
    verify_once(Store(store))
    verify_once(Store(store))
    assert len(read) == 2
    assert json.loads((store / "verified.json").read_text()).keys() == {HOST, "other"}


@pytest.mark.parametrize("before", [True, False])
def test_a_changed_byte_is_found(store: Path, before: bool) -> None:
    if before:
        verify_once(Store(store))
    damage(store)
    for _ in range(2):
        with pytest.raises(InputError, match=r"checksum of coordinates\.bin does not match\): prepare it again"):
            verify_once(Store(store))


def test_where_the_store_cannot_be_written_to(store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read = times_read(monkeypatch)

    def refuse(path: Path, content: object) -> None:
        if path.parent == store:
            raise PermissionError
        path.write_text(json.dumps(content))

    monkeypatch.setattr("stgdn.data.store.verification.write_json", refuse)
    verify_once(Store(store))
    verify_once(Store(store))
    assert len(read) == 1
    assert not (store / "verified.json").exists()
    assert list((tmp_path / "cache" / "stgdn").glob("*/verified.json"))


@pytest.mark.parametrize("content", ["", "[1]", json.dumps({HOST: 3}), "\0"])
def test_a_damaged_memory_is_no_memory(store: Path, content: str) -> None:
    (store / "verified.json").write_text(content)
    damage(store)
    with pytest.raises(InputError, match="checksum"):
        verify_once(Store(store))


def test_it_is_part_of_the_store_when_that_is_replaced(store: Path) -> None:
    verify_once(Store(store))
    again = StoreWriter(store, header())
    for one in clips():
        again.add(one)
    again.finish()
    assert not (store / "verified.json").exists()
    shutil.rmtree(store)
