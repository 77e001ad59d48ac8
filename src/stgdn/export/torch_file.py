"""A network as a file of torch.export: a graph that PyTorch runs without this package."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from stgdn.export.facts import metadata_of
from stgdn.export.tracing import quiet, trace
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.load import METADATA_FILE


def write_torch(network: TrainedNetwork, path: Path) -> None:
    """Write a network, folded: clips (N, C, T, V, M) to scores (N, classes); metadata is the extra file config.json.

    Raises:
        InputError: the network cannot be folded.
    """
    metadata = metadata_of(network, folded=True)
    content = io.BytesIO()  # so that Python writes the file and reports a full disk
    with quiet():
        extra = {METADATA_FILE: json.dumps(metadata, indent=1, ensure_ascii=False)}
        torch.export.save(trace(network), content, extra_files=extra)
    path.write_bytes(content.getvalue())


def open_torch(path: Path) -> Callable[[Tensor], Tensor]:
    """Return a function from clips to scores by the graph that a file holds."""
    with quiet():
        return torch.export.load(path).module()
