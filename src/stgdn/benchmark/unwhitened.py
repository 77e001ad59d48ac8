"""Networks with the same branches and no whitening, to measure the cost of whitening.

with       without
GDN        GCN
GDCN       GCN with two θ_k for every graph A_k
TDN        TCN
Whitened   its filter
"""

import torch
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.graph import Adjacency, SubsetMix
from stgdn.model.network import Network
from stgdn.model.spatial import GCN, GDCN, GDN
from stgdn.model.temporal import TCN, TDN
from stgdn.model.whitened_filters import Whitened


class Twice(nn.Module):
    """Repeat the graphs of an adjacency: a GCN becomes Σ_k θ_k (x A_k) + Σ_k θ'_k (x A_k), GDCN with Σ = I, μ = 0."""

    def __init__(self, once: Adjacency) -> None:
        super().__init__()
        self.once = once

    def forward(self, x: Tensor) -> Tensor:
        """Return the graphs for x (N, C, T, V), (N or 1, 2·K, V, V)."""
        return torch.cat([self.once(x)] * 2, dim=1)


def without_whitening(network: Network) -> Network:
    """Exchange the filters of a network for those of the table above; weights stay.

    Raises:
        InputError: nothing is whitened, or a layer has two graphs, which no GCN here has.
    """
    if not any(isinstance(module, GDN | TDN | Whitened) for module in network.modules()):
        raise InputError(f"unwhitened={network.name}: it whitens no joints and no frames, so nothing can be left out")
    for layer in network.layers:
        for name, filter in layer.named_children():
            if isinstance(filter, Whitened):
                setattr(layer, name, filter.filter)
        if isinstance(layer.spatial, GDN):
            layer.spatial = _gcn(layer.spatial)
        if isinstance(layer.temporal, TDN):
            convolution = layer.temporal.theta
            layer.temporal = TCN(convolution.in_channels)
            layer.temporal.theta = convolution
    return network


def _gcn(given: GDN) -> GCN:
    C_out, K, C = given.theta.weight.shape
    gcn = GCN(C, C_out, given.adjacency.physical, terms=given.adjacency.terms)
    gcn.adjacency, gcn.theta = given.adjacency, given.theta
    if isinstance(given, GDCN):
        if given.own_adjacency is not None:
            raise InputError("unwhitened networks are made of those with model.graphs=shared")
        thetas = given.theta, given.theta_deconvolution
        gcn.adjacency, gcn.theta = Twice(given.adjacency), SubsetMix(C, C_out, 2 * K)  # pyright: ignore[reportAttributeAccessIssue]
        gcn.theta.weight = nn.Parameter(torch.cat([theta.weight for theta in thetas], dim=1).detach())
        gcn.theta.bias = nn.Parameter(torch.cat([theta.bias for theta in thetas]).detach())
    return gcn
