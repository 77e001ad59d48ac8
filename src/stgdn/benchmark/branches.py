"""Networks with the same branches and no whitening, to measure the cost of whitening.

with       without
GDN        GCN
GDCN       GCN with two θ_k for every graph A_k
TDN        TCN
"""

import torch
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.graph import Adjacency, SubsetMix
from stgdn.model.network import Network
from stgdn.model.spatial import GCN, GDCN, GDN
from stgdn.model.temporal import TCN, TDN


class Twice(nn.Module):
    """Every graph of an adjacency twice: with it a GCN is Σ_k θ_k (x A_k) + Σ_k θ'_k (x A_k), GDCN with Σ = I, μ = 0.

    The two could be one, as in `agcn_7l`; they stay two, as they have to where one of them is whitened.
    """

    def __init__(self, once: Adjacency) -> None:
        super().__init__()
        self.once = once

    def forward(self, x: Tensor) -> Tensor:
        """The graphs that x (N, C, T, V) sees, (N or 1, 2·K, V, V)."""
        graph = self.once(x)
        return torch.cat([graph, graph], dim=1)


def without_whitening(network: Network) -> Network:
    """Exchange the filters of a network for those of the table above; weights stay.

    Raises:
        InputError: it has nothing to exchange, or two graphs in one layer, which no GCN here has.
    """
    if not any(isinstance(module, GDN | TDN) for module in network.modules()):
        raise InputError(f"unwhitened={network.name}: it whitens no joints and no frames, so nothing can be left out")
    for layer in network.layers:
        layer.spatial = _spatial(layer.spatial)  # pyright: ignore[reportArgumentType]
        layer.temporal = _temporal(layer.temporal)  # pyright: ignore[reportArgumentType]
    return network


def _spatial(given: nn.Module) -> nn.Module:
    if not isinstance(given, GDN):
        return given
    physical, (C_out, K, C) = given.adjacency.physical, given.theta.weight.shape
    made = GCN(C, C_out, physical, terms=given.adjacency.terms)
    made.adjacency, made.theta = given.adjacency, given.theta
    if isinstance(given, GDCN):
        if given.own_adjacency is not None:
            raise InputError("unwhitened networks are made of those with model.graphs=shared")
        made.adjacency, made.theta = Twice(given.adjacency), SubsetMix(C, C_out, 2 * K)  # pyright: ignore
        both = given.theta, given.theta_deconvolution
        made.theta.weight = nn.Parameter(torch.cat([theta.weight for theta in both], dim=1).detach())
        made.theta.bias = nn.Parameter(torch.cat([theta.bias for theta in both]).detach())
    return made


def _temporal(given: nn.Module) -> nn.Module:
    if not isinstance(given, TDN):
        return given
    conv = given.theta
    made = TCN(conv.in_channels, kernel_size=conv.kernel_size[0], stride=conv.stride[0])
    made.theta = conv
    return made
