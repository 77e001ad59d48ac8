"""A store cut into shards: what comes back, what is left when writing fails, and how damage is told."""

import json
import pickle
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import TINY, RunCommand
from tests.data.clips import clip, clips, content, header, write

from stgdn.data.store.description import describe
from stgdn.data.store.shard_writer import write_shards
from stgdn.data.store.shards import ShardedStore, is_sharded, open_prepared
from stgdn.data.store.storage import StorageError
from stgdn.data.store.store import Store
from stgdn.data.store.writer import StoreWriter
from stgdn.errors import InputError
from stgdn.files import HOST
from stgdn.skeleton import OPENPOSE18

SMALL = 0.004  # megabytes: a few clips a shard
METADATA = {"shards.json", "store.json", "clips.npy", "places.npy"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Clips of all kinds; camera 2 and 3 train."""
    return write(tmp_path_factory.mktemp("stores") / "whole", clips())


@pytest.fixture(scope="module")
def written(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of it; copy them before changing them."""
    folder = tmp_path_factory.mktemp("shards") / "small"
    write_shards(store, "ntu60_xview", str(folder), SMALL)
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "copy")


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place that is not on this machine's disk."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = f"memory://{uuid4().hex}/shards"
    yield place
    fsspec.filesystem("memory").store.clear()


def members(shard: Path) -> dict[str, bytes]:
    """Return the members that tar finds in a shard."""
    with tarfile.open(shard) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        return {name: file.read() for name, file in files.items() if file is not None}


