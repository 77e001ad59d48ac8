"""`SkeletonData` and Lightning's own Trainer and Tuner: what their users expect to work, works."""

import pickle
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.tuner.tuning import Tuner
from tests.data.batches.test_datamodule import people
from tests.data.clips import MakingReader
from tests.data.epoch_recorder import EpochRecorder

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.epochs import Batch
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.store.prepare import prepare
from stgdn.data.store.shard_writer import write_shards
from stgdn.data.store.shards import ShardedStore
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.model.network import Network
from stgdn.skeleton import COCO17, KINECT20
from stgdn.training.recognizer import Recognizer

TRAINING = 30  # clips of the protocol; 18 test


@pytest.fixture(autouse=True)
def _advice() -> Iterator[None]:
    """Leave Lightning's advice about workers and logging intervals out."""
    with warnings.catch_warnings():
        for advice in (
            *("does not have many workers", "logging interval", "treespec, LeafSpec", "no `validation_step`"),
            "Total length of `list` across ranks is zero",  # no held-out subjects
        ):
            warnings.filterwarnings("ignore", f".*{advice}")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("stores") / "people")


@pytest.fixture(scope="module")
def shards(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shards") / "shards"
    write_shards(Store(folder), "ntu60_xsub", str(place), 0.01)
    return place


@pytest.fixture(params=["folder", "shards"])
def place(request: pytest.FixtureRequest) -> Path:
    """A store in one piece, and the same in shards."""
    return request.getfixturevalue(request.param)


Build = Callable[..., lightning.Trainer]


@pytest.fixture
def trainer(tmp_path: Path) -> Build:
    def build(**options: Any) -> lightning.Trainer:  # noqa: ANN401
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "max_epochs": 2}
        return lightning.Trainer(
            accelerator="cpu", enable_model_summary=False, default_root_dir=tmp_path, **quiet | options
        )

    return build


def build(place: Path, **options: Any) -> SkeletonData:  # noqa: ANN401
    made: dict[str, Any] = {"frames": 6, "sampling": "resize", "crop": 0.5, "bodies": 1, "batch_size": 10}
    return SkeletonData(place, "ntu60_xsub", **made | options)


def recognizer() -> Recognizer:
    network = Network([8], 1, "gcn", num_classes=3, frames=6, bodies=1, layout="kinect20")
    return Recognizer(network, 3, batch_size=10)


def orders(recorder: EpochRecorder) -> list[list[list[int]]]:
    return [[batch["indices"].tolist() for batch in batches] for batches in recorder.seen.values()]


