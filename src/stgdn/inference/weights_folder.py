"""A folder with a network's weights and metadata: `model.safetensors` beside `config.json`.

Reading it needs neither Lightning nor pickle. `config.json` has the metadata that `stgdn.export.metadata` lists.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from stgdn.errors import InputError

WEIGHTS, METADATA_FILE = "model.safetensors", "config.json"


def is_weights_folder(path: Path) -> bool:
    """Return whether a folder holds exported weights."""
    return (path / WEIGHTS).is_file()


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read the metadata of a folder's weights.

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
    return metadata


def read_weights_folder(folder: Path) -> dict[str, Any]:
    """Read a folder as a checkpoint's content: `config`, `epoch`, `state_dict`; and `folded`.

    Raises:
        InputError: either file is missing or damaged.
    """
    metadata = read_metadata(folder)
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
