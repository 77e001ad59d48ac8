"""Metadata of an exported network as plain data: its input, classes, preprocessing, config and results."""

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from omegaconf import OmegaConf

from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.load import WEIGHTS, read_metadata
from stgdn.model.network import Network
from stgdn.runs.folder import SUMMARY
from stgdn.runs.partial import is_partial
from stgdn.runs.result import read_counts

# Entries of a run's config that describe the network and not the machine that trained it.
TRAINING = ("loss", "optimizer", "scheduler")
KEPT = ("seed", "recipe_name", "epochs", "batch_size", "width", *TRAINING, "data", "model", "origin")
PATHS = ("source", "store")


def metadata_of(network: TrainedNetwork, *, folded: bool) -> dict[str, Any]:
    """Return the metadata of a network.

    Keys: `network`, `stream`, `clip_shape` (C, T, V, M), `classes` in the order of the scores, `layout` (joints and
    bones that the network sees), `data_layout` (those of the run's data), `preprocessing` (`ClipSettings`), `folded`,
    `parameters`, `epoch`, `results` (null if this checkpoint was not tested), `config` (of the run) and `made_with`.
    """
    inner = network.network
    assert isinstance(inner, Network)
    return {
        "made_with": f"stgdn {version('stgdn')}",
        "network": network.name,
        "stream": network.stream,
        "clip_shape": dict(zip("CTVM", inner.clip_shape, strict=True)),
        "classes": list(network.classes),
        "layout": asdict(network.preprocessing.input_layout),
        "data_layout": asdict(network.layout),
        "preprocessing": asdict(network.preprocessing.settings),
        "folded": folded,
        "parameters": sum(parameter.numel() for parameter in inner.parameters()),
        "epoch": network.epoch,
        "results": results_of(network),
        "config": _config(network),
    }


def results_of(network: TrainedNetwork) -> dict[str, Any] | None:
    """Return accuracy in percent on the test split, seed, clip counts and command; None if the weights were not tested.

    A run's summary describes its last epoch; an exported folder has its own results.
    """
    path = network.checkpoint
    if path.name == WEIGHTS:
        return read_metadata(path.parent).get("results")
    try:
        summary = json.loads((path.parent.parent / SUMMARY).read_text(encoding="utf-8"))
        if is_partial(network.config, *read_counts(path.parent.parent)):
            return None
        keys = ("test_top1", "test_mean_class", "test_top5", "seed", "clips", "command", "synthetic")
        return {key: summary.get(key) for key in keys} if summary["epochs"] == network.epoch else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _config(network: TrainedNetwork) -> dict[str, Any]:
    config: Any = OmegaConf.to_container(network.config, resolve=True)
    kept = {key: config[key] for key in KEPT if key in config}
    kept["data"] = {key: value for key, value in kept["data"].items() if key not in PATHS}
    if isinstance(reader := kept["data"].get("reader"), dict):
        kept["data"]["reader"] = {key: value for key, value in reader.items() if key not in PATHS}
    kept["data"]["classes"] = list(network.classes)
    return kept
