"""Comparison of an exported network with the trained one: clips for it, differences of scores, and speed."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader

from stgdn.benchmark.timing import median_seconds
from stgdn.data.build import stored_data
from stgdn.data.store.shards import is_sharded
from stgdn.inference.classifier import TrainedNetwork

ROUNDS = 5


def clips_for(network: TrainedNetwork, count: int, store: str | None = None) -> tuple[Tensor, bool]:
    """Return test clips (N, C, T, V, M) of the network's data and True, or random ones and False without its store.

    Args:
        network: the network of a run.
        count: largest number of clips, taken evenly from the whole test split.
        store: where the prepared store is now; None for where the run found it.
    """
    config = OmegaConf.create(OmegaConf.to_container(network.config, resolve=True))
    assert isinstance(config, DictConfig)
    if store is not None:
        config.data.store = store
    stored = config.data.get("store")
    if store is None and (stored is None or not (is_sharded(stored) or (Path(stored) / "store.json").is_file())):
        return random_clips(network, count), False
    config.workers = 0
    data = stored_data(config)
    test = data.splits["test"]
    chosen = test[np.unique(np.linspace(0, len(test) - 1, min(count, len(test))).round().astype(int))]
    dataset, sampler = data.batches(chosen, None, 0, 1)
    batches = DataLoader(dataset, sampler=sampler, batch_size=None)
    return torch.cat([batch["clips"] for batch in batches]), True


def random_clips(network: TrainedNetwork, count: int) -> Tensor:
    """Return clips of normal random numbers; every second one has only the first body."""
    clips = torch.randn(count, *network.clip_shape, generator=torch.Generator().manual_seed(0))
    clips[1::2, ..., 1:] = 0
    return clips


def largest_difference(one: Callable[[Tensor], Tensor], other: Callable[[Tensor], Tensor], clips: Tensor) -> float:
    """Return the largest score difference on clips (N, C, T, V, M), in batches of 1, 3, 16, ...; NaN if any is."""
    batches = clips.tensor_split([1, 4, *range(20, len(clips), 16)])
    with torch.inference_mode():
        differences = [(one(batch) - other(batch)).abs().max() for batch in batches if len(batch)]
    return float(torch.stack(differences).max())


def clips_per_second(
    scorers: Mapping[str, Callable[[Tensor], Tensor]], clips: Tensor, batch_size: int
) -> dict[str, float]:
    """Return the clips per second of each scorer on one thread, by the median of batches measured in turn."""
    batch = clips[torch.arange(batch_size) % len(clips)]
    calls = {name: lambda _, scorer=scorer: scorer(batch) for name, scorer in scorers.items()}
    with torch.inference_mode():
        seconds = median_seconds(calls, ROUNDS)
    return {name: batch_size / taken for name, taken in seconds.items()}
