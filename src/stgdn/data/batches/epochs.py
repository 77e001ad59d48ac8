"""The batches of an epoch of a store in one piece: their order, their clips, and how Lightning iterates over them."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, SequentialSampler

from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.random_numbers import NUM_RANDOM
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import batch
from stgdn.data.store.clip_arrays import ClipArrays
from stgdn.errors import InputError


class Batch(TypedDict):
    """Hold clips (N, C, T, V, M), labels (N,) from 0, indices (N,) into the store, and the epoch of the batch."""

    clips: Tensor
    labels: Tensor
    indices: Tensor
    epoch: int


class EpochBatches(DistributedSampler, SequentialSampler):
    """Yield (epoch, positions of a batch); the order is a function of seed and epoch only.

    In a data-parallel run every rank takes a share of each batch's clips, in training equally many.

    Lightning replaces samplers: in a data-parallel run all but a `DistributedSampler`, with `overfit_batches` all but a
    `SequentialSampler`. This one does what both are for, so that it is derived from both (and uses nothing of them).

    Args:
        size: number of clips.
        batch_size: clips in a batch over all ranks.
        seed: None for all clips in order, in batches of nearly the same size.
        rank, ranks: index of this process and number of processes.

    Attributes:
        repeats: every epoch has the batches of the first one.
        seen: returns the number of batches of this epoch that a resumed run has trained on before; they are left out.

    Raises:
        InputError: fewer clips than ranks.
    """

    repeats = False
    seen: Callable[[], int] = staticmethod(lambda: 0)

    def __init__(self, size: int, batch_size: int, seed: int | None = None, rank: int = 0, ranks: int = 1) -> None:
        if size < ranks:
            raise InputError(f"{size} clips do not go around {ranks} processes: lower trainer.devices")
        self.size, self.seed = size, seed
        self.batch_size = batch_size if seed is None else min(batch_size, size - size % ranks)
        self.rank, self.ranks, self.epoch = rank, ranks, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this before every epoch."""
        self.epoch = 0 if self.repeats else epoch

    def __len__(self) -> int:
        """Return the number of batches; training leaves an incomplete last one out."""
        if self.seed is not None:
            return self.size // self.batch_size
        return min(-(-self.size // self.batch_size), self.size // self.ranks)  # a clip for every rank in every batch

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Yield the batches of this epoch that have not been seen."""
        return islice(self.all_batches(), self.seen(), None)

    def all_batches(self) -> Iterator[tuple[int, list[int]]]:
        """Yield the batches of this epoch, also those seen before."""
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
        store: ClipArrays,
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
            shape = len(self.store.clips), NUM_RANDOM
            self._cached = epoch, np.random.default_rng([self.seed or 0, epoch]).random(shape)
        return self._cached[1]


class EpochLoader(DataLoader[Batch]):
    """Begin an epoch when its first batch is requested, and not when the iterator is made.

    Worker processes fetch ahead as soon as they start. Lightning makes the first iterator before it has restored the
    progress of a resumed run, so that the workers would make batches of another epoch, or such as were seen before.

    Of a run that is resumed inside an epoch Lightning asks whether loaders can be; this one has no state of its own, as
    the trainer's progress says where it is.
    """

    def __iter__(self) -> Iterator[Batch]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Yield the batches of the sampler's epoch."""
        yield from super().__iter__()

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take an empty state."""
