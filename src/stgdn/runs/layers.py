"""Layer statistics that a run stores: graphs and covariances as arrays, over-smoothing as numbers.

Names in `layers.npz`, L from 1, V joints, K subsets, D entries of a whitened axis (`node`: V, `frame`: T):

    joints (V,), parents (V,)            names, and the parent of each joint; the root is its own
    physical (K, V, V)                   the skeleton's graph, the same in all layers; [k, i, j] is what j takes from i
    layerL.learned (K, V, V)             learned matrix that is added to it
    layerL.own_learned (K, V, V)         the same of the second graph of a `gdcn` block, if it has one
    layerL.edge_mask (K, V, V)           learned factor that ST-GCN multiplies it with
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
    """Return all arrays of `layers.npz` for a network, in float32."""
    physical = next(buffer for name, buffer in network.named_buffers() if name.endswith("physical"))
    arrays: Arrays = {
        "joints": np.array(layout.joints),
        "parents": np.array(layout.parents),
        "physical": _array(physical),
    }
    for number, layer in enumerate(network.layers, 1):
        tensors = _graphs(layer.spatial) | _whitenings(layer)  # pyright: ignore[reportArgumentType]
        arrays |= {f"layer{number}.{name}": _array(tensor) for name, tensor in tensors.items()}
    return arrays


def _graphs(spatial: nn.Module) -> dict[str, Tensor]:
    """Return the learned graphs of a spatial filter by name."""
    if isinstance(spatial, MaskedGCN):
        return {"edge_mask": spatial.edge_mask}
    graphs = {}
    if isinstance(spatial, GCN) and "learned" in spatial.adjacency.terms:
        graphs["learned"] = spatial.adjacency.learned
        if isinstance(spatial, GDCN) and spatial.own_adjacency is not None:
            graphs["own_learned"] = spatial.own_adjacency.learned
    return graphs


@torch.no_grad()
def _whitenings(layer: nn.Module) -> dict[str, Tensor]:
    """Return the running statistics of a layer and their inverse roots; none if each clip has its own statistics."""
    statistics = {}
    for module in layer.modules():
        if isinstance(module, Whitening) and module.statistics == "batch":
            covariance = module.running_covariance.float()
            statistics[f"{module.axis}.mean"] = module.running_mean
            statistics[f"{module.axis}.covariance"] = covariance
            statistics[f"{module.axis}.root"] = module.root(covariance)
    return statistics


def _array(tensor: Tensor) -> NDArray:
    return tensor.detach().float().cpu().numpy()


def save_layers(path: Path, network: Network, layout: Layout) -> None:
    """Write `layers.npz`; a failed write leaves no file."""
    with replacing(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **layer_arrays(network, layout))


def load_layers(path: Path) -> Arrays:
    """Read the arrays that `save_layers` wrote, by name.

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
    """Return the newest over-smoothing values of a `metrics.csv` by measure, one per layer; empty without any.

    Raises:
        InputError: the file is damaged.
    """
    if not metrics.exists():
        return {}
    columns = {match: values for key, values in read_metrics(metrics).items() if (match := COLUMN.fullmatch(key))}
    measured = np.flatnonzero(np.any([np.isfinite(values) for values in columns.values()], axis=0))
    if not columns or not len(measured):
        return {}
    values_by_layer: dict[str, dict[int, float]] = {}
    for match, values in columns.items():
        values_by_layer.setdefault(match[1], {})[int(match[2])] = float(values[measured[-1]])
    by_layer = {name: [layers[number] for number in sorted(layers)] for name, layers in values_by_layer.items()}
    return {name: layers for name, layers in by_layer.items() if np.isfinite(layers).all()}