class TestConstruction:
    def test_of_plain_arguments(self, folder: Path) -> None:
        data = SkeletonData(folder, protocol="ntu60_xsub", frames=64, stream="bone")
        assert data.settings == ClipSettings(frames=64, stream="bone")
        assert build(folder, settings=ClipSettings(align="turn")).settings.align == "turn"

    def test_a_mistyped_setting_is_a_sentence(self, folder: Path) -> None:
        with pytest.raises(InputError, match=r"unknown clip setting 'frame', allowed: .*did you mean 'frames'"):
            SkeletonData(folder, "ntu60_xsub", frame=64)

    def test_reads_the_header_only(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(np, "load", None)
        monkeypatch.setattr(np, "memmap", None)
        data = SkeletonData(folder, "ntu60_xsub")
        assert data.classes == ["walk", "run", "sit"]
        assert (data.layout, data.mapping, data.header.dataset) == (KINECT20, None, "made_up")
        mapped = SkeletonData(folder, "ntu60_xsub", layout="coco17").mapping
        assert mapped is not None
        assert (mapped.source, mapped.target) == (KINECT20, COCO17)

    def test_of_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no prepared store at .*nowhere"):
            SkeletonData(tmp_path / "nowhere", "ntu60_xsub")

    def test_pickles_before_and_after_setup(self, place: Path) -> None:
        data = build(place)
        for _ in range(2):
            pickled = pickle.dumps(data)
            assert len(pickled) < 5000
            again, expected = (next(iter(d.train_dataloader())) for d in (pickle.loads(pickled), data))
            torch.testing.assert_close(again["clips"], expected["clips"], rtol=0, atol=0)
        assert isinstance(data.store, ShardedStore) == (place.name == "shards")


class TestPrepareData:
    @pytest.fixture
    def made(self, tmp_path: Path) -> partial[Store]:
        return partial(prepare, MakingReader(20), tmp_path / "made", "made_up", source="nowhere", workers=1)

    def test_makes_a_missing_store(self, tmp_path: Path, made: partial[Store], trainer: Build) -> None:
        data = SkeletonData(tmp_path / "made", "ntu60_xsub", frames=6, batch_size=4, prepare=made)
        pickle.dumps(data)
        with pytest.raises(InputError, match="no prepared store"):
            _ = data.classes
        trainer().fit(EpochRecorder(), datamodule=data)
        assert len(data.store) == 20
        assert data.classes == ["walk", "run", "sit"]

    def test_is_not_called_when_the_store_is_there(self, folder: Path, trainer: Build) -> None:
        def never() -> None:
            raise AssertionError

        data = build(folder, prepare=never)
        assert data.classes == ["walk", "run", "sit"]
        trainer().fit(EpochRecorder(), datamodule=data)

    def test_mistakes_are_found_in_setup(self, tmp_path: Path, made: partial[Store], trainer: Build) -> None:
        data = SkeletonData(tmp_path / "made", "xsub", prepare=made)
        with pytest.raises(InputError, match="unknown protocol 'xsub'"):
            trainer().fit(EpochRecorder(), datamodule=data)

    def test_setup_alone_sets_state(self, folder: Path) -> None:
        data = build(folder)
        before = dict(vars(data))
        data.prepare_data()
        assert vars(data) == before
        data.setup("fit")
        assert vars(data) != before
        store, splits = data.store, data.splits
        data.setup("test")
        assert (data.store, data.splits) == (store, splits)


class TestSampler:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_overfits_the_same_batches_in_every_epoch(self, place: Path, trainer: Build, workers: int) -> None:
        recorder = EpochRecorder()
        data = build(place, workers=workers)
        trainer(overfit_batches=2, max_epochs=3).fit(recorder, datamodule=data)
        first, *others = orders(recorder)
        assert [len(batch) for batch in first] == [10, 10]
        assert others == [first, first]
        for batches in recorder.seen.values():
            torch.testing.assert_close(batches[1]["clips"], recorder.seen[0][1]["clips"], rtol=0, atol=0)
        assert set(first[0] + first[1]) <= set(data.splits["train"].tolist())
        assert first[0] != sorted(first[0])  # clips of all kinds, not the first ones of the store

    def test_overfits_with_clips_held_out(self, folder: Path, trainer: Build) -> None:
        recording = recognizer()
        trainer(overfit_batches=1, num_sanity_val_steps=0).fit(recording, datamodule=build(folder, holdout=(2,)))

    @pytest.mark.parametrize(("limit", "batches"), [(2, 2), (0.7, 2), (1.0, 3)])
    def test_limited_epochs_differ(self, place: Path, trainer: Build, limit: float, batches: int) -> None:
        recorder = EpochRecorder()
        trainer(limit_train_batches=limit).fit(recorder, datamodule=build(place))
        first, second = orders(recorder)
        assert len(first) == len(second) == batches
        assert first != second

    def test_loaders_made_anew_in_every_epoch_change_nothing(self, place: Path, trainer: Build) -> None:
        once, anew = EpochRecorder(), EpochRecorder()
        trainer(max_epochs=3).fit(once, datamodule=build(place))
        trainer(max_epochs=3, reload_dataloaders_every_n_epochs=1).fit(anew, datamodule=build(place))
        assert orders(once) == orders(anew)

    @pytest.mark.parametrize("use", [True, False])
    @pytest.mark.parametrize("overfit", [0.0, 1])
    def test_ranks_share_a_batch_whether_lightning_looks_after_samplers_or_not(
        self, folder: Path, tmp_path: Path, trainer: Build, use: bool, overfit: float
    ) -> None:
        data = build(folder)
        forked = trainer(
            devices=2, strategy="ddp_fork", max_epochs=1, use_distributed_sampler=use, overfit_batches=overfit
        )
        forked.fit(ShareRecorder(tmp_path), datamodule=data)
        shares = [torch.load(tmp_path / f"rank{rank}") for rank in (0, 1)]
        data.trainer = None
        expected = [batch["indices"].tolist() for batch in data.train_dataloader()][: 1 if overfit else None]
        assert [[len(batch) for batch in share] for share in shares] == [[5] * len(expected)] * 2
        assert [sorted(one + other) for one, other in zip(*shares, strict=True)] == [sorted(e) for e in expected]


class ShareRecorder(EpochRecorder):
    """Writes the clips that each rank saw."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_train_epoch_end(self) -> None:
        torch.save([batch["indices"].tolist() for batch in self.seen[0]], self.folder / f"rank{self.global_rank}")


class TestPredict:
    def test_scores_every_test_clip(self, place: Path, trainer: Build) -> None:
        data, module = build(place), recognizer()
        predictions: Any = trainer().predict(module, datamodule=data)
        indices = torch.cat([batch["indices"] for batch in predictions])
        assert sorted(indices.tolist()) == data.splits["test"].tolist()
        scores = torch.cat([batch["scores"] for batch in predictions])
        assert scores.shape == (18, 3)
        batch: Batch = next(iter(data.test_dataloader()))
        at = [indices.tolist().index(index) for index in batch["indices"].tolist()]
        with torch.no_grad():
            torch.testing.assert_close(scores[at], module.eval()(batch["clips"]))

    def test_agrees_with_the_test(self, folder: Path, trainer: Build) -> None:
        data, module = build(folder), recognizer()
        (tested,) = trainer().test(module, datamodule=data, verbose=False)
        predictions: Any = trainer().predict(module, datamodule=data)
        scores = torch.cat([batch["scores"] for batch in predictions])
        labels = torch.from_numpy(data.store.clips["label"][data.splits["test"]])
        assert tested["test/top1"] == pytest.approx(float((scores.argmax(1) == labels).float().mean()))


@pytest.mark.filterwarnings("ignore:.*`batch_size`")
class TestTuner:
    def test_finds_a_learning_rate(self, place: Path, trainer: Build) -> None:
        module = recognizer()
        before = {key: value.clone() for key, value in module.state_dict().items()}
        found: Any = Tuner(trainer(max_epochs=20)).lr_find(
            module, datamodule=build(place), num_training=20, early_stop_threshold=None
        )
        assert module.lr == found.suggestion()
        assert len(found.results["lr"]) == 20
        assert np.isfinite(found.results["loss"]).all()
        torch.testing.assert_close(module.state_dict(), before)

    def test_scales_the_batch(self, place: Path, trainer: Build) -> None:
        data, module = build(place), recognizer()
        size = Tuner(trainer()).scale_batch_size(module, datamodule=data, init_val=2, max_trials=3, steps_per_trial=1)
        assert size == data.batch_size == module.batch_size == 8
        assert len(data.train_dataloader()) == TRAINING // 8
