"""A folder with a network's weights and what they are: `model.safetensors` beside `config.json`.

Neither Lightning nor pickle is needed for it. `config.json` has the facts that `stgdn.export.facts` lists.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from stgdn.errors import InputError

WEIGHTS, FACTS = "model.safetensors", "config.json"


def is_weights_folder(path: Path) -> bool:
    """Whether a folder holds exported weights."""
    return (path / WEIGHTS).is_file()


def read_facts(folder: Path) -> dict[str, Any]:
    """What the folder says of its weights.

    Raises:
        InputError: nothing, or no JSON that holds a network's config.
    """
    path = folder / FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{folder} holds {WEIGHTS} but no readable {FACTS}: {error}") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("config"), dict):
        raise InputError(f"{path} is not the {FACTS} of an exported network: it has no 'config'")
    return facts


def read_weights_folder(folder: Path) -> dict[str, Any]:
    """The folder's content under the keys of a checkpoint: `config`, `epoch`, `state_dict`; and `folded`.

    Raises:
        InputError: either file is missing or damaged.
    """
    facts = read_facts(folder)
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder / WEIGHTS} is not a readable file of weights: {error}") from None
    epochs = facts.get("epoch")
    return {
        "config": facts["config"],
        "epoch": (epochs if type(epochs) is int else 0) - 1,  # checkpoints count from 0
        "folded": facts.get("folded") is True,
        "state_dict": {f"network.{name}": tensor for name, tensor in weights.items()},
    }