class TestRoundTrip:
    def test_all_but_the_coordinates_is_as_in_the_store(self, store: Store, written: Path) -> None:
        shards = ShardedStore(written)
        assert len(shards) == len(store)
        assert shards.header == store.header
        assert shards.layout == store.layout
        np.testing.assert_array_equal(shards.clips, store.clips)
        np.testing.assert_array_equal(shards.split("ntu60_xview").train, store.split("ntu60_xview").train)

    @pytest.mark.parametrize("precision", ["float32", "float16"])
    def test_joints_are_read_by_place(self, tmp_path: Path, precision: str) -> None:
        head = header()
        head.precision = precision
        writer = StoreWriter(tmp_path / "store", head)
        for one in clips():
            writer.add(one)
        store = writer.finish()
        shards = write_shards(store, "ntu60_xview", str(tmp_path / "shards"), SMALL)
        for index in range(len(store)):
            np.testing.assert_array_equal(shards.joints(index), store.joints(index))

    def test_tar_finds_every_clip_once(self, store: Store, written: Path) -> None:
        found = [(name, part) for shard in written.glob("*.tar") for name, part in members(shard).items()]
        assert sorted(name for name, _ in found) == [f"{index:09}.rows" for index in range(len(store))]
        for name, part in found:
            record = store.clips[int(name[:9])]
            rows = [store.coordinates[row : row + n] for row, n in zip(record["row"], record["frames"], strict=True)]
            np.testing.assert_array_equal(np.frombuffer(part, "float32").reshape(-1, 25, 3), np.concatenate(rows))

    def test_splits_do_not_share_shards(self, store: Store, written: Path) -> None:
        training = store.split("ntu60_xview").train
        for shard in written.glob("*.tar"):
            found = {bool(training[int(name[:9])]) for name in members(shard)}
            assert found == {shard.name.startswith("train")}
        assert len(list(written.glob("train-*.tar"))) > 1

    @pytest.mark.parametrize("megabytes", [0.0001, 0.002, 0.004, 0.01, 64])
    def test_shards_are_about_as_large_as_wished(self, store: Store, tmp_path: Path, megabytes: float) -> None:
        shards = write_shards(store, "ntu60_xview", str(tmp_path / "shards"), megabytes)
        sizes = store.clips["frames"].sum(axis=1) * 300
        for number, shard in enumerate(shards.shards):
            inside = np.flatnonzero(shards.locations["shard"] == number)
            assert len(inside) == shard["clips"] > 0
            assert sizes[inside].sum() <= megabytes * 1e6 + sizes.max()
        total = [sizes[mask].sum() for mask in (store.split("ntu60_xview").train, ~store.split("ntu60_xview").train)]
        assert len(shards.shards) <= sum(-(-size // (megabytes * 1e6)) for size in total)

    def test_neighbours_in_the_store_are_spread(self, tmp_path: Path) -> None:
        store = write(tmp_path / "store", [clip(f"c{number:03}", 2, ((0, 2),), camera=2) for number in range(200)])
        shards = write_shards(store, "ntu60_xview", str(tmp_path / "shards"), 0.06).locations["shard"]
        assert shards.max() == 1
        first_half = np.bincount(shards[:100])
        assert first_half.min() > 30

    def test_is_the_same_every_time(self, store: Store, written: Path, tmp_path: Path) -> None:
        write_shards(store, "ntu60_xview", str(tmp_path / "again"), SMALL)
        assert content(tmp_path / "again") == content(written)

    def test_flat_joints(self, tmp_path: Path) -> None:
        store = write(tmp_path / "store", clips(OPENPOSE18), OPENPOSE18)
        shards = write_shards(store, "ntu60_xview", str(tmp_path / "shards"))
        np.testing.assert_array_equal(shards.joints(3), store.joints(3))

    def test_pickle_is_the_place(self, written: Path) -> None:
        pickled = pickle.dumps(ShardedStore(written))
        assert len(pickled) < 1000
        assert len(pickle.loads(pickled)) == len(ShardedStore(written))

    def test_which_places_are_sharded(self, store: Store, written: Path, tmp_path: Path) -> None:
        assert is_sharded(written)
        assert is_sharded("s3://bucket/prefix")
        assert not is_sharded(store.folder)
        assert not is_sharded(tmp_path / "nothing")
        assert isinstance(open_prepared(str(written)), ShardedStore)
        assert not isinstance(open_prepared(store.folder), ShardedStore)

    def test_coordinates_are_elsewhere(self, written: Path) -> None:
        with pytest.raises(
            InputError, match=r"coordinates of .* are in shards: name the store that they were cut from"
        ):
            describe(ShardedStore(written), "ntu60_xview")


class TestElsewhere:
    def test_comes_back(self, store: Store, bucket: str) -> None:
        write_shards(store, "ntu60_xview", bucket, SMALL)
        shards = ShardedStore(bucket)
        np.testing.assert_array_equal(shards.clips, store.clips)
        np.testing.assert_array_equal(shards.joints(4), store.joints(4))

    def test_metadata_are_fetched_again_when_they_changed(self, store: Store, bucket: str, tmp_path: Path) -> None:
        folder = write_shards(store, "ntu60_xview", bucket, SMALL).folder
        before = (folder / "clips.npy").stat().st_mtime_ns
        assert ShardedStore(bucket).folder == folder
        assert (folder / "clips.npy").stat().st_mtime_ns == before
        other = write(tmp_path / "other", clips()[:3])
        assert len(write_shards(other, "ntu60_xview", bucket, SMALL, overwrite=True)) == 3
        names = {Path(name).name for name in fsspec.filesystem("memory").find(bucket)}
        assert names == METADATA | {shard["name"] for shard in ShardedStore(bucket).shards}

    def test_an_interrupted_one_is_not_there(self, store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
        write_shards(store, "ntu60_xview", bucket, SMALL)
        with monkeypatch.context() as patch:
            patch.setattr("stgdn.data.store.shard_writer._shard", interrupted)
            with pytest.raises(KeyboardInterrupt):
                write_shards(store, "ntu60_xview", bucket, SMALL, overwrite=True)
        with pytest.raises(InputError, match=r"no shards at memory://.*: write them with `python src/shard\.py"):
            ShardedStore(bucket)
        assert len(write_shards(store, "ntu60_xview", bucket, SMALL)) == len(store)

    @pytest.mark.parametrize(
        ("place", "sentence"),
        [
            ("nothing://bucket/prefix", "nothing://bucket/prefix cannot be opened: Protocol not known"),
            ("memory://nowhere", "no shards at memory://nowhere: write them with"),
        ],
    )
    def test_that_is_nowhere(self, place: str, sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            open_prepared(place)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


class TestWriting:
    def test_interrupted_leaves_nothing(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("stgdn.data.store.shard_writer._write_metadata", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_shards(store, "ntu60_xview", str(tmp_path / "shards"), SMALL)
        assert list(tmp_path.iterdir()) == []

    def test_interrupted_keeps_what_was_there(self, store: Store, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = content(copy)
        monkeypatch.setattr("stgdn.data.store.shard_writer._write_metadata", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_shards(store, "ntu60_xview", str(copy), SMALL, overwrite=True)
        assert content(copy) == before

    def test_killed_is_begun_anew(self, store: Store, written: Path, tmp_path: Path) -> None:
        with subprocess.Popen(["true"]) as killed:
            pass
        partial = shutil.copytree(written, tmp_path / f".shards.{HOST}-{killed.pid}-0.partial")
        (partial / "shards.json").unlink()
        (partial / "train-99999.tar").write_bytes(b"torn")
        write_shards(store, "ntu60_xview", str(tmp_path / "shards"), SMALL)
        assert content(tmp_path / "shards") == content(written)
        assert not partial.exists()

    def test_shards_are_not_overwritten_unasked(self, store: Store, copy: Path) -> None:
        before = content(copy)
        with pytest.raises(InputError, match=r"there are shards at .*copy already: overwrite=true writes them again"):
            write_shards(store, "ntu60_xview", str(copy), 64)
        assert content(copy) == before
        write_shards(store, "ntu60_xview", str(copy), 64, overwrite=True)
        assert set(content(copy)) == METADATA | {"train-00000.tar", "test-00000.tar"}

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_other_files_are_kept(self, store: Store, tmp_path: Path, overwrite: bool) -> None:
        (tmp_path / "notes.txt").write_text("precious")
        for to in (tmp_path, tmp_path / "notes.txt", store.folder):
            with pytest.raises(InputError, match=r"cannot become shards, .* is there and is not part of any"):
                write_shards(store, "ntu60_xview", str(to), overwrite=overwrite)
        assert (tmp_path / "notes.txt").read_text() == "precious"
        assert len(Store(store.folder)) == len(store)

    @pytest.mark.parametrize("megabytes", [0, -1, float("nan"), float("inf")])
    def test_sizes_that_make_no_sense(self, store: Store, tmp_path: Path, megabytes: float) -> None:
        with pytest.raises(InputError, match=r"size=.* must be megabytes of a shard, above 0"):
            write_shards(store, "ntu60_xview", str(tmp_path / "shards"), megabytes)

    def test_where_nothing_can_be_written(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(InputError, match=r"file/shards cannot be written: .*Not a directory"):
            write_shards(store, "ntu60_xview", str(tmp_path / "file" / "shards"))

    def test_without_the_library(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "webdataset", None)
        with pytest.raises(
            InputError, match=r"package webdataset, which is not installed: type `pip install -e '\.\[sha"
        ):
            write_shards(store, "ntu60_xview", str(tmp_path / "shards"))

    def test_without_the_storage_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "s3fs", None)
        with pytest.raises(InputError, match=r"s3://bucket needs a package .*: type `pip install -e '\.\[shards\]'`"):
            open_prepared("s3://bucket")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def edit(**changes: Any) -> Callable[[Path], None]:  # noqa: ANN401
    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


class TestDamage:
    @pytest.mark.parametrize(
        ("name", "damage", "sentence"),
        [
            ("train-00001.tar", Path.unlink, r"1 of \d shards, train-00001.tar is missing"),
            ("test-00000.tar", truncate, r"1 of \d shards, test-00000.tar has \d+ bytes, expected \d+"),
            ("clips.npy", truncate, "the checksum of clips.npy does not match"),
            ("places.npy", truncate, "the checksum of places.npy does not match"),
            ("store.json", Path.unlink, "the checksum of store.json does not match"),
            ("shards.json", truncate, r"shards\.json cannot be read"),
            ("shards.json", edit(shards=[{"name": "x"}]), r"shards\.json is not complete"),
            ("shards.json", edit(shards=[{"name": [], "clips": 1, "bytes": 1}]), r"shards\.json is not complete"),
            ("shards.json", edit(checksums={}), r"shards\.json is not complete"),
        ],
    )
    def test_is_told_before_anything_is_read(
        self, copy: Path, name: str, damage: Callable[[Path], None], sentence: str
    ) -> None:
        damage(copy / name)
        with pytest.raises(InputError, match=rf"shards at .*copy are damaged .*{sentence}.*overwrite=true"):
            ShardedStore(copy)

    @pytest.mark.parametrize("version", [0, 2, None, "1"])
    def test_of_another_version(self, copy: Path, version: object) -> None:
        edit(format=version)(copy / "shards.json")
        with pytest.raises(InputError, match=rf"have format {version}, this version reads 1: write them again"):
            ShardedStore(copy)

    def test_of_a_single_clip(self, copy: Path) -> None:
        shards = ShardedStore(copy)
        shard, offset, _ = shards.locations[2].item()
        path = copy / shards.shards[shard]["name"]
        damaged = bytearray(path.read_bytes())
        damaged[offset + 5] ^= 1
        path.write_bytes(damaged)
        name = shards.clips["name"][2]
        with pytest.raises(
            StorageError, match=rf"{path.name} at .*copy is damaged \(the clip {name} has changed\): write"
        ):
            ShardedStore(copy).joints(2)
        ShardedStore(copy).joints(3)

    @settings(max_examples=30)
    @given(
        text=st.binary(max_size=60)
        | st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["format", "shards", "protocol", "checksums"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode())
    )
    def test_any_index_opens_or_is_refused_in_a_sentence(
        self, tmp_path_factory: pytest.TempPathFactory, text: bytes
    ) -> None:
        folder = tmp_path_factory.mktemp("any")
        (folder / "shards.json").write_bytes(text)
        with pytest.raises(InputError, match=r"shards at .* (are damaged|have format)"):
            ShardedStore(folder)


class TestDoor:
    def test_shards_train_like_the_store(self, run_command: RunCommand, tmp_path: Path) -> None:
        outcome = run_command("shard", "to=shards", "size=0.5")
        assert outcome.code == 0, outcome.err
        assert "python src/train.py data=demo data.store=shards" in outcome.out
        assert len(list((tmp_path / "shards").glob("train-*.tar"))) > 1
        outcome = run_command("train", *TINY, "data.frames=8", "trainer.limit_train_batches=1", "data.store=shards")
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        run = next(tmp_path.glob("outputs/*/*/*/*"))
        before = json.loads((run / "summary.json").read_text())["test_top1"]
        outcome = run_command("evaluate", f"run={run}", "accelerator=cpu")
        assert outcome.code == 0, outcome.err
        assert json.loads((run / "evaluation.json").read_text())["test_top1"] == pytest.approx(before)

    def test_mistakes_are_sentences(self, run_command: RunCommand) -> None:
        for options, sentence in (
            (["to=shards", "size=0"], "size=0 must be megabytes"),
            ([], "Missing mandatory value: to"),
            (["to=nothing://x"], "nothing://x cannot be opened"),
        ):
            outcome = run_command("shard", *options)
            assert outcome.code == 1
            assert outcome.err.startswith("error: ")
            assert sentence in outcome.err
            assert len(outcome.err.strip().splitlines()) == 1
