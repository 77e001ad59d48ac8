"""What an exported network says of itself, as plain data: all that it takes to use it, and where it comes from."""

import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from omegaconf import OmegaConf

from stgdn.errors import InputError
from stgdn.inference.trained import TrainedNetwork
from stgdn.inference.weights_folder import WEIGHTS, read_metadata
from stgdn.model.network import Network

# What of a run's config is about the network and not about the machine that trained it.
KEPT = ("seed", "recipe_name", "epochs", "batch_size", "width", "optimisation", "data", "model", "origin")
PLACES = ("source", "store")


def facts_of(network: TrainedNetwork, *, folded: bool) -> dict[str, Any]:
    """Everything about a network but its weights.

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
    """Accuracy in percent on the test split, seed, number of clips and command; None if these weights were not tested.

    A run's summary is about its last epoch; that of an exported folder is what the folder says.
    """
    path = network.checkpoint
    if path.name == WEIGHTS:
        return read_metadata(path.parent).get("results")
    try:
        summary = json.loads((path.parent.parent / "summary.json").read_text(encoding="utf-8"))
        keys = ("test_top1", "test_top5", "seed", "clips", "command", "synthetic")
        return {key: summary.get(key) for key in keys} if summary["epochs"] == network.epoch else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def as_strings(facts: dict[str, Any]) -> dict[str, str]:
    """Facts as formats hold them that know strings only: words as they are, everything else as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in facts.items()
    }


def expect_complete(network: TrainedNetwork, *, unfinished: bool) -> None:
    """Check that a network was trained to its end, unless an unfinished one is wanted.

    Raises:
        InputError: it was not.
    """
    if not network.finished and not unfinished:
        raise InputError(
            f"{network.checkpoint} is of epoch {network.epoch} of {network.config.epochs}: train it to its end with "
            "resume=true, or export it as it is with unfinished=true"
        )


def _config(network: TrainedNetwork) -> dict[str, Any]:
    config: Any = OmegaConf.to_container(network.config, resolve=True)
    kept = {key: config[key] for key in KEPT if key in config}
    kept["data"] = {key: value for key, value in kept["data"].items() if key not in PLACES}
    if isinstance(reader := kept["data"].get("reader"), dict):
        kept["data"]["reader"] = {key: value for key, value in reader.items() if key not in PLACES}
    kept["data"]["classes"] = list(network.classes)
    return kept
