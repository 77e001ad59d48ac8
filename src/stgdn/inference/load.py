"""Load trained networks from runs, checkpoint files and folders of exported weights: `stgdn.load`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from safetensors import SafetensorError
from safetensors.torch import load_file

from stgdn.checksums import expect_unchanged
from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError, choose
from stgdn.inference.classifier import Classifier, TrainedNetwork, fuse_networks
from stgdn.inference.preprocessing import Preprocessing
from stgdn.model.fold import fold
from stgdn.model.network import Network
from stgdn.runs.folder import FUSION, expect_run
from stgdn.runs.folder import checkpoint as checkpoint_of
from stgdn.runs.own_classes import trusting
from stgdn.runs.stored_config import stored_config
from stgdn.training.checkpoint_file import read_checkpoint, set_weights, stored_network, whole_epochs
from stgdn.training.recognizer import Recognizer

WEIGHTS, METADATA_FILE = "model.safetensors", "config.json"  # of a folder with exported weights


def load(place: str | Path, checkpoint: str = "last", *, trust: str | Sequence[str] = ()) -> TrainedNetwork:
    """Load the network of a run, ready for raw clips, on the CPU; `.to("cuda")` moves it.

    Args:
        place: a run's folder, `outputs/DATA/MODEL/STREAM/RECIPE-seedN`, finished or not, or a checkpoint file; a file
            is enough, wherever it lies; or a folder with `model.safetensors`, as `src/export.py` writes it.
        checkpoint: of a folder, `last` or the name of another one in its `checkpoints/`.
        trust: packages of your own in which the run may name its network or blocks. Their code is run, with the
            arguments that stand in the run's config.

    Returns:
        The network with its class names and preprocessing; see `TrainedNetwork` for what it does with clips.

    Raises:
        InputError: no run, no such checkpoint, or a file that is none (pickled code is refused, nothing of it runs); or
            a network of a package that is not trusted.
    """
    with trusting(trust):
        return _assembled(*read_trained(place, checkpoint))


def read_trained(place: str | Path, checkpoint: str = "last") -> tuple[dict[str, Any], Path]:
    """Read the checkpoint of a place as for `load`, or a weights folder as if it were one; return it with its path."""
    path = Path(place).expanduser()
    if path.name == WEIGHTS and path.is_file():
        path = path.parent
    if is_weights_folder(path):
        return _read_weights_folder(path), path / WEIGHTS
    if not path.is_file():
        if (path / FUSION).exists():
            raise InputError(f"{path} is a fusion: give the runs that it was made from, run=[A,B]")
        if path.suffix == ".ckpt":
            raise InputError(f"no checkpoint file {path}: give one, or a run's folder outputs/DATA/MODEL/STREAM/NAME")
        expect_run(path)
        path = checkpoint_of(path, checkpoint)
    return read_checkpoint(path), path


def load_networks(
    paths: str | Sequence[str], checkpoint: str = "last", weights: Mapping[str, float | None] | None = None
) -> Classifier:
    """Load one trained network, or several that are fused.

    Args:
        paths: runs or checkpoint files, see `load`; of several each is of another stream.
        checkpoint: see `load`.
        weights: by stream; those missing or None are the published ones.
    """
    members = [load(path, checkpoint) for path in ([paths] if isinstance(paths, str) else paths)]
    if len(members) == 1 and not any(weight is not None for weight in (weights or {}).values()):
        return members[0]
    return fuse_networks(members, weights)


def chosen_device(accelerator: str) -> torch.device:
    """Return the torch device for the option `accelerator`: `auto`, `cpu` or `gpu`.

    Raises:
        InputError: another word, or no GPU where one is asked for.
    """
    available = torch.cuda.is_available()
    if choose(accelerator, ("auto", "cpu", "gpu"), "accelerator") == "gpu" and not available:
        raise InputError("accelerator=gpu: PyTorch finds no GPU here, say accelerator=cpu")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")


def _assembled(content: dict[str, Any], path: Path) -> TrainedNetwork:
    """Build the network from the content of a checkpoint or of a weights folder, which carries the run's config."""
    if not isinstance(content.get("config"), dict):
        raise InputError(f"{path} does not carry the config of its run: train the run again with this version")
    config = stored_config(content["config"], path, ("data", "model"))
    try:
        with torch.random.fork_rng(devices=[]):
            network = stored_network(config.model)
        recognizer = Recognizer(network, config.data.num_classes)
        preprocessing = Preprocessing.of(config.data)
    except (AttributeError, ImportError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"{path} has a config that this version cannot use: {error}") from None
    if content.get("folded") and isinstance(network, Network):
        recognizer.network = fold(network)
    set_weights(recognizer, content["state_dict"], path)
    epochs, stopped = whole_epochs(content), bool(content.get("stopped", False))
    network, classes = recognizer.network.eval(), class_names(config.data)
    return TrainedNetwork(network, classes, preprocessing, config, path, epochs, stopped)


def class_names(data: DictConfig) -> tuple[str, ...]:
    """Return class names: as training recorded them, else as the prepared store has them, else `class 0`, ...

    Runs from before names were recorded need their store.
    """
    names = data.get("classes")
    if names is None:
        try:
            names = [] if "://" in str(data.store) else open_prepared(data.store).header.classes  # no network for names
        except InputError:
            names = []
    if len(names) != data.num_classes:
        names = [f"class {number}" for number in range(data.num_classes)]
    return tuple(str(name) for name in names)


def is_weights_folder(path: Path) -> bool:
    """Return whether a folder holds exported weights."""
    return (path / WEIGHTS).is_file()


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read the metadata of a folder's weights, which `stgdn.export.metadata` lists.

    Raises:
        InputError: there is none, or no JSON that holds a network's config.
    """
    path = folder / METADATA_FILE
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{folder} holds {WEIGHTS} but no readable {METADATA_FILE}: {error}") from None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("config"), dict):
        raise InputError(f"{path} is not the {METADATA_FILE} of an exported network: it has no 'config'")
    expect_unchanged(path, path)
    return metadata


def _read_weights_folder(folder: Path) -> dict[str, Any]:
    """Read a folder as a checkpoint's content, without pickle: `config`, `epoch`, `state_dict`; and `folded`."""
    metadata = read_metadata(folder)
    expect_unchanged(folder / WEIGHTS, folder / METADATA_FILE)
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / WEIGHTS} is not a readable file of weights: {error}") from None
    epochs = metadata.get("epoch")
    return {
        "config": metadata["config"],
        "epoch": (epochs if type(epochs) is int else 0) - 1,  # checkpoints count from 0
        "folded": metadata.get("folded") is True,
        "state_dict": {f"network.{name}": tensor for name, tensor in weights.items()},
    }
