"""The prepared store: what comes back, what an interrupted writer leaves, and how damage is told."""

import errno
import json
import pickle
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.clips import SCENES, clip, clips, content, header, write

from stgdn.data.protocols import Protocol
from stgdn.data.store.store import Header, Store
from stgdn.data.store.writer import StoreWriter
from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS, NTU25, OPENPOSE18, Layout, define, plain

FACTS = ("name", "label", "subject", "camera", "setup", "replication")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store written without interruption; copy it before changing it."""
    return write(tmp_path_factory.mktemp("stores") / "whole", clips()).folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "copy")


class TestRoundTrip:
    @pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
    def test_clips_come_back_as_they_were_added(self, tmp_path: Path, layout: Layout) -> None:
        added = {one.name: one for one in clips(layout)}
        store = write(tmp_path / "store", added.values(), layout)
        assert len(store) == len(added)
        assert store.layout == layout
        for index, record in enumerate(store.clips):
            one = added[str(record["name"])]
            bodies = len(one.joints)
            joints = store.joints(index)
            assert joints.dtype == np.float32
            np.testing.assert_array_equal(joints[:bodies], one.joints)
            assert joints.shape[0] == 3
            assert not joints[bodies:].any()
            assert record["length"] == one.joints.shape[1]
            assert [record[fact] for fact in FACTS] == [getattr(one, fact) for fact in FACTS]

    def test_index_is_sorted_by_name(self, whole: Path) -> None:
        names = [one.name for one in clips()]
        assert names != sorted(names)
        assert Store(whole).clips["name"].tolist() == sorted(names)

    def test_only_valid_frames_are_stored(self, whole: Path) -> None:
        valid = sum(length for _, runs in SCENES for _, length in runs)
        assert (whole / "coordinates.bin").stat().st_size == valid * 25 * 3 * 4
        assert Store(whole).header.rows == valid

    def test_bodies_beyond_the_most_are_left_out(self, tmp_path: Path) -> None:
        one = clip("crowd", 5, ((0, 5), (1, 2), (0, 5)))
        store = write(tmp_path / "store", [one], max_bodies=2)
        np.testing.assert_array_equal(store.joints(0), one.joints[:2])
        assert store.header.rows == 7

    def test_header_tells_what_was_skipped(self, tmp_path: Path) -> None:
        writer = StoreWriter(tmp_path / "store", header())
        writer.add(clip("good", 3, ((0, 3),)))
        for name, reason in (("b", "torn"), ("c", "empty"), ("d", "torn"), ("\udcff", "no name")):
            writer.skip(name, reason)
        store = writer.finish()
        assert store.header.skipped == {"torn": 2, "empty": 1, "no name": 1}
        assert store.header == replace(
            header(), clips=1, rows=3, skipped=store.header.skipped, checksums=store.header.checksums
        )
        listed = (tmp_path / "store" / "skipped.tsv").read_text("utf-8")
        assert listed.splitlines() == ["b\ttorn", "c\tempty", "d\ttorn", "\\udcff\tno name"]

    def test_16_bits_are_the_nearest_ones_and_half_the_size(self, tmp_path: Path, whole: Path) -> None:
        writer = StoreWriter(tmp_path / "store", replace(header(), precision="float16"))
        for one in clips():
            writer.add(one)
        store, exact = writer.finish(), Store(whole)
        assert store.coordinates.dtype == np.float16
        np.testing.assert_array_equal(store.coordinates, exact.coordinates.astype(np.float16))
        assert store.coordinates.nbytes * 2 == exact.coordinates.nbytes
        assert store.joints(0).dtype == np.float32
        store.verify()

    def test_16_bits_go_on_where_they_stopped(self, tmp_path: Path) -> None:
        few = replace(header(), precision="float16")
        writer = StoreWriter(tmp_path / "store", few)
        add_some = clips()[:3]
        for one in add_some:
            writer.add(one)
        writer.close()
        again = StoreWriter(tmp_path / "store", few)
        assert again.stored.keys() == {one.name for one in add_some}
        again.close()
        anew = StoreWriter(tmp_path / "store", header())
        assert not anew.stored  # 32 bits do not go on from 16
        anew.close()

    def test_unknown_precision(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="unknown precision 'float8', allowed: float32, float16"):
            StoreWriter(tmp_path / "store", replace(header(), precision="float8"))

    def test_joints_and_splits_of_ones_own_come_back(self, tmp_path: Path) -> None:
        own = define({"name": "own", "joints": ["hip", "knee", "foot"], "bones": [["foot", "knee"], ["knee", "hip"]]})
        rules = {"mine": asdict(Protocol("subject", (0, 3))), "by_camera": asdict(Protocol("camera", (2,)))}
        writer = StoreWriter(tmp_path / "store", replace(header(), layout=plain(own), protocols=rules))
        for one in clips(own):
            writer.add(one)
        writer.close()
        writer = StoreWriter(tmp_path / "store", replace(header(), layout=plain(own), protocols=rules))
        assert len(writer.stored) == len(SCENES)  # the definition is no reason to begin anew
        store = writer.finish()
        assert store.layout == own
        assert store.split("mine").train.tolist() == [subject in (0, 3) for subject in store.clips["subject"]]
        assert store.split("by_camera").train.tolist() == (store.clips["camera"] == 2).tolist()
        assert store.split("ntu60_xview").train.tolist() == (store.clips["camera"] > 1).tolist()
        with pytest.raises(InputError, match=r"unknown protocol 'mein'.*did you mean 'mine'"):
            store.split("mein")

    def test_coordinates_are_mapped_and_cannot_be_written(self, whole: Path) -> None:
        coordinates = Store(whole).coordinates
        assert isinstance(coordinates, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            coordinates[0] = 1

    def test_pickle_is_the_place_not_the_data(self, whole: Path) -> None:
        store = Store(whole)
        pickled = pickle.dumps(store)
        assert len(pickled) < 1000
        again: Store = pickle.loads(pickled)
        np.testing.assert_array_equal(again.joints(2), store.joints(2))


class TestAtomic:
    def test_nothing_is_there_before_the_end(self, tmp_path: Path) -> None:
        writer = StoreWriter(tmp_path / "store", header())
        for one in clips():
            writer.add(one)
            assert not (tmp_path / "store").exists()
        writer.finish()
        files = ["clips.npy", "coordinates.bin", "remarks.tsv", "skipped.tsv", "store.json"]
        assert sorted(content(tmp_path / "store")) == files
        assert not (tmp_path / "store.partial").exists()

    @pytest.mark.parametrize("step", ["numpy.save", "os.fsync", "shutil.rmtree", "pathlib.Path.rename"])
    def test_interrupted_at_the_end_keeps_every_clip(
        self, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        folder = tmp_path / "store"
        write(folder, [clip("old", 4, ((0, 4),))])
        writer = StoreWriter(folder, header())
        for one in clips():
            writer.add(one)
        with monkeypatch.context() as patch:
            patch.setattr(step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                writer.finish()
        assert not (folder / "store.json").exists() or Store(folder).clips["name"].tolist() == ["old"]
        again = StoreWriter(folder, header())
        assert again.stored.keys() == {one.name for one in clips()}
        again.finish()
        assert content(folder) == content(whole)

    def test_interrupted_behind_the_end_leaves_a_whole_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = StoreWriter(tmp_path / "store", header())
        writer.add(clips()[0])

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("pathlib.Path.unlink", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.finish()
        assert len(Store(tmp_path / "store")) == 1

    @pytest.mark.parametrize("place", ["notes.txt", "store.json"])
    def test_a_folder_of_something_else_is_not_replaced(self, tmp_path: Path, place: str) -> None:
        folder = tmp_path / "store"
        folder.mkdir()
        (folder / "store.json").touch()
        (folder / "notes.txt").write_text("precious")
        target = folder if place == "notes.txt" else folder / "notes.txt"
        with pytest.raises(
            InputError, match=r"notes\.txt is there and is not part of one: point data\.store elsewhere"
        ):
            StoreWriter(target, header())
        assert (folder / "notes.txt").read_text() == "precious"

    def test_an_empty_folder_becomes_the_store(self, tmp_path: Path) -> None:
        (tmp_path / "store").mkdir()
        assert len(write(tmp_path / "store", clips())) == len(SCENES)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def add_all(writer: StoreWriter) -> None:
    try:
        for one in clips():
            writer.add(one)
    finally:
        writer.close()


def test_a_full_disk_loses_one_clip_at_most(tmp_path: Path, whole: Path) -> None:
    writer = StoreWriter(tmp_path / "store", header())
    with full_disk(9_000), pytest.raises(OSError, match="too large") as error:
        add_all(writer)
    assert error.value.errno == errno.EFBIG
    assert writer.journal.closed
    assert writer.coordinates.closed
    again = StoreWriter(tmp_path / "store", header())
    assert again.stored.keys() == {one.name for one in clips()[:2]}
    for one in clips()[2:]:
        again.add(one)
    again.finish()
    assert content(tmp_path / "store") == content(whole)


def fill(writer: StoreWriter) -> None:
    """Add what is not there yet; one file, in the middle, cannot be used."""
    for number, one in enumerate(clips()):
        if number == 3 and "torn" not in writer.stored:
            writer.skip("torn", "is torn")
        if one.name not in writer.stored:
            writer.add(one)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes], dict[str, bytes]]:
    """A place, the partial store before it is finished, and the finished one."""
    place = tmp_path_factory.mktemp("resume") / "store"
    writer = StoreWriter(place, header())
    fill(writer)
    partial = content(writer.partial)
    writer.finish()
    return place, partial, content(place)


ROWS = sum(length for _, runs in SCENES for _, length in runs)


class TestResume:
    @settings(max_examples=40)
    @given(
        journal=st.floats(0, 1),
        coordinates=st.floats(0, 1) | st.integers(0, ROWS).map(lambda row: row / ROWS),
        tail=st.sampled_from([b"", b"\0" * 7, b'{"name": "x"}', b"\xff\n"]),
    )
    def test_killed_at_any_byte(
        self,
        uninterrupted: tuple[Path, dict[str, bytes], dict[str, bytes]],
        journal: float,
        coordinates: float,
        tail: bytes,
    ) -> None:
        place, partial, finished = uninterrupted
        folder = place.with_name("store.partial")
        folder.mkdir()
        lines, rows = partial["journal.jsonl"], partial["coordinates.bin"]
        (folder / "settings.json").write_bytes(partial["settings.json"])
        (folder / "journal.jsonl").write_bytes(lines[: round(journal * len(lines))] + tail)
        (folder / "coordinates.bin").write_bytes(rows[: round(coordinates * len(rows))] + tail)
        writer = StoreWriter(place, header())
        fill(writer)
        writer.finish()
        assert content(place) == finished

    @pytest.mark.parametrize("missing", ["journal.jsonl", "coordinates.bin", "settings.json"])
    def test_a_file_is_missing(
        self, uninterrupted: tuple[Path, dict[str, bytes], dict[str, bytes]], missing: str
    ) -> None:
        place, partial, finished = uninterrupted
        folder = place.with_name("store.partial")
        folder.mkdir()
        for name in partial.keys() - {missing}:
            (folder / name).write_bytes(partial[name])
        writer = StoreWriter(place, header())
        assert not writer.stored
        fill(writer)
        writer.finish()
        assert content(place) == finished

    def test_every_clip_is_on_the_disk_once_it_is_added(self, tmp_path: Path) -> None:
        writer = StoreWriter(tmp_path / "store", header())
        rows = 0
        for number, one in enumerate(clips(), start=1):
            writer.add(one)
            rows += int(one.present.sum())
            assert (writer.partial / "coordinates.bin").stat().st_size == rows * 25 * 3 * 4
            assert (writer.partial / "journal.jsonl").read_bytes().count(b"\n") == number
        writer.close()

    def test_keeps_what_was_written(self, tmp_path: Path) -> None:
        writer = StoreWriter(tmp_path / "store", header())
        first, second, *_ = clips()
        writer.add(first)
        writer.add(second)
        writer.close()
        path = tmp_path / "store.partial" / "coordinates.bin"
        path.write_bytes(path.read_bytes()[:-1])
        again = StoreWriter(tmp_path / "store", header())
        again.close()
        assert again.stored.keys() == {first.name}

    def test_skipped_clips_are_tried_again(self, tmp_path: Path) -> None:
        mended, *others = clips()
        writer = StoreWriter(tmp_path / "store", header())
        writer.skip(mended.name, "is torn")
        writer.add(others[0])
        writer.close()
        again = StoreWriter(tmp_path / "store", header())
        assert again.stored.keys() == {others[0].name}
        again.add(mended)
        store = again.finish()
        assert store.header.skipped == {}
        index = store.clips["name"].tolist().index(mended.name)
        np.testing.assert_array_equal(store.joints(index)[: len(mended.joints)], mended.joints)

    @pytest.mark.parametrize(
        "other",
        [
            replace(header(), dataset="other"),
            replace(header(), layout=OPENPOSE18.name),
            replace(header(), classes=["run", "walk", "sit"]),
            replace(header(), max_bodies=2),
            replace(header(), source="elsewhere"),
        ],
    )
    def test_other_settings_start_anew(self, tmp_path: Path, other: Header) -> None:
        writer = StoreWriter(tmp_path / "store", other)
        writer.add(clip("a", 3, ((0, 3),), layout=OPENPOSE18 if other.layout == OPENPOSE18.name else NTU25))
        writer.close()
        again = StoreWriter(tmp_path / "store", header())
        assert not again.stored
        again.add(clip("b", 4, ((0, 4),)))
        assert again.finish().clips["name"].tolist() == ["b"]


def edit(**changes: Any) -> Callable[[bytes], bytes]:  # noqa: ANN401
    """Change what store.json says, without its own checksum, as in stores of before."""

    def change(text: bytes) -> bytes:
        content = json.loads(text)
        content["checksums"].pop("store.json", None)
        return json.dumps(content | changes).encode()

    return change


def without(key: str) -> Callable[[bytes], bytes]:
    return lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != key}).encode()


def flip(data: bytes, place: int, bit: int = 0) -> bytes:
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


class TestDamage:
    def test_no_store(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no prepared store at .*nowhere"):
            Store(tmp_path / "nowhere")

    @pytest.mark.parametrize(
        ("name", "change", "what"),
        [
            ("coordinates.bin", lambda data: data[:-4], rf"coordinates\.bin has {ROWS * 300 - 4} bytes, expected"),
            ("coordinates.bin", lambda data: data + data[:300], r"coordinates\.bin has .* bytes, expected"),
            ("coordinates.bin", None, r"coordinates\.bin has 0 bytes, expected"),
            ("clips.npy", lambda data: data[:-1], r"checksum of clips\.npy does not match"),
            ("clips.npy", lambda _: b"", r"checksum of clips\.npy does not match"),
            ("clips.npy", lambda _: b"PK\x03\x04", r"checksum of clips\.npy does not match"),
            ("clips.npy", lambda data: flip(data, -9), r"checksum of clips\.npy does not match"),
            ("clips.npy", None, r"clips\.npy cannot be read"),
            ("store.json", lambda _: b"", r"store\.json cannot be read"),
            ("store.json", lambda text: text[:-3], r"store\.json cannot be read"),
            ("store.json", lambda _: b"\xff\xfe", r"store\.json cannot be read"),
            ("store.json", lambda _: b"[1, 2]", r"store\.json cannot be read"),
            ("store.json", lambda _: b"[" * 100_000, r"store\.json cannot be read"),
            ("store.json", without("rows"), r"store\.json cannot be read: its checksum does not match"),
            ("store.json", without("layout"), r"store\.json cannot be read: .*'layout'"),
            ("store.json", edit(colour="red"), r"store\.json cannot be read: .*'colour'"),
            ("store.json", edit(rows="many"), r"store\.json cannot be read: 'rows' is 'many'"),
            ("store.json", edit(rows=None), r"store\.json cannot be read: 'rows' is None"),
            ("store.json", edit(classes=3), r"store\.json cannot be read: 'classes' is 3"),
            ("store.json", edit(checksums=None), r"store\.json cannot be read: 'checksums' is None"),
            ("store.json", edit(expected="all"), r"store\.json cannot be read: 'expected' is 'all'"),
            ("store.json", edit(layout=3), r"store\.json cannot be read: 'layout' is 3"),
            (
                "store.json",
                edit(layout={"joints": ["a"], "bones": [["b", "a"]]}),
                r"store\.json .*unknown joint .* 'b'",
            ),
            ("store.json", edit(precision="float8"), r"store\.json cannot be used: precision is 'float8'"),
            ("store.json", edit(protocols={"mine": {"train": [1]}}), r"store\.json cannot be used: 'by'"),
            ("store.json", edit(protocols={"mine": 3}), r"store\.json cannot be used: "),
            ("store.json", edit(rows=-1), r"coordinates\.bin has .* bytes, expected"),
            ("store.json", edit(clips=1), r"clips\.npy does not fit store\.json"),
            ("store.json", edit(max_bodies=2), r"clips\.npy does not fit store\.json"),
            ("store.json", edit(max_bodies=-1), r"clips\.npy"),
        ],
    )
    def test_is_told_with_what_to_do(
        self, copy: Path, name: str, change: Callable[[bytes], bytes] | None, what: str
    ) -> None:
        path = copy / name
        if change is None:
            path.unlink()
        else:
            path.write_bytes(change(path.read_bytes()))
        message = rf"the prepared store .*copy is damaged \(.*({what}).*prepare it again with .*overwrite=true"
        with pytest.raises(InputError, match=message) as error:
            Store(copy)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("version", [0, 1, 3, "2", None])
    def test_of_another_version(self, copy: Path, version: object) -> None:
        (copy / "store.json").write_bytes(edit(format=version)((copy / "store.json").read_bytes()))
        with pytest.raises(InputError, match=f"has format {version}, this version reads 2: prepare it again"):
            Store(copy)

    def test_of_an_unknown_layout(self, copy: Path) -> None:
        (copy / "store.json").write_bytes(edit(layout="ntu52")((copy / "store.json").read_bytes()))
        with pytest.raises(InputError, match=r"unknown joint layout 'ntu52'.*did you mean 'ntu25'"):
            Store(copy)

    @settings(max_examples=150)
    @given(name=st.sampled_from(["store.json", "clips.npy"]), place=st.integers(0, 10_000), bit=st.integers(0, 7))
    def test_any_changed_bit_of_the_index_is_found_or_harmless(
        self, whole: Path, tmp_path_factory: pytest.TempPathFactory, name: str, place: int, bit: int
    ) -> None:
        folder = tmp_path_factory.getbasetemp() / "changed"
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        (folder / name).write_bytes(flip((folder / name).read_bytes(), place, bit))
        try:
            store = Store(folder)
        except InputError:
            return
        assert name == "store.json"
        assert store.header == Store(whole).header
        np.testing.assert_array_equal(store.clips, Store(whole).clips)
        np.testing.assert_array_equal(store.coordinates, Store(whole).coordinates)

    def test_verify_finds_a_changed_coordinate(self, copy: Path) -> None:
        Store(copy).verify()
        path = copy / "coordinates.bin"
        path.write_bytes(flip(path.read_bytes(), 12_345))
        with pytest.raises(InputError, match=r"damaged \(the checksum of coordinates\.bin does not match\)"):
            Store(copy).verify()

    def test_verify_needs_the_checksums(self, copy: Path) -> None:
        path = copy / "store.json"
        sums = json.loads(path.read_text())["checksums"]
        path.write_bytes(edit(checksums={"clips.npy": sums["clips.npy"]})(path.read_bytes()))
        with pytest.raises(InputError, match=r"checksum of coordinates\.bin"):
            Store(copy).verify()


def test_two_processes_do_not_write_the_same_store(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    first = StoreWriter(folder, header())
    with pytest.raises(InputError, match="another process is preparing"):
        StoreWriter(folder, header())
    first.close()
    StoreWriter(folder, header()).close()
