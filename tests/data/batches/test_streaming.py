"""Batches from shards: the clips that the store would give, each once an epoch, however many processes share them."""

import tarfile
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.clips import clip, write
from tests.data.epoch_recorder import EpochRecorder, record_epochs
from torch import Tensor
from torch.utils.data import DataLoader

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.epochs import Batch, EpochBatches
from stgdn.data.batches.random_numbers import random_numbers_at
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.streaming import EpochStreams
from stgdn.data.store.shard_writer import write_shards
from stgdn.data.store.shards import ShardedStore
from stgdn.data.store.storage import StorageError
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS

TRAIN, TEST = 60, 30  # clips: cameras 2 and 3 train
AUGMENTED = ClipSettings(frames=6, sampling="resize", crop=0.5, jitter=True, rotate=(20, 30, 40), bodies=2)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """30 subjects before three cameras, alone or with a second body that comes late."""
    made = [
        clip(
            f"s{subject:02}c{camera}",
            frames := 4 + subject % 9,
            ((0, frames), (1, 2)) if subject % 3 == 0 else ((0, frames),),
            label=subject % 3,
            subject=subject,
            camera=camera,
            setup=1 + subject % 4,
        )
        for subject, camera in product(range(1, 31), (1, 2, 3))
    ]
    return write(tmp_path_factory.mktemp("stores") / "whole", made)


