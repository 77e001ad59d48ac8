"""A network as a folder that loads without pickle: weights, metadata and a model card."""

import json
from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from stgdn.export.card import model_card
from stgdn.export.facts import metadata_of
from stgdn.export.tracing import folded as without_statistics
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.load import METADATA_FILE, WEIGHTS, load


def write_folder(network: TrainedNetwork, folder: Path, *, folded: bool) -> None:
    """Write `model.safetensors`, `config.json` and `README.md` into a folder.

    Args:
        network: the network.
        folder: an empty one.
        folded: write the network folded for inference instead of weights that can be trained further.

    Raises:
        InputError: the network cannot be folded.
    """
    inner = without_statistics(network) if folded else network.network
    metadata = metadata_of(network, folded=folded)
    weights = {name: tensor.cpu().contiguous() for name, tensor in inner.state_dict().items()}
    (folder / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))
    (folder / METADATA_FILE).write_text(json.dumps(metadata, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(metadata), encoding="utf-8")


def open_folder(folder: Path) -> Callable[[Tensor], Tensor]:
    """Return a function from clips to scores by the network that `stgdn.load` makes of a folder."""
    return load(folder).network
