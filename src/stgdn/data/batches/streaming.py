"""Batches of a store in shards, which is read as a stream.

An epoch is one order of all clips of a split: in training the shards in random order, in evaluation as they are, and
in each the clips as they lie there. Every process takes an unbroken part of that order, and of this every worker
process another one, its stream. Parts are counted in clips and may end in the middle of a shard, so that all processes
make equally many batches and no clip is seen twice, however many shards there are. In training WebDataset then shuffles
the clips of a stream within a window.

A clip gives the same input as from a store in one piece: see `stgdn.data.batches.datamodule`.
"""

import io
import random
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from stgdn.data.batches.epochs import Batch, EpochBatches
from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.random_numbers import random_numbers_at
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import batch
from stgdn.data.store.clip_arrays import ClipsInMemory
from stgdn.data.store.shards import BLOCK, ShardedStore
from stgdn.data.store.storage import as_storage_error, webdataset

WINDOW = 2048  # clips that a stream's shuffle chooses from

Streamed = tuple[int, NDArray[np.floating]]  # index of a clip, and its (rows, V, C)


class EpochStreams(EpochBatches):
    """Yield (epoch, [stream, number of the batch in its stream]); streams alternate, as worker processes do.

    `streams` is the number of streams that this process reads at the same time, the others are those of `EpochBatches`.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int | None = None, rank: int = 0, ranks: int = 1, streams: int = 1
    ) -> None:
        super().__init__(size, batch_size, seed, rank, ranks)
        self.streams = streams

    def all_batches(self) -> Iterator[tuple[int, list[int]]]:
        """Yield the batches of this epoch, also those seen before."""
        epoch = self.epoch
        for step in range(len(self)):
            yield epoch, [step % self.streams, step // self.streams]

    def extent(self, stream: int) -> tuple[int, list[int]]:
        """Return where a stream begins in the epoch's order, and the number of clips of each of its batches."""
        taken = self.size if self.seed is None else len(self) * self.batch_size
        first, last = taken * self.rank // self.ranks, taken * (self.rank + 1) // self.ranks
        least, over = divmod(last - first, len(self))
        sizes = [least + (step < over) for step in range(len(self))]
        before = sum(sum(sizes[other :: self.streams]) for other in range(stream))
        return first + before, sizes[stream :: self.streams]


class StreamedBatches(Dataset[Batch]):
    """Make the batches that `EpochStreams` names, each from the next clips of its stream.

    A stream is read in order; a request for any batch but the next one restarts the stream and reads up to there.
    """

    def __init__(
        self,
        store: ShardedStore,
        indices: NDArray[np.integer],
        settings: ClipSettings,
        seed: int | None,
        mapping: JointMap | None,
        epochs: EpochStreams,
    ) -> None:
        self.store, self.settings, self.seed, self.mapping, self.epochs = store, settings, seed, mapping, epochs
        locations = store.locations[indices]
        self.indices = indices[np.lexsort((locations["offset"], locations["shard"]))]  # shard by shard
        self.counts = np.bincount(locations["shard"], minlength=len(store.shards))
        self.firsts = self.counts.cumsum() - self.counts
        self._next: tuple[int, int, int] | None = None
        self._batches: Iterator[Batch] = iter(())

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.indices)

    def __getitem__(self, key: tuple[int, list[int]]) -> Batch:
        """Return the batch that `EpochStreams` names."""
        epoch, (stream, number) = key
        if self._next != (epoch, stream, number):
            self._batches = islice(self._stream(epoch, stream), number, None)
        self._next = epoch, stream, number + 1
        return next(self._batches)

    def _stream(self, epoch: int, stream: int) -> Iterator[Batch]:
        first, sizes = self.epochs.extent(stream)
        clips = self._clips(epoch, first, first + sum(sizes))
        if self.seed is not None:
            rng = random.Random(f"{self.seed} {epoch} {self.epochs.rank} {stream}")
            clips = iter(webdataset().shuffle(WINDOW, initial=WINDOW, rng=rng)(clips))
        for size in sizes:
            yield self._batch(epoch, list(islice(clips, size)))

    def _clips(self, epoch: int, first: int, last: int) -> Iterator[Streamed]:
        """Yield clips `first` to `last` (exclusive) of an epoch's order."""
        shards = np.arange(len(self.counts))
        if self.seed is not None:
            shards = np.random.default_rng([self.seed, epoch]).permutation(shards)
        ends = self.counts[shards].cumsum()
        for shard, end in zip(shards.tolist(), ends.tolist(), strict=True):
            begin = end - self.counts[shard]
            low, high = max(first, begin) - begin, min(last, end) - begin
            if low < high:
                yield from self._shard(shard, self.indices[self.firsts[shard] :][low:high])

    def _shard(self, shard: int, indices: NDArray[np.integer]) -> Iterator[Streamed]:
        """Yield clips of a shard, given in the order of the shard; nothing before and after these is read."""
        store, offsets = self.store, self.store.locations["offset"][indices]
        wanted = {f"{index:09}.rows": index for index in indices.tolist()}
        location = f"{store.location}, {store.shards[shard]['name']}"
        with as_storage_error(location):
            content = store.read(shard, offsets[0] - BLOCK, offsets[-1] + store.size(indices[-1]))
            members = webdataset().tariterators.tar_file_iterator(io.BytesIO(content), select_files=wanted.__contains__)
            for member in islice(members, len(wanted)):
                index = wanted.pop(member["fname"])
                yield index, store.checked_rows(index, member["data"])
        if wanted:
            raise store.damaged(shard, f"{len(wanted)} of its clips are not to be found")

    def _batch(self, epoch: int, streamed: list[Streamed]) -> Batch:
        chosen = np.array([index for index, _ in streamed], np.int64)
        records = self.store.clips[chosen]
        frames = records["frames"].astype(np.int64)
        records["row"] = np.where(frames > 0, frames.cumsum().reshape(frames.shape) - frames, 0)
        clips = ClipsInMemory(records, np.concatenate([rows for _, rows in streamed]), self.store.layout)
        random_numbers = None if self.seed is None else random_numbers_at(self.seed, epoch, chosen)
        made = batch(clips, np.arange(len(chosen)), self.settings, random_numbers, self.mapping)
        labels = torch.from_numpy(records["label"].astype(np.int64))
        return Batch(clips=torch.from_numpy(made), labels=labels, indices=torch.from_numpy(chosen), epoch=epoch)
