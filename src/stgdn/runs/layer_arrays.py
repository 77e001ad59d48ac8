"""Arrays of `layers.npz`, taken from a network; `layers.py` describes them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stgdn.model.ctr_gcn import RefinedGCN
from stgdn.model.network import Network
from stgdn.model.spatial import GCN, GDCN, LearnedGCN, MaskedGCN
from stgdn.model.whitened_filters import Whitened
from stgdn.model.whitening import Whitening
from stgdn.skeleton import Layout


def layer_arrays(network: Network, layout: Layout) -> dict[str, NDArray]:
    """Return all arrays of `layers.npz` for a network, in float32."""
    physical = next(buffer for name, buffer in network.named_buffers() if name.endswith("physical"))
    tensors = {"physical": physical}
    for number, layer in enumerate(network.layers, 1):
        statistics = learned_graphs(layer.spatial) | _whitenings(layer)  # pyright: ignore[reportArgumentType]
        tensors |= {f"layer{number}.{name}": tensor for name, tensor in statistics.items()}
    arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in tensors.items()}
    return {"joints": np.array(layout.joints), "parents": np.array(layout.parents), **arrays}


def learned_graphs(spatial: nn.Module) -> dict[str, Tensor]:
    """Return the learned graphs of a spatial filter by name."""
    if isinstance(spatial, Whitened):
        return learned_graphs(spatial.filter)
    if isinstance(spatial, MaskedGCN):
        return {"edge_mask": spatial.edge_mask}
    if isinstance(spatial, RefinedGCN | LearnedGCN):
        return {"learned": spatial.graph - spatial.physical}
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
