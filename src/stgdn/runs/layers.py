"""What a run keeps of its layers: graphs and covariances as arrays, over-smoothing as numbers.

Names in `layers.npz`, L from 1, V joints, K subsets, D entries of a whitened axis (`node`: V, `frame`: T):

    joints (V,), parents (V,)            names, and the parent of each joint; the root is its own
    physical (K, V, V)                   the skeleton's graph, the same in all layers; [k, i, j] is what j takes from i
    layerL.learned (K, V, V)             what was learned to be added to it
    layerL.own_learned (K, V, V)         the same of a second graph, where a `gdcn` block has one of its own
    layerL.edge_mask (K, V, V)           what ST-GCN has learned to multiply it with
    layerL.AXIS.mean (D,)                running mean of what the layer whitens
    layerL.AXIS.covariance (D, D)        its running covariance, without the floor
    layerL.AXIS.root (D, D)              Σ^{-1/2} as evaluation uses it, with the floor
"""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.files import DAMAGE, replacing
from stgdn.model.network import Network
from stgdn.model.spatial import GCN, GDCN, MaskedGCN
from stgdn.model.whitening import Whitening
from stgdn.runs.metrics import read_metrics
from stgdn.skeleton import Layout

COLUMN = re.compile(r"smoothing/(\w+)/layer(\d+)")

Arrays = dict[str, NDArray]


def layer_arrays(network: Network, layout: Layout) -> Arrays:
    """Everything above of `network`, in float32."""
    physical = next(buffer for name, buffer in network.named_buffers() if name.endswith("physical"))
    arrays: Arrays = {
        "joints": np.array(layout.joints),
        "parents": np.array(layout.parents),
        "physical": _array(physical),
    }
    for number, layer in enumerate(network.layers, 1):
        found = _graphs(layer.spatial) | _whitenings(layer)  # pyright: ignore[reportArgumentType]
        arrays |= {f"layer{number}.{name}": _array(tensor) for name, tensor in found.items()}
    return arrays


def _graphs(spatial: nn.Module) -> dict[str, Tensor]:
    """What a spatial filter has learned about its graph."""
    if isinstance(spatial, MaskedGCN):
        return {"edge_mask": spatial.edge_mask}
    found = {}
    if isinstance(spatial, GCN) and "learned" in spatial.adjacency.terms:
        found["learned"] = spatial.adjacency.learned
        if isinstance(spatial, GDCN) and spatial.own_adjacency is not None:
            found["own_learned"] = spatial.own_adjacency.learned
    return found


@torch.no_grad()
def _whitenings(layer: nn.Module) -> dict[str, Tensor]:
    """The running statistics of a layer and their inverse roots; none where each clip has its own."""
    found = {}
    for module in layer.modules():
        if isinstance(module, Whitening) and module.statistics == "batch":
            covariance = module.running_covariance.float()
            found[f"{module.axis}.mean"] = module.running_mean
            found[f"{module.axis}.covariance"] = covariance
            found[f"{module.axis}.root"] = module.root(covariance)
    return found


def _array(tensor: Tensor) -> NDArray:
    return tensor.detach().float().cpu().numpy()


def save_layers(path: Path, network: Network, layout: Layout) -> None:
    """Write `layers.npz`, whole or not at all."""
    with replacing(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **layer_arrays(network, layout))


def load_layers(path: Path) -> Arrays:
    """Read what `save_layers` wrote, by name.

    Raises:
        InputError: missing or not such a file.
    """
    try:
        with path.open("rb") as file:  # numpy leaves a file open that is no zip
            content = np.load(file, allow_pickle=False)
            arrays = dict(content) if isinstance(content, NpzFile) else {}
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read: {error}; train that run again to have it") from None
    if "joints" not in arrays or "physical" not in arrays:
        raise InputError(f"{path} is not a file of layers: it has no joints or no graph")
    return arrays


def last_smoothing(metrics: Path) -> dict[str, list[float]]:
    """The newest over-smoothing figures of a `metrics.csv` by measure, one a layer; empty where there are none.

    Raises:
        InputError: the file is damaged.
    """
    if not metrics.exists():
        return {}
    columns = {match: values for key, values in read_metrics(metrics).items() if (match := COLUMN.fullmatch(key))}
    measured = np.flatnonzero(np.any([np.isfinite(values) for values in columns.values()], axis=0))
    if not columns or not len(measured):
        return {}
    found: dict[str, dict[int, float]] = {}
    for match, values in columns.items():
        found.setdefault(match[1], {})[int(match[2])] = float(values[measured[-1]])
    by_layer = {name: [layers[number] for number in sorted(layers)] for name, layers in found.items()}
    return {name: layers for name, layers in by_layer.items() if np.isfinite(layers).all()}
