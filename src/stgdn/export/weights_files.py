"""A network as a folder that loads without pickle: weights, facts and a model card."""

import json
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from stgdn.export.card import card
from stgdn.export.facts import facts_of
from stgdn.export.tracing import folded as without_statistics
from stgdn.inference.trained import TrainedNetwork, load
from stgdn.inference.weights_folder import METADATA_FILE, WEIGHTS


def write_folder(network: TrainedNetwork, folder: Path, *, folded: bool) -> None:
    """Write `model.safetensors`, `config.json` and `README.md` into a folder.

    Args:
        network: the network.
        folder: an empty one.
        folded: write the network for inference instead of the weights that training can go on with.

    Raises:
        InputError: it is to be folded and cannot be.
    """
    inner = without_statistics(network) if folded else network.network
    facts = facts_of(network, folded=folded)
    weights = {name: tensor.cpu().contiguous() for name, tensor in inner.state_dict().items()}
    (folder / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))
    (folder / METADATA_FILE).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card(facts), encoding="utf-8")


def open_folder(folder: Path) -> Callable[[Tensor], Tensor]:
    """Clips to scores by the network that `stgdn.load` makes of a folder."""
    return load(folder).network