@pytest.fixture(scope="module")
def folder(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "shards"
    write_shards(store, "ntu60_xview", str(folder), 0.02)
    return folder


def build(folder: Path, protocol: str = "ntu60_xview", **options: Any) -> SkeletonData:  # noqa: ANN401
    options = {"batch_size": 8, **options}
    return SkeletonData(ShardedStore(folder), protocol, AUGMENTED, **options)


def of_epoch(loader: DataLoader[Batch] | list, epoch: int) -> list[Batch]:
    assert isinstance(loader, DataLoader)
    assert isinstance(loader.sampler, EpochBatches)
    loader.sampler.set_epoch(epoch)
    return list(loader)


def order(batches: list[Batch]) -> list[int]:
    return [int(index) for each in batches for index in each["indices"]]


def by_clip(batches: list[Batch]) -> dict[int, tuple[Tensor, int]]:
    return {
        int(index): (made, int(label))
        for each in batches
        for index, made, label in zip(each["indices"], each["clips"], each["labels"], strict=True)
    }


class TestContent:
    @pytest.mark.parametrize("stream", ["joint", "bone_motion"])
    @pytest.mark.parametrize("workers", [0, 2])
    def test_is_what_the_store_gives(self, store: Store, folder: Path, stream: str, workers: int) -> None:
        made = ClipSettings(stream, 6, "resize", "turn", crop=0.5, jitter=True, rotate=(20, 30, 40))
        options = {"batch_size": 6, "seed": 3, "holdout": (4,)}
        whole = SkeletonData(store, "ntu60_xview", made, **options)
        streamed = SkeletonData(ShardedStore(folder), "ntu60_xview", made, workers=workers, **options)
        for split in ("train", "val", "test"):
            expected, found = (by_clip(of_epoch(getattr(d, f"{split}_dataloader")(), 5)) for d in (whole, streamed))
            assert len(found) == len(expected)
            for index in found.keys() & expected.keys():
                torch.testing.assert_close(found[index][0], expected[index][0], rtol=0, atol=0)
                assert found[index][1] == expected[index][1] == store.clips["label"][index]
        assert len(found.keys() & expected.keys()) == TEST

    def test_of_other_joints(self, store: Store, folder: Path) -> None:
        made, target = ClipSettings(frames=6), LAYOUTS["coco17"]
        whole = SkeletonData(store, "ntu60_xview", made, layout=target)
        streamed = SkeletonData(ShardedStore(folder), "ntu60_xview", made, layout=target)
        expected, found = (by_clip(of_epoch(data.test_dataloader(), 0)) for data in (whole, streamed))
        for index, (clips, _) in expected.items():
            torch.testing.assert_close(found[index][0], clips, rtol=0, atol=0)

    @given(st.integers(0, 5), st.integers(0, 300), st.lists(st.integers(0, 999), max_size=20))
    def test_draws_are_rows_of_the_table(self, seed: int, epoch: int, indices: list[int]) -> None:
        table = np.random.default_rng([seed, epoch]).random((1000, 6))
        np.testing.assert_array_equal(random_numbers_at(seed, epoch, np.array(indices, np.int64)), table[indices])


class TestOrder:
    @pytest.mark.parametrize(("batch_size", "workers"), [(8, 0), (8, 2), (60, 2), (7, 2), (600, 0), (1, 2)])
    def test_training_clips_come_once(self, folder: Path, batch_size: int, workers: int) -> None:
        data = build(folder, batch_size=batch_size, workers=workers)
        loader = data.train_dataloader()
        batches = of_epoch(loader, 1)
        size = min(batch_size, TRAIN)
        assert len(batches) == len(loader) == TRAIN // size
        assert {len(each["indices"]) for each in batches} == {size}
        assert max(Counter(order(batches)).values()) == 1
        assert set(order(batches)) <= set(data.splits["train"].tolist())

    @pytest.mark.parametrize(("batch_size", "workers"), [(8, 0), (8, 2), (1, 2), (100, 2)])
    def test_test_clips_come_once(self, folder: Path, batch_size: int, workers: int) -> None:
        data = build(folder, batch_size=batch_size, workers=workers)
        batches = of_epoch(data.test_dataloader(), 0)
        assert sorted(order(batches)) == data.splits["test"].tolist()
        assert max(len(each["indices"]) for each in batches) <= batch_size

    def test_differs_between_epochs_and_seeds_and_is_reproducible(self, folder: Path) -> None:
        def orders(seed: int) -> list[list[int]]:
            loader = build(folder, seed=seed, batch_size=60).train_dataloader()
            return [order(of_epoch(loader, epoch)) for epoch in (0, 1, 2)]

        assert orders(1) == orders(1)
        every = orders(1) + orders(2)
        assert len({tuple(one) for one in every}) == 6
        assert all(sorted(one) == sorted(every[0]) for one in every)

    def test_is_not_that_of_the_shards(self, folder: Path) -> None:
        places = ShardedStore(folder).locations
        shards = places["shard"][order(of_epoch(build(folder).train_dataloader(), 0))]
        runs = np.count_nonzero(np.diff(shards)) + 1
        assert runs > 2 * len(set(shards.tolist()))

    def test_an_epoch_can_be_left_and_read_again(self, folder: Path) -> None:
        loader = build(folder, workers=1).train_dataloader()
        expected = order(of_epoch(loader, 0))
        iterator = iter(loader)
        next(iterator)
        assert order(of_epoch(loader, 0)) == expected
        assert order(of_epoch(loader, 1)) != expected

    def test_any_batch_can_be_asked_for(self, folder: Path) -> None:
        data = build(folder)
        dataset, sampler = data.batches(data.splits["train"], 1, 0, 1)
        keys = list(sampler)
        expected = [dataset[key]["indices"].tolist() for key in keys]
        for number in (4, 2, 3, 3, 0):
            assert dataset[keys[number]]["indices"].tolist() == expected[number]

    @pytest.mark.parametrize("protocol", ["ntu60_xsub", "ntu120_cset"])
    def test_another_protocol_skips_what_is_not_its_own(self, store: Store, folder: Path, protocol: str) -> None:
        data = build(folder, protocol, batch_size=1)
        training = store.split(protocol).train
        assert sorted(order(of_epoch(data.train_dataloader(), 0))) == np.flatnonzero(training).tolist()
        assert sorted(order(of_epoch(data.test_dataloader(), 0))) == np.flatnonzero(~training).tolist()


class TestRanks:
    @settings(max_examples=150)
    @given(
        size=st.integers(1, 200),
        share=st.integers(1, 20),
        ranks=st.integers(1, 5),
        streams=st.integers(1, 5),
        seed=st.sampled_from([None, 1]),
    )
    def test_share_every_epoch(self, size: int, share: int, ranks: int, streams: int, seed: int | None) -> None:
        if size < ranks:
            with pytest.raises(InputError, match="clips do not go around"):
                EpochStreams(size, share * ranks, seed, 0, ranks, streams)
            return
        samplers = [EpochStreams(size, share * ranks, seed, rank, ranks, streams) for rank in range(ranks)]
        batches = {len(list(sampler)) for sampler in samplers}
        assert batches == {len(samplers[0])} != {0}
        seen: list[int] = []
        for sampler in samplers:
            keys = [tuple(key) for _, key in sampler]
            for stream in range(streams):
                first, sizes = sampler.extent(stream)
                assert keys.count((stream, len(sizes))) == 0
                assert all((stream, number) in keys for number in range(len(sizes)))
                assert all(0 < one <= share + (size // ranks <= len(sampler)) for one in sizes)
                assert seed is None or len(set(sizes)) <= 1
                seen += range(first, first + sum(sizes))
        left = size - len(seen)
        assert sorted(seen) == list(range(len(seen)))
        assert left == 0 if seed is None else left < max(share * ranks, ranks)

    @pytest.mark.parametrize("seed", [None, 4])
    def test_read_each_clip_once(self, folder: Path, seed: int | None) -> None:
        data = build(folder, batch_size=12)
        found: list[int] = []
        for rank in range(3):
            dataset, sampler = data.batches(data.splits["train"], seed, rank, 3)
            batches = [dataset[key] for key in sampler]
            assert len(batches) == 5
            found += order(batches)
        assert sorted(found) == data.splits["train"].tolist()

    def test_read_only_their_part(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        data = build(folder, batch_size=10)
        total = []
        read = ShardedStore.read

        def counted(store: ShardedStore, shard: int, first: int, last: int) -> bytes:
            total.append(last - first)
            return read(store, shard, first, last)

        monkeypatch.setattr(ShardedStore, "read", counted)
        for rank in range(5):
            dataset, sampler = data.batches(data.splits["train"], 1, rank, 5)
            assert sum(len(dataset[key]["indices"]) for key in sampler) == TRAIN // 5
        assert isinstance(data.store, ShardedStore)
        shards = sum(shard["bytes"] for shard in data.store.shards if shard["name"].startswith("train"))
        assert sum(total) < shards


class TestDamage:
    @pytest.fixture
    def damaged(self, store: Store, tmp_path: Path) -> Callable[[bytes, int], SkeletonData]:
        """Shards whose clip in the middle of a shard is overwritten behind its first byte."""

        def damage(content: bytes, offset: int) -> SkeletonData:
            write_shards(store, "ntu60_xview", str(tmp_path / "shards"), 0.02)
            data = build(tmp_path / "shards")
            assert isinstance(data.store, ShardedStore)
            places = data.store.locations
            inside = np.flatnonzero(places["shard"] == 0)
            middle = places["offset"][inside[np.argsort(places["offset"][inside])[len(inside) // 2]]]
            with (tmp_path / "shards" / data.store.shards[0]["name"]).open("r+b") as file:
                file.seek(int(middle) + offset)
                file.write(content)
            return data

        return damage

    @pytest.mark.parametrize(
        ("content", "offset", "sentence"),
        [
            (b"\x01", 3, r"the clip s\d\dc\d has changed"),
            (b"\x01" * 512, -512, r"\d+ of its clips are not to be found"),
            (b"\x00" * 512, -512, r"\d+ of its clips are not to be found"),
        ],
    )
    def test_is_one_sentence_also_from_a_worker(
        self, damaged: Callable[[bytes, int], SkeletonData], content: bytes, offset: int, sentence: str
    ) -> None:
        whole = rf"^train-00000\.tar at .*shards is damaged \({sentence}\): write them again with `.*`$"
        data = damaged(content, offset)
        data.workers = int(offset > 0)  # one is enough, torch takes five seconds to end it
        with pytest.raises(StorageError, match=whole) as error:
            of_epoch(data.train_dataloader(), 0)
        assert "\n" not in str(error.value)
        assert "Traceback" not in str(error.value)

    def test_a_shard_goes_while_training(self, damaged: Callable[[bytes, int], SkeletonData], tmp_path: Path) -> None:
        data = damaged(b"", 0)
        (tmp_path / "shards" / "train-00000.tar").unlink()
        with pytest.raises(StorageError, match=r"train-00000\.tar cannot be read: .*No such file"):
            of_epoch(data.train_dataloader(), 0)

    def test_a_shard_of_other_clips(self, damaged: Callable[[bytes, int], SkeletonData], tmp_path: Path) -> None:
        data = damaged(b"", 0)
        shard = tmp_path / "shards" / "train-00000.tar"
        with tarfile.open(shard, "w") as archive:
            archive.add(tmp_path / "shards" / "train-00001.tar", "000000000.rows")
        with pytest.raises(StorageError, match=r"train-00000\.tar"):
            of_epoch(data.train_dataloader(), 0)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*treespec, LeafSpec")  # Lightning's advice
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(folder: Path, tmp_path: Path, workers: int) -> None:
    def fit(epochs: int, checkpoint: Path | None = None) -> EpochRecorder:
        return record_epochs(build(folder, workers=workers), epochs, tmp_path, checkpoint)

    whole = fit(3).seen
    fit(1)
    resumed = fit(3, tmp_path / "last.ckpt").seen
    assert list(resumed) == [1, 2]
    assert order(whole[0]) != order(whole[1])
    for epoch, seen in resumed.items():
        assert order(seen) == order(whole[epoch])
        assert {each["epoch"] for each in seen} == {epoch}
        for one, other in zip(seen, whole[epoch], strict=True):
            torch.testing.assert_close(one["clips"], other["clips"], rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*treespec, LeafSpec")  # Lightning's advice
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_resumed_inside_an_epoch_sees_the_rest_of_it(
    store: Store, folder: Path, tmp_path: Path, workers: int, whole: bool
) -> None:
    def data(workers: int = workers) -> SkeletonData:
        return SkeletonData(
            store if whole else ShardedStore(folder), "ntu60_xview", AUGMENTED, batch_size=8, workers=workers
        )

    straight = record_epochs(data(), 2, tmp_path).seen  # the last batch3.ckpt is that of the second epoch
    resumed = record_epochs(data(), 3, tmp_path, tmp_path / "batch3.ckpt").seen
    assert list(resumed) == [1, 2]
    assert len(straight[1]) == len(resumed[2]) == 7
    assert order(resumed[1]) == order(straight[1][4:])
    for one, other in zip(resumed[1], straight[1][4:], strict=True):
        torch.testing.assert_close(one["clips"], other["clips"], rtol=0, atol=0)
    record_epochs(data(), 2, tmp_path)
    if whole:
        assert order(record_epochs(data(1), 2, tmp_path, tmp_path / "batch3.ckpt").seen[1]) == order(straight[1][4:])
    else:
        with pytest.raises(InputError, match=rf"inside an epoch that workers={max(workers, 1)} on 1 processes.*resume"):
            record_epochs(data(3), 2, tmp_path, tmp_path / "batch3.ckpt")
    loader = data().train_dataloader()
    assert len(of_epoch(loader, 0)) == 7
