"""Batches for Lightning: who is in which split, and that chance depends on seed, epoch and clip alone."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from tests.data.clips import clip, write
from tests.data.epoch_recorder import EpochRecorder, record_epochs
from torch import Tensor
from torch.utils.data import DataLoader

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.epochs import Batch, ClipBatches, EpochBatches, EpochLoader
from stgdn.data.batches.transforms import ClipSettings, batch
from stgdn.data.store.shards import in_one_piece
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20, OPENPOSE18, Layout

SUBJECTS = (1, 2, 3, 4, 5, 6, 7, 8)
XSUB_TRAIN = {1, 2, 4, 5, 8}  # of these, as the NTU paper lists them
AUGMENTED = ClipSettings(frames=6, sampling="resize", crop=0.5, jitter=True, rotate=(20, 30, 40), bodies=1)


def people(folder: Path, subjects: tuple[int, ...] = SUBJECTS, layout: Layout = KINECT20) -> Path:
    """A store in which every subject does two things before three cameras."""
    made = [
        clip(
            f"s{subject}c{camera}a{label}",
            5 + subject,
            ((0, 5 + subject),),
            layout,
            label,
            subject=subject,
            camera=camera,
        )
        for subject in subjects
        for camera in (1, 2, 3)
        for label in (0, 1)
    ]
    return write(folder, made, layout, max_bodies=1).folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("stores") / "people")


def build(folder: Path, protocol: str = "ntu60_xsub", **options: Any) -> SkeletonData:  # noqa: ANN401
    return SkeletonData(folder, protocol, AUGMENTED, **options)


def of_epoch(loader: DataLoader[Batch], epoch: int) -> list[Batch]:
    assert isinstance(loader.sampler, EpochBatches)
    loader.sampler.set_epoch(epoch)
    return list(loader)


def clip_by_clip(batches: list[Batch]) -> dict[int, Tensor]:
    return {int(index): one for each in batches for index, one in zip(each["indices"], each["clips"], strict=True)}


def order(batches: list[Batch]) -> list[int]:
    return [int(index) for each in batches for index in each["indices"]]


class TestSplits:
    @pytest.mark.parametrize("holdout", [(), (2,), (1, 8)])
    def test_are_by_subject(self, folder: Path, holdout: tuple[int, ...]) -> None:
        data = build(folder, holdout=holdout)
        subjects = {split: set(data.store.clips["subject"][chosen]) for split, chosen in data.splits.items()}
        assert subjects == {"train": XSUB_TRAIN - set(holdout), "holdout": set(holdout), "test": {3, 6, 7}}
        every = np.concatenate(list(data.splits.values()))
        assert sorted(every) == list(range(len(data.store)))

    def test_of_cameras_hold_out_only_what_would_train(self, folder: Path) -> None:
        data = build(folder, "ntu60_xview", holdout=(2,))
        clips = data.store.clips
        assert {(int(s), int(c)) for s, c in clips[data.splits["holdout"]][["subject", "camera"]]} == {(2, 2), (2, 3)}
        assert 2 not in clips["subject"][data.splits["train"]]
        assert set(clips["camera"][data.splits["test"]]) == {1}

    def test_holdout_has_a_loader_of_its_own(self, folder: Path) -> None:
        assert build(folder).val_dataloader() == []
        data = build(folder, holdout=(2,))
        loader = data.val_dataloader()
        assert isinstance(loader, DataLoader)
        assert order(of_epoch(loader, 0)) == data.splits["holdout"].tolist()

    @pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 1.0])
    def test_a_share_of_every_class_trains(self, folder: Path, share: float) -> None:
        every, few = build(folder), build(folder, train_share=share)
        labels = every.store.clips["label"]
        counts = np.bincount(labels[every.splits["train"]])
        expected = [max(1, round(share * count)) for count in counts]
        assert np.bincount(labels[few.splits["train"]]).tolist() == expected
        assert set(few.splits["train"]) <= set(every.splits["train"])
        assert few.splits["train"].tolist() == sorted(few.splits["train"])
        assert few.splits["test"].tolist() == every.splits["test"].tolist()
        again, other = build(folder, train_share=share), build(folder, train_share=share, seed=2)
        assert again.splits["train"].tolist() == few.splits["train"].tolist()
        assert share == 1 or other.splits["train"].tolist() != few.splits["train"].tolist()

    @pytest.mark.parametrize(
        ("subjects", "holdout", "split"),
        [((1, 2), (), "test"), ((3, 6), (), "train"), ((1, 3), (1,), "train"), ((1, 3), (3,), "holdout")],
    )
    def test_without_clips(
        self, tmp_path: Path, subjects: tuple[int, ...], holdout: tuple[int, ...], split: str
    ) -> None:
        few = people(tmp_path / "few", subjects)
        with pytest.raises(
            InputError, match=rf"ntu60_xsub finds no clip for its {split} split among the 12 clips of .*few"
        ):
            build(few, holdout=holdout).setup()

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"batch_size": 0}, "batch_size=0 must be a whole number from 1 up"),
            ({"batch_size": "many"}, "batch_size=many must be a whole number"),
            ({"workers": -1}, "workers=-1 must be a whole number from 0 up"),
            ({"train_share": 0}, "data.train_share=0 is out of range: give a share above 0 and up to 1"),
            ({"train_share": "half"}, "data.train_share=half is out of range"),
            ({"seed": -1}, "seed=-1 must be a whole number from 0 up"),
            ({"protocol": "xsub"}, "unknown protocol 'xsub'"),
            ({"protocol": "ntu120_cset"}, "splits by setup, but 48 of 48 clips have none"),
        ],
    )
    def test_of_settings_that_make_no_sense(self, folder: Path, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            build(folder, **options).setup()

    @pytest.mark.parametrize("turn", [{"align": "turn"}, {"align": "body"}, {"rotate": (0, 30, 0)}])
    def test_flat_people_are_not_turned_into_depth(self, tmp_path: Path, turn: dict[str, Any]) -> None:
        flat = people(tmp_path / "flat", (1, 3), OPENPOSE18)
        with pytest.raises(InputError, match="layout openpose18 is flat"):
            SkeletonData(flat, "ntu60_xsub", ClipSettings(**turn))
        SkeletonData(flat, "ntu60_xsub", ClipSettings(rotate=(0, 0, 30)))


class TestChance:
    @pytest.mark.parametrize(
        "options", [{"batch_size": 4}, {"batch_size": 1}, {"batch_size": 4, "workers": 2}], ids=str
    )
    def test_is_the_same_whoever_makes_the_batch(self, folder: Path, options: dict[str, Any]) -> None:
        expected = clip_by_clip(of_epoch(build(folder, batch_size=30).train_dataloader(), 3))
        found = clip_by_clip(of_epoch(build(folder, **options).train_dataloader(), 3))
        assert len(expected) == 30
        assert found.keys() <= expected.keys()
        for index, one in found.items():
            torch.testing.assert_close(one, expected[index])

    def test_is_the_same_whoever_is_held_out(self, folder: Path) -> None:
        expected = clip_by_clip(of_epoch(build(folder, batch_size=30).train_dataloader(), 3))
        found = clip_by_clip(of_epoch(build(folder, batch_size=24, holdout=(1,)).train_dataloader(), 3))
        assert len(found) == 24
        for index, one in found.items():
            torch.testing.assert_close(one, expected[index])

    def test_does_not_depend_on_the_order(self, folder: Path) -> None:
        store = Store(folder)
        clips = ClipBatches(store, np.arange(10), AUGMENTED, seed=1)
        forth, back = clips[2, [*range(10)]], clips[2, [*range(10)][::-1]]
        torch.testing.assert_close(forth["clips"], back["clips"].flip(0))
        torch.testing.assert_close(clips[2, [7]]["clips"][0], forth["clips"][7])

    @pytest.mark.parametrize(("seed", "epoch"), [(1, 1), (2, 0), (2, 1), (0, 0)])
    def test_differs_between_epochs_and_seeds(self, folder: Path, seed: int, epoch: int) -> None:
        first = clip_by_clip(of_epoch(build(folder, seed=1).train_dataloader(), 0))
        other = clip_by_clip(of_epoch(build(folder, seed=seed).train_dataloader(), epoch))
        for index, one in first.items():
            assert (one - other[index]).abs().max() > 1e-3

    def test_order_differs_between_epochs_and_is_reproducible(self, folder: Path) -> None:
        def orders(seed: int) -> list[list[int]]:
            loader = build(folder, batch_size=5, seed=seed).train_dataloader()
            return [order(of_epoch(loader, epoch)) for epoch in range(4)]

        assert orders(1) == orders(1)
        every = orders(1) + orders(2)
        assert len({tuple(one) for one in every}) == 8
        assert all(sorted(one) == sorted(every[0]) for one in every)

    def test_augments_training_only(self, folder: Path) -> None:
        data = build(folder, batch_size=7, holdout=(1,))
        for loader, split in ((data.test_dataloader(), "test"), (data.val_dataloader(), "holdout")):
            assert isinstance(loader, DataLoader)
            for epoch in (0, 5):
                batches = of_epoch(loader, epoch)
                plain = batch(in_one_piece(data.store), data.splits[split], AUGMENTED)
                torch.testing.assert_close(torch.cat([each["clips"] for each in batches]), torch.from_numpy(plain))
        trained = clip_by_clip(of_epoch(data.train_dataloader(), 0))
        store = in_one_piece(data.store)
        for index, one in trained.items():
            assert np.abs(one.numpy() - batch(store, np.array([index]), AUGMENTED)[0]).max() > 1e-3


class TestBatches:
    def test_know_their_clips(self, folder: Path) -> None:
        data = build(folder, batch_size=8)
        for each in of_epoch(data.train_dataloader(), 1):
            assert each["clips"].shape == (8, 3, 6, 20, 1)
            assert each["clips"].dtype == torch.float32
            assert each["labels"].dtype == each["indices"].dtype == torch.int64
            names = data.store.clips["name"][each["indices"].numpy()]
            assert [int(name[-1]) for name in names] == each["labels"].tolist()

    @pytest.mark.parametrize("batch_size", [1, 4, 17, 18, 100])
    def test_every_test_clip_comes_once_in_the_order_of_the_store(self, folder: Path, batch_size: int) -> None:
        data = build(folder, batch_size=batch_size)
        batches = of_epoch(data.test_dataloader(), 0)
        assert order(batches) == data.splits["test"].tolist()
        assert max(len(each["indices"]) for each in batches) <= batch_size

    @pytest.mark.parametrize(("batch_size", "batches"), [(7, 4), (30, 1), (100, 1), (1, 30)])
    def test_training_takes_whole_batches(self, folder: Path, batch_size: int, batches: int) -> None:
        loader = build(folder, batch_size=batch_size).train_dataloader()
        drawn = of_epoch(loader, 0)
        assert len(drawn) == len(loader) == batches
        assert {len(each["indices"]) for each in drawn} == {min(batch_size, 30)}
        assert len(set(order(drawn))) == batches * min(batch_size, 30)

    @pytest.mark.parametrize("seed", [None, 1])
    @pytest.mark.parametrize("ranks", [2, 3])
    @pytest.mark.parametrize(("size", "batch_size"), [(30, 6), (25, 12), (13, 6), (7, 6), (5, 600), (3, 6), (31, 6)])
    def test_ranks_share_every_batch(self, size: int, batch_size: int, ranks: int, seed: int | None) -> None:
        shares = []
        for rank in range(ranks):
            sampler = EpochBatches(size, batch_size, seed, rank, ranks)
            sampler.set_epoch(2)
            shares.append([positions for _, positions in sampler])
            assert len(shares[-1]) == len(sampler)
        assert len({len(share) for share in shares}) == 1
        every = []
        for parts in zip(*shares, strict=True):
            sizes = {len(part) for part in parts}
            assert min(sizes) > 0
            assert max(sizes) - min(sizes) <= (seed is None)
            assert sum(map(len, parts)) <= batch_size
            every += chain(*parts)
        assert len(set(every)) == len(every)
        assert set(every) <= set(range(size))
        assert size - len(every) < (1 if seed is None else max(batch_size, ranks))

    def test_one_clip_a_process(self) -> None:
        shares = [[part for _, part in EpochBatches(5, 2, None, rank, 2)] for rank in (0, 1)]
        assert all(all(share) for share in shares)
        assert sorted(chain(*chain(*shares))) == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda", True)])
    def test_memory_is_pinned_for_a_gpu_that_is_used(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, device: str, pinned: bool
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # used or not
        trainer = lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        monkeypatch.setattr(type(trainer.strategy), "root_device", torch.device(device))
        data = build(folder, batch_size=8)
        assert not data.test_dataloader().pin_memory
        data.trainer = trainer
        assert data.train_dataloader().pin_memory == pinned

    def test_fewer_clips_than_processes(self) -> None:
        with pytest.raises(InputError, match=r"2 clips do not go around 3 processes: lower trainer\.devices"):
            EpochBatches(2, 6, None, 0, 3)


@pytest.fixture
def fit(folder: Path, tmp_path: Path) -> Callable[..., tuple[EpochRecorder, Path]]:
    def run(epochs: int, workers: int, checkpoint: Path | None = None) -> tuple[EpochRecorder, Path]:
        data = build(folder, batch_size=10, workers=workers)
        return record_epochs(data, epochs, tmp_path, checkpoint), tmp_path / "last.ckpt"

    return run


ADVICE = pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*treespec, LeafSpec")  # Lightning's


@ADVICE
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_run_sees_what_an_uninterrupted_one_sees(
    folder: Path, fit: Callable[..., tuple[EpochRecorder, Path]], workers: int
) -> None:
    _, checkpoint = fit(2, workers)
    resumed, _ = fit(4, workers, checkpoint)
    assert list(resumed.seen) == [2, 3]
    loader = build(folder, batch_size=10).train_dataloader()
    for epoch, seen in resumed.seen.items():
        expected = of_epoch(loader, epoch)
        assert order(seen) == order(expected)
        for one, other in zip(seen, expected, strict=True):
            torch.testing.assert_close(one["clips"], other["clips"])


@ADVICE
def test_batches_of_another_epoch_are_an_error(
    fit: Callable[..., tuple[EpochRecorder, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, checkpoint = fit(2, 0)
    monkeypatch.setattr(EpochLoader, "__iter__", DataLoader.__iter__)  # workers begin before the epoch is known
    with pytest.raises(RuntimeError, match="a batch of epoch 0 came in epoch 2"):
        fit(3, 1, checkpoint)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_begins_with_its_first_batch(folder: Path, workers: int) -> None:
    loader = build(folder, batch_size=10, workers=workers).train_dataloader()
    assert isinstance(loader.sampler, EpochBatches)
    for epoch in (3, 1):
        batches = iter(loader)
        loader.sampler.set_epoch(epoch)
        assert {each["epoch"] for each in batches} == {epoch}
