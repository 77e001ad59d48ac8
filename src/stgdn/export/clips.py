"""Clips to compare networks on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import DataLoader

from stgdn.data.build import build_data
from stgdn.data.store.shards import is_sharded
from stgdn.inference.classifier import TrainedNetwork
from stgdn.model.network import Network


class Clips(NamedTuple):
    """Hold clips (N, C, T, V, M), and whether they are of the test split and not random numbers."""

    clips: Tensor
    real: bool


def clips_for(network: TrainedNetwork, count: int, store: str | None = None) -> Clips:
    """Return test clips of the network's data, evenly from the whole split; random ones if its store is missing.

    Args:
        network: the network whose data are used.
        count: largest number of clips.
        store: where the prepared store is now; None for where the run found it.

    Raises:
        InputError: the store is damaged or of other data, or `store` does not exist.
    """
    config = OmegaConf.create(OmegaConf.to_container(network.config, resolve=True))
    assert isinstance(config, DictConfig)
    if store is not None:
        config.data.store = store
    place = config.data.get("store")
    if store is None and (place is None or not (is_sharded(place) or (Path(place) / "store.json").is_file())):
        return Clips(_random(network, count), real=False)
    config.workers = 0
    data = build_data(config)
    test = data.splits["test"]
    chosen = test[np.unique(np.linspace(0, len(test) - 1, min(count, len(test))).round().astype(int))]
    dataset, sampler = data.batches(chosen, None, 0, 1)
    batches = DataLoader(dataset, sampler=sampler, batch_size=None)
    return Clips(torch.cat([batch["clips"] for batch in batches]), real=True)


def _random(network: TrainedNetwork, count: int) -> Tensor:
    """Return clips of normal random numbers; every second one has only the first body."""
    inner = network.network
    assert isinstance(inner, Network)
    clips = torch.randn(count, *inner.clip_shape, generator=torch.Generator().manual_seed(0))
    clips[1::2, ..., 1:] = 0
    return clips
