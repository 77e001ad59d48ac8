"""Filters for inference: mean, Σ^{-1/2} and the BatchNorm behind a filter are constants.

`scale` and `shift`, (C_out,) in float64, are that BatchNorm: its factor and summand of every channel.
"""

from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from stgdn.model.convolution import pointwise
from stgdn.model.graph import Adjacency, SubsetMix, aggregate
from stgdn.model.whitening import Whitening, unfold_frames, whiten_frames


class FoldedGCN(nn.Module):
    """Compute y = Σ_k θ_k (x A_k) + b.

    Args:
        adjacency: computes A.
        thetas: θ of every graph that is summed.
        scale, shift: BatchNorm, which becomes part of θ and b.
    """

    def __init__(self, adjacency: Adjacency, thetas: Sequence[SubsetMix], scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.adjacency = adjacency
        weight = torch.cat([theta.weight.double().flatten(1) for theta in thetas], dim=1) * scale[:, None]
        bias = torch.cat([theta.bias for theta in thetas]).double().sum(dim=0)
        self.weight, self.bias = nn.Parameter(weight[:, :, None, None]), nn.Parameter(bias * scale + shift)

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        return self.mix(x, self.adjacency(x))

    def mix(self, x: Tensor, graphs: Tensor) -> Tensor:
        """Return Σ_k θ_k (x A_k) + b for graphs (B or 1, K, V, V)."""
        return pointwise(aggregate(x, graphs), self.weight, self.bias)


class FoldedGDN(FoldedGCN):
    """Compute y = Σ_k θ_k (x W A_k) − Σ_k (Σ_c θ_k) (μ W A_k) + b, W = Σ^{-1/2}."""

    mean: Tensor
    matrix: Tensor

    def __init__(
        self, whitening: Whitening, adjacency: Adjacency, thetas: Sequence[SubsetMix], scale: Tensor, shift: Tensor
    ) -> None:
        super().__init__(adjacency, thetas, scale, shift)
        mean, matrix = whitening.running_transform()
        self.register_buffer("mean", mean[0])
        self.register_buffer("matrix", matrix[0])
        self.sums = nn.Parameter((thetas[-1].weight.double() * scale[:, None, None]).sum(dim=2))  # C_out K

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        whitened = self.matrix @ self.adjacency(x)
        return self.mix(x, whitened).sub_(self.level(whitened))

    def level(self, whitened: Tensor) -> Tensor:
        """Return the mean behind θ, (B or 1, C_out, 1, V), for graphs W A_k (B or 1, K, V, V)."""
        return rearrange(torch.einsum("nkv,ok->nvo", self.mean @ whitened, self.sums), "n v o -> n o 1 v")


class FoldedGDCN(FoldedGDN):
    """Compute the sum of a GCN and a GDN; `own_adjacency` computes the graph of the GDN, None: both have the same."""

    def __init__(self, own_adjacency: Adjacency | None, *parts: Any) -> None:  # noqa: ANN401
        super().__init__(*parts)
        self.own_adjacency = own_adjacency

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        graph = self.adjacency(x)
        whitened = self.matrix @ (graph if self.own_adjacency is None else self.own_adjacency(x))
        return self.mix(x, torch.cat([graph, whitened], dim=1)).sub_(self.level(whitened))


class FoldedChannelGDN(FoldedGCN):
    """Compute a GCN of whitened channels."""

    def __init__(self, whitening: Whitening, *parts: Any) -> None:  # noqa: ANN401
        super().__init__(*parts)
        self.channels = FoldedWhitening(whitening)

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        return self.mix(self.channels(x), self.adjacency(x))


class FoldedWhitening(nn.Module):
    """Compute W (x − μ) of joints, frames, channels or patches of frames and channels, by one product."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        self.axis, self.patch = whitening.axis, whitening.patch
        mean, matrix = whitening.running_transform()
        self.register_buffer("mean", mean[0])
        self.register_buffer("matrix", matrix[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return whitened x (B, C, T, V)."""
        if self.axis == "node":
            return (x - self.mean) @ self.matrix.mT
        if self.axis == "frame":
            return whiten_frames(x, self.mean[None], self.matrix[None])
        x = unfold_frames(x, self.patch) - self.mean[:, None, None]
        return torch.einsum("ij,njtv->nitv", self.matrix, x)


class FoldedStaticGCN(nn.Module):
    """Compute ST-GCN's and ST-GCN++'s filters: θ_k x on a constant graph (K, V, V), and an offset for every joint."""

    graph: Tensor
    level: Tensor

    def __init__(self, graph: Tensor, theta: nn.Conv2d, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        K, C_out = len(graph), len(scale)
        graph, weight = graph.double(), theta.weight.double().view(K, C_out, -1) * scale[:, None]
        assert theta.bias is not None
        level = torch.einsum("kvw,ko->wo", graph, theta.bias.double().view(K, C_out) * scale) + shift
        self.weight = nn.Parameter(weight.transpose(0, 1).flatten(1)[:, :, None, None])
        self.register_buffer("graph", graph[None])
        self.register_buffer("level", rearrange(level, "w o -> o 1 w"))

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        return pointwise(aggregate(x, self.graph), self.weight).add_(self.level)


class FoldedTDN(nn.Module):
    """Compute θ_τ (W (x − μ)) of frames; θ_τ contains the BatchNorm behind it."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, whitening: Whitening, theta: nn.Conv2d) -> None:
        super().__init__()
        self.theta = theta
        mean, matrix = whitening.running_transform()
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        return self.theta(whiten_frames(x, self.mean, self.matrix))
