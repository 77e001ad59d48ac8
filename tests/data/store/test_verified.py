"""Coordinates are compared with their checksum once on every machine, and again when they have changed."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.data.clips import clips, header

from stgdn.data.store.store import Store, checksum, header_text
from stgdn.data.store.verified import verify_once
from stgdn.data.store.writer import StoreWriter
from stgdn.errors import InputError
from stgdn.files import HOST
from stgdn.skeleton import COCO17, NTU25, Layout


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
    monkeypatch.setattr("stgdn.data.store.verified.HOST", "other")
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

    monkeypatch.setattr("stgdn.data.store.verified.write_json", refuse)
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


class TestImpossibleCoordinates:
    """Stores with right checksums, of what preparation refuses."""

    def store(self, folder: Path, precision: str = "float32", layout: Layout = NTU25, scale: float = 1) -> Store:
        made = clips(layout)
        for one in made:
            one.joints *= scale
        of_store = header(layout)
        of_store.precision = precision
        writer = StoreWriter(folder / "odd", of_store)
        for one in made:
            writer.add(one)
        return writer.finish()

    @pytest.mark.parametrize("layout", [NTU25, COCO17], ids=["space", "picture"])
    @pytest.mark.parametrize("precision", ["float32", "float16"])
    @pytest.mark.parametrize(
        ("value", "told"), [(np.nan, "nan"), (-np.inf, "-inf"), (1e30, "1e+30"), (-61440, "-61440")]
    )
    def test_one_is_told_with_clip_and_joint(
        self, tmp_path: Path, precision: str, layout: Layout, value: float, told: str
    ) -> None:
        store = self.store(tmp_path, precision, layout)
        verify_once(store)
        row = int(store.clips["row"][4, 0])
        self.overwrite(store, (row, 3, 1), value)
        told = told.replace("1e+30", "inf") if precision == "float16" else told
        told = f"clip {store.clips['name'][4]} of .*odd has a coordinate of {told}.*joint {layout.joints[3]}.*prepare"
        for _ in range(2):
            with pytest.raises(InputError, match=told.replace("+", r"\+")):
                verify_once(Store(store.folder))

    def overwrite(self, store: Store, at: tuple[int, int, int], value: float) -> None:
        """Write one coordinate, and the checksum that belongs to it."""
        changed = np.array(store.coordinates)
        with np.errstate(over="ignore"):
            changed[at] = value
        (store.folder / "coordinates.bin").write_bytes(changed.tobytes())
        store.header.checksums["coordinates.bin"] = checksum(store.folder / "coordinates.bin")
        (store.folder / "store.json").write_text(header_text(store.header))

    @pytest.mark.parametrize(
        ("layout", "scale", "told"),
        [
            (NTU25, 1e4, "the median body is .* metres from end to end.*scale="),
            (NTU25, 1e-6, "the median body is .* metres from end to end"),
            (COCO17, 1e4, "the median confidence of a joint is .*: it is a share from 0 to 1"),
        ],
    )
    def test_all_are_of_another_unit(self, tmp_path: Path, layout: Layout, scale: float, told: str) -> None:
        store = self.store(tmp_path, layout=layout, scale=scale)
        with pytest.raises(InputError, match=f"odd cannot be trained on: {told}"):
            verify_once(store)

    def test_what_was_only_compared_is_checked_again(self, store: Path) -> None:
        verify_once(Store(store))
        path = store / "verified.json"
        path.write_text(json.dumps({host: version[:3] for host, version in json.loads(path.read_text()).items()}))
        before = path.read_text()
        verify_once(Store(store))
        assert path.read_text() != before
