"""Batches of a prepared store for Lightning."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.transforms import ClipSettings, batch
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.skeleton import Layout

NUM_RANDOM = 6  # uniform numbers that augmentation uses for a clip


class Batch(TypedDict):
    """Hold clips (N, C, T, V, M), labels (N,) from 0, indices (N,) into the store, and the epoch of the batch."""

    clips: Tensor
    labels: Tensor
    indices: Tensor
    epoch: int


class EpochBatches(Sampler[tuple[int, list[int]]]):
    """Yield (epoch, positions of a batch); the order is a function of seed and epoch only.

    In a data-parallel run every rank takes a share of each batch's clips, in training equally many.

    Args:
        size: number of clips.
        batch_size: clips in a batch over all ranks.
        seed: None for all clips in order, in batches of nearly the same size.
        rank, ranks: index of this process and number of processes.

    Raises:
        InputError: fewer clips than ranks.
    """

    def __init__(self, size: int, batch_size: int, seed: int | None = None, rank: int = 0, ranks: int = 1) -> None:
        if size < ranks:
            raise InputError(f"{size} clips do not go around {ranks} processes: lower trainer.devices")
        self.size, self.seed = size, seed
        self.batch_size = batch_size if seed is None else min(batch_size, size - size % ranks)
        self.rank, self.ranks, self.epoch = rank, ranks, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches; training leaves an incomplete last one out."""
        if self.seed is not None:
            return self.size // self.batch_size
        return min(-(-self.size // self.batch_size), self.size // self.ranks)  # a clip for every rank in every batch

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        """Yield the batches of this epoch."""
        epoch, order = self.epoch, np.arange(self.size)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.size)[: len(self) * self.batch_size]
        for chosen in np.array_split(order, len(self)):
            yield epoch, chosen[self.rank :: self.ranks].tolist()


class ClipBatches(Dataset[Batch]):
    """Make whole batches from a store.

    Augmentation depends on (seed, epoch, index) alone: a clip is augmented alike by every worker process, and
    differently in every epoch.
    """

    def __init__(
        self,
        store: Store,
        indices: NDArray[np.integer],
        settings: ClipSettings,
        seed: int | None,
        mapping: JointMap | None = None,
    ) -> None:
        self.store, self.indices, self.settings, self.seed, self.mapping = store, indices, settings, seed, mapping
        self._cached: tuple[int, NDArray[np.float64]] | None = None

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.indices)

    def __getitem__(self, key: tuple[int, list[int]]) -> Batch:
        """Return the batch that `EpochBatches` names."""
        epoch, positions = key
        chosen = self.indices[positions]
        random_numbers = None if self.seed is None else self._random_numbers(epoch)[chosen]
        return Batch(
            clips=torch.from_numpy(batch(self.store, chosen, self.settings, random_numbers, self.mapping)),
            labels=torch.from_numpy(self.store.clips["label"][chosen].astype(np.int64)),
            indices=torch.from_numpy(chosen.astype(np.int64)),
            epoch=epoch,
        )

    def _random_numbers(self, epoch: int) -> NDArray[np.float64]:
        """Return the uniform numbers of an epoch, (clips of the store, NUM_RANDOM)."""
        if self._cached is None or self._cached[0] != epoch:
            self._cached = epoch, np.random.default_rng([self.seed or 0, epoch]).random((len(self.store), NUM_RANDOM))
        return self._cached[1]


class EpochLoader(DataLoader[Batch]):
    """Begin an epoch when its first batch is requested, and not when the iterator is made.

    Worker processes fetch ahead as soon as they start. Lightning makes the first iterator before it has restored the
    progress of a resumed run, so that the workers would make batches of another epoch.
    """

    def __iter__(self) -> Iterator[Batch]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Yield the batches of the sampler's epoch."""
        yield from super().__iter__()


class SkeletonData(lightning.LightningDataModule):
    """Provide training, held-out and test clips of a prepared store to Lightning.

    Args:
        store: the prepared store, or its folder.
        protocol: name of the evaluation protocol, as in `stgdn.data.protocols`.
        settings: how to make the network's inputs from clips.
        batch_size: clips in a training batch, over all devices.
        holdout: subjects of the training split that do not train, for choosing hyperparameters.
        workers: processes that make batches; 0 makes them in the main process.
        seed: of order and augmentation.
        layout: joints that the network sees; None for the store's.

    Raises:
        InputError: no store, a split without clips, a number out of range, a turn that the joints do not allow, or
            joints that cannot be made of the store's.
    """

    def __init__(
        self,
        store: str | Path | Store,
        protocol: str,
        settings: ClipSettings,
        *,
        batch_size: int = 64,
        holdout: tuple[int, ...] = (),
        workers: int = 0,
        seed: int = 1,
        layout: Layout | None = None,
    ) -> None:
        super().__init__()
        for name, value, least in (("batch_size", batch_size, 1), ("workers", workers, 0), ("seed", seed, 0)):
            if type(value) is not int or value < least:
                raise InputError(f"{name}={value} must be a whole number from {least} up")
        self.store = store if isinstance(store, Store) else Store(store)
        self.layout = layout or self.store.layout
        self.mapping = None if self.layout == self.store.layout else JointMap(self.store.layout, self.layout)
        if self.layout.planar and (settings.align != "none" or any(settings.rotate[:2])):
            raise InputError(f"layout {self.layout.name} is flat: data.align and data.rotate about x, y need depth")
        if settings.align != "none" and not self.layout.has_axes:
            raise InputError(f"layout {self.layout.name} has no spine or no shoulders: say data.align=none")
        self.settings, self.batch_size, self.workers, self.seed = settings, batch_size, workers, seed
        clips = self.store.clips
        training = self.store.training(protocol)
        held_out = training & np.isin(clips["subject"], holdout)
        self.splits = {
            "train": np.flatnonzero(training & ~held_out),
            "holdout": np.flatnonzero(held_out),
            "test": np.flatnonzero(~training),
        }
        for split in ("train", "test", *(("holdout",) if holdout else ())):
            if not len(self.splits[split]):
                raise InputError(
                    f"protocol {protocol} finds no clip for its {split} split among the {len(clips)} clips of "
                    f"{self.store.folder}: prepare the whole data set, or choose another protocol or data.holdout"
                )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the training clips, shuffled and augmented."""
        return self._loader("train", self.seed)

    def val_dataloader(self) -> DataLoader[Batch] | list:
        """Return the clips of the held-out subjects, if there are any."""
        return self._loader("holdout") if len(self.splits["holdout"]) else []

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return every test clip once, in the order of the store."""
        return self._loader("test")

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Check that a training batch was made for the epoch that trains on it.

        Raises:
            RuntimeError: the batch was made for another epoch.
        """
        if self.trainer and self.trainer.training and batch["epoch"] != self.trainer.current_epoch:
            raise RuntimeError(f"a batch of epoch {batch['epoch']} came in epoch {self.trainer.current_epoch}")
        return batch

    def batches(
        self, indices: NDArray[np.integer], seed: int | None, rank: int, ranks: int
    ) -> tuple[Dataset[Batch], EpochBatches]:
        """Return the data set that makes the batches of a split, and their sampler."""
        epochs = EpochBatches(len(indices), self.batch_size, seed, rank, ranks)
        return ClipBatches(self.store, indices, self.settings, seed, self.mapping), epochs

    def _loader(self, split: str, seed: int | None = None) -> DataLoader[Batch]:
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        indices = self.splits[split]
        dataset, sampler = self.batches(indices, seed, rank, ranks)
        return EpochLoader(
            dataset,
            sampler=sampler,
            batch_size=None,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
        )
