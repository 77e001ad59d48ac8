"""Checkpoints and the configs in them: what they hold, and the parts of a `Recognizer` that they describe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning import LightningModule
from omegaconf import DictConfig
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.runs.stored_config import build
from stgdn.runs.weights_file import read_weights

EPOCH_METRICS = "epoch_metrics"  # key of a checkpoint that lies inside an epoch


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running anything in it.

    Raises:
        InputError: missing, damaged, or holding more than plain Python and weights.
    """
    content = read_weights(path)
    if not isinstance(content, dict) or "state_dict" not in content:
        raise InputError(f"{path} is not a checkpoint of this suite: it has no weights under 'state_dict'")
    return content


def whole_epochs(checkpoint: Mapping[str, Any]) -> int:
    """Return the number of epochs that were complete when a checkpoint was written; 0 if it does not know."""
    return int(checkpoint.get("epoch", -1)) + (EPOCH_METRICS not in checkpoint)


def set_weights(recognizer: LightningModule, state: Mapping[str, Tensor], path: Path) -> None:
    """Set a recognizer's weights to those that were read from a file.

    Raises:
        InputError: the weights are of another network.
    """
    own = recognizer.state_dict()
    differing = [
        key
        for key in sorted(own.keys() | state.keys())
        if key not in own or key not in state or own[key].shape != state[key].shape
    ]
    if differing:
        key = differing[0]
        shapes = [tuple(part[key].shape) if key in part else "missing" for part in (state, own)]
        name = getattr(recognizer.network, "name", type(recognizer.network).__name__)
        raise InputError(
            f"{path} is a checkpoint of another network: {len(differing)} of {len(own)} entries differ, the first is "
            f"{key} ({shapes[0]} in the file, {shapes[1]} in {name}); give the run it belongs to"
        )
    recognizer.load_state_dict(state)


def stored_network(model: Mapping[Any, Any]) -> nn.Module:
    """Return the network of a stored config, with random weights, not compiled: that takes longer than most tests."""
    compiled = {"compile": False} if "compile" in model else {}
    return build({**model, **compiled}, "network")


def network_parts(config: DictConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a `Recognizer` that a stored config has for its network, unless that is given."""
    network = {} if "network" in given else {"network": stored_network(config.model)}
    return network | {"num_classes": config.data.num_classes}


def training_parts(config: DictConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a `Recognizer` that a stored config has for training on, but those that are given."""
    plain = {key: config[key] for key in ("batch_size", "seed", "freeze") if key in config}
    kinds = (kind for kind in ("loss", "optimizer", "scheduler") if kind in config and kind not in given)
    return plain | {kind: build(config[kind], kind) for kind in kinds}
