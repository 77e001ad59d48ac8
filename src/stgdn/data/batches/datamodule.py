"""Clips of a prepared store for Lightning."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from stgdn.data.batches.epochs import Batch, ClipBatches, EpochBatches, EpochLoader
from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.streaming import EpochStreams, StreamedBatches
from stgdn.data.protocols import find_protocol
from stgdn.data.store.shards import ShardedStore, in_one_piece, is_prepared, is_sharded, open_prepared
from stgdn.data.store.store import Header, PreparedStore, read_header
from stgdn.errors import InputError, choose
from stgdn.skeleton import Layout
from stgdn.skeleton import layout as joint_layout


class SkeletonData(lightning.LightningDataModule):
    """Provide training, held-out and test clips of a prepared store to Lightning.

        data = SkeletonData("data/prepared/demo", "ntu60_xsub", frames=64, sampling="resize")

    The constructor reads the store's header, of shards nothing. `setup` opens the store: Lightning calls it in every
    process, and without Lightning the first use of `store`, `splits` or a loader does.

    Args:
        store: the folder of a prepared store, the folder or URL of shards, or the opened store.
        protocol: name of the evaluation protocol, as in `stgdn.data.protocols`.
        settings: how to make the network's inputs from clips.
        batch_size: clips in a training batch, over all devices.
        holdout: subjects of the training split that do not train, for choosing hyperparameters.
        train_share: of the training clips of every class, at least one; the others are left out. The seed draws them.
        workers: processes that make batches; 0 makes them in the main process.
        seed: of order and augmentation.
        layout: joints that the network sees, a layout or what `stgdn.skeleton.layout` takes; None for the store's.
        prepare: makes the store; `prepare_data` calls it if there is none. It must be picklable for `ddp_spawn`.
        changes: single values of `settings`, such as `frames=64`.

    Raises:
        InputError: no store, no such protocol, a number out of range, or joints that do not fit; from `setup`: a split
            without clips, or a store that is damaged.
    """

    def __init__(
        self,
        store: str | Path | PreparedStore,
        protocol: str,
        settings: ClipSettings | None = None,
        *,
        batch_size: int = 64,
        holdout: tuple[int, ...] = (),
        train_share: float = 1.0,
        workers: int = 0,
        seed: int = 1,
        layout: str | Mapping[str, Any] | Layout | None = None,
        prepare: Callable[[], object] | None = None,
        **changes: Any,  # noqa: ANN401
    ) -> None:
        super().__init__()
        for name, value, least in (("batch_size", batch_size, 1), ("workers", workers, 0), ("seed", seed, 0)):
            if type(value) is not int or value < least:
                raise InputError(f"{name}={value} must be a whole number from {least} up")
        for name in changes:
            choose(name, ClipSettings.__dataclass_fields__, "clip setting")
        self.settings = replace(settings or ClipSettings(), **changes)
        self.protocol, self.holdout, self.seed = protocol, holdout, seed
        self.batch_size, self.workers = batch_size, workers
        if isinstance(train_share, bool) or not isinstance(train_share, int | float) or not 0 < train_share <= 1:
            raise InputError(f"data.train_share={train_share} is out of range: give a share above 0 and up to 1")
        self.train_share = train_share
        self._input_layout = None if layout is None else joint_layout(layout)
        self._prepare = prepare
        self._store = store if isinstance(store, PreparedStore) else None
        self.location = store.location if isinstance(store, PreparedStore) else store
        self._splits: dict[str, NDArray[np.int64]] | None = None
        self._streams_before: dict[str, int] | None = None
        missing = prepare is not None and not is_prepared(self.location)
        if self._store is not None or not (missing or is_sharded(self.location)):
            self._expect_fitting()

    def prepare_data(self) -> None:
        """Make the store if there is none; Lightning calls this in one process of each machine."""
        if self._prepare and not is_prepared(self.location):
            self._prepare()

    def setup(self, stage: str = "") -> None:  # noqa: ARG002
        """Open the store and split its clips."""
        if self._splits is not None:
            return
        store = self._store = open_prepared(self.location) if self._store is None else self._store
        self._expect_fitting()
        training, test = store.split(self.protocol)
        held_out = training & np.isin(store.clips["subject"], self.holdout)
        masks = {"train": training & ~held_out, "holdout": held_out, "test": test}
        for split in ("train", "test", *(("holdout",) if self.holdout else ())):
            if not masks[split].any():
                raise InputError(
                    f"protocol {self.protocol} finds no clip for its {split} split among the {len(store)} clips of "
                    f"{store.folder}: prepare the whole data set, or choose another protocol or data.holdout"
                )
        self._splits = {split: np.flatnonzero(mask) for split, mask in masks.items()}
        self._splits["train"] = self._share(self._splits["train"], store.clips["label"])

    def _share(self, indices: NDArray[np.int64], labels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return `train_share` of the indices of every class, at least one; in order."""
        drawn = np.random.default_rng(self.seed).permutation(indices)
        kept = [drawn[labels[drawn] == label] for label in np.unique(labels[indices])]
        return np.sort(np.concatenate([own[: max(1, round(self.train_share * len(own)))] for own in kept]))

    @property
    def store(self) -> PreparedStore:
        """Return the opened store."""
        self.setup()
        assert self._store is not None
        return self._store

    @property
    def splits(self) -> dict[str, NDArray[np.int64]]:
        """Return the indices of the clips of `train`, `holdout` and `test`."""
        self.setup()
        assert self._splits is not None
        return self._splits

    @property
    def header(self) -> Header:
        """Return the store's header: data set, classes, layout, ...; only shards are opened for it."""
        if self._store is None and not is_sharded(self.location):
            return read_header(Path(self.location))
        return self.store.header if self._store is None else self._store.header

    @property
    def classes(self) -> list[str]:
        """Return the class names in the order of the labels."""
        return self.header.classes

    @property
    def layout(self) -> Layout:
        """Return the joints that the network sees."""
        return self._input_layout or joint_layout(self.header.layout)

    @property
    def mapping(self) -> JointMap | None:
        """Return the map from the store's joints to the network's; None if they are the same."""
        source = joint_layout(self.header.layout)
        return None if self.layout == source else JointMap(source, self.layout)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the training clips, shuffled and augmented; with `overfit_batches` the same batches in every epoch."""
        loader = self._loader("train", self.seed)
        if self.trainer:
            assert isinstance(loader.sampler, EpochBatches)
            loader.sampler.seen = self._seen
        return loader

    def val_dataloader(self) -> DataLoader[Batch] | list:
        """Return the clips of the held-out subjects, if there are any."""
        return self._loader("holdout") if len(self.splits["holdout"]) else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return every test clip once, in the order of the store (in shards: of the shards)."""
        return self._loader("test")

    predict_dataloader = test_dataloader

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Check that a training batch was made for the epoch that trains on it.

        Raises:
            RuntimeError: the batch was made for another epoch.
        """
        trainer = self.trainer
        if trainer and trainer.training and not self._overfits and batch["epoch"] != trainer.current_epoch:
            raise RuntimeError(f"a batch of epoch {batch['epoch']} came in epoch {trainer.current_epoch}")
        return batch

    def state_dict(self) -> dict[str, int]:
        """Return what divides the clips of shards among processes."""
        return {"workers": max(self.workers, 1), "processes": self.trainer.world_size if self.trainer else 1}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Take the state of the run that goes on."""
        self._streams_before = state_dict

    def _seen(self) -> int:
        """Return the number of batches of this epoch that were trained on before the trainer was resumed.

        Raises:
            InputError: shards were divided among other processes before, so that clips would be seen twice or never.
        """
        assert self.trainer is not None
        loop, before = self.trainer.fit_loop.epoch_loop, self._streams_before
        seen = loop.batch_progress.current.ready if loop.restarting else 0
        if seen and before not in (None, self.state_dict()) and isinstance(self.store, ShardedStore):
            raise InputError(
                f"the checkpoint lies inside an epoch that workers={before['workers']} on {before['processes']} "
                "processes (trainer.devices) read from shards: resume with the same numbers"
            )
        return seen

    @property
    def _overfits(self) -> bool:
        return self.trainer is not None and bool(self.trainer.overfit_batches)  # pyright: ignore[reportAttributeAccessIssue]

    def batches(
        self, indices: NDArray[np.integer], seed: int | None, rank: int, ranks: int
    ) -> tuple[Dataset[Batch], EpochBatches]:
        """Return the data set that makes the batches of a split, and their sampler."""
        size, store = len(indices), self.store
        if isinstance(store, ShardedStore):
            streams = EpochStreams(size, self.batch_size, seed, rank, ranks, max(self.workers, 1))
            return StreamedBatches(store, indices, self.settings, seed, self.mapping, streams), streams
        clips = ClipBatches(in_one_piece(store), indices, self.settings, seed, self.mapping)
        return clips, EpochBatches(size, self.batch_size, seed, rank, ranks)

    def _loader(self, split: str, seed: int | None = None) -> DataLoader[Batch]:
        trainer = self.trainer
        rank, ranks = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        dataset, sampler = self.batches(self.splits[split], seed, rank, ranks)
        sampler.repeats = self._overfits
        return EpochLoader(
            dataset,
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=trainer is not None and trainer.strategy.root_device.type == "cuda",
        )

    def _expect_fitting(self) -> None:
        """Check that protocol, settings and joints fit the store.

        Raises:
            InputError: no such protocol, a turn that the joints do not allow, or joints that the store does not have.
        """
        find_protocol(self.protocol, self.header.own_protocols())
        settings, joints = self.settings, self.mapping.target if self.mapping else self.layout
        if joints.planar and (settings.align != "none" or any(settings.rotate[:2])):
            raise InputError(
                f"layout {joints.name} is flat, data.align and data.rotate about x, y need depth: say data.align=none "
                "'data.rotate=[0,0,0]'"
            )
        if settings.align != "none" and not joints.has_axes:
            raise InputError(f"layout {joints.name} has no spine or no shoulders: say data.align=none")
