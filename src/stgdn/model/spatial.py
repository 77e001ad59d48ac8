"""Spatial filters: GCN, GDN and their union, eqs (1), (4), (7).

All take x (N·M, C, T, V) and a mask (N, M, T), one where a body is seen, and return (N·M, C_out, T, V). They are made
from C, C_out and the adjacency of the skeleton (K, V, V); their keyword-only arguments are settings of the network.
`folded(scale, shift)` returns the filter for inference, times `scale` plus `shift`, (C_out,) each: the BatchNorm behind
it. What whitening and BatchNorm contribute are then constants.
"""

from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import choose
from stgdn.model.convolution import pointwise
from stgdn.model.folded_filters import FoldedChannelGDN, FoldedGCN, FoldedGDCN, FoldedGDN, FoldedStaticGCN
from stgdn.model.graph import TERMS, Adjacency, SubsetMix, aggregate, mix_subsets
from stgdn.model.norm import Affine
from stgdn.model.whitening import Whitening, full_precision


class GCN(nn.Module):
    """Compute the graph convolution y = Σ_k θ_k (x A_k), eq (1) in 2s-AGCN's adaptive form."""

    def __init__(
        self, in_channels: int, out_channels: int, physical: Tensor, *, terms: tuple[str, ...] = TERMS
    ) -> None:
        super().__init__()
        self.adjacency = Adjacency(in_channels, max(1, out_channels // 4), physical, terms)
        self.theta = SubsetMix(in_channels, out_channels, len(physical))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (N, C, T, V)."""
        return self.theta(aggregate(x, self.adjacency(x)))

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        return FoldedGCN(self.adjacency, [self.theta], scale, shift)


def whitened_graph(x: Tensor, adjacency: Tensor, whitening: Whitening, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return graph W A_k (N or 1, K, V, V) and offset μ W A_k (N or 1, K, V) of a deconvolution, W = Σ^{-1/2}.

    (x − μ) W A_k = x (W A_k) − μ W A_k: one V×V product for each subset instead of a pass over x (N, C, T, V).
    """
    mean, matrix = whitening.transform(x, mask)
    bodies = len(x) // len(mean)
    mean, matrix = (part.repeat_interleave(bodies, dim=0) if len(mean) > 1 else part for part in (mean, matrix))
    with torch.autocast(x.device.type, enabled=False):  # small products, rounding of which would affect every joint
        graph = matrix[:, None] @ adjacency.to(matrix.dtype)  # N K V V
        return graph, torch.einsum("nv,nkvw->nkw", mean, graph)


def subtract_mean(y: Tensor, offset: Tensor, theta: SubsetMix) -> Tensor:
    """Subtract the mean behind θ, in place: y (N, C_out, T, V) − Σ_k (Σ_c θ_k) (μ W A_k), the same in every frame."""
    level = torch.einsum("nkv,okc->nvo", offset, theta.weight.to(offset.dtype))  # channels last, as in y
    return y.sub_(rearrange(level.to(y.dtype), "n v o -> n o 1 v"))


class GDN(GCN):
    """Compute the graph deconvolution y = Σ_k θ_k ((x − μ) Σ^{-1/2} A_k), eqs (4), (7), with attention of x itself."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        physical: Tensor,
        *,
        whitening: Callable[..., Whitening] = Whitening,
        terms: tuple[str, ...] = TERMS,
    ) -> None:
        super().__init__(in_channels, out_channels, physical, terms=terms)
        self.whitening = whitening("node", physical.shape[-1])

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return filtered x (N, C, T, V)."""
        graph, offset = whitened_graph(x, self.adjacency(x), self.whitening, mask)
        return subtract_mean(self.theta(aggregate(x, graph.to(x.dtype))), offset, self.theta)

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        return FoldedGDN(self.whitening, self.adjacency, [self.theta], scale, shift)


class GDCN(GDN):
    """Compute the union of GCN and GDN (Fig. 1, ⊕): Σ_k θ_k (x A_k) + Σ_k θ'_k ((x − μ) Σ^{-1/2} A'_k).

    Args:
        in_channels: C of x.
        out_channels: C_out.
        physical: (K, V, V) adjacency of the skeleton.
        graphs: `shared`, A' = A, or `separate`, where the GDN learns a graph of its own; the letter does not say which.
        **options: as for `GDN`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        physical: Tensor,
        *,
        graphs: str = "shared",
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(in_channels, out_channels, physical, **options)
        self.theta_deconvolution = SubsetMix(in_channels, out_channels, len(physical))
        self.own_adjacency = None
        if choose(graphs, ("shared", "separate"), "choice of graphs") == "separate":
            embedding_channels = max(1, out_channels // 4)
            self.own_adjacency = Adjacency(in_channels, embedding_channels, physical, self.adjacency.terms)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return filtered x (N, C, T, V)."""
        adjacency = self.adjacency(x)
        own = adjacency if self.own_adjacency is None else self.own_adjacency(x)
        graph, offset = whitened_graph(x, own, self.whitening, mask)
        N = max(len(adjacency), len(graph))
        graphs = torch.cat([part.expand(N, -1, -1, -1) for part in (adjacency, graph.to(adjacency.dtype))], dim=1)
        y = mix_subsets(aggregate(x, graphs), self.theta, self.theta_deconvolution)
        return subtract_mean(y, offset, self.theta_deconvolution)

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        thetas = [self.theta, self.theta_deconvolution]
        return FoldedGDCN(self.own_adjacency, self.whitening, self.adjacency, thetas, scale, shift)


class ChannelGDN(GCN):
    """Compute GCN on whitened channels, the original network deconvolution (Ye et al., ICLR 2020); an ablation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        physical: Tensor,
        *,
        whitening: Callable[..., Whitening] = Whitening,
        terms: tuple[str, ...] = TERMS,
    ) -> None:
        super().__init__(in_channels, out_channels, physical, terms=terms)
        self.whitening = whitening("channel", in_channels)
        if self.whitening.patch > 1:
            self.theta = SubsetMix(self.whitening.size, out_channels, len(physical))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return filtered x (N, C, T, V)."""
        return self.theta(aggregate(self.whitening(x, mask), self.adjacency(x)))

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        return FoldedChannelGDN(self.whitening, self.adjacency, [self.theta], scale, shift)


class PairNormGCN(GCN):
    """Compute PairNorm (Zhao and Akoglu, ICLR 2020) of a GCN, another remedy against over-smoothing than whitening.

    Over the joints of each body and frame: y − mean, then divided by the root of the mean squared length, scale s = 1.
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return filtered x (N, C, T, V)."""
        y = super().forward(x, mask)
        y = y - y.mean(dim=3, keepdim=True)
        squared_length = full_precision(y).square().sum(dim=1, keepdim=True).mean(dim=3, keepdim=True)
        return y * (squared_length + 1e-5).rsqrt().to(y.dtype)

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        return nn.Sequential(self, Affine(scale, shift))


class StaticGCN(nn.Module):
    """Compute y = Σ_k (θ_k x + b_k) A_k on the same graphs A_k for all clips, which `graphs` of a subclass returns.

    Joints are summed first: θ_k (x A_k) + b_k (1 A_k), of as many channels as x has, not as y has.
    """

    physical: Tensor

    def __init__(self, in_channels: int, out_channels: int, physical: Tensor) -> None:
        super().__init__()
        self.register_buffer("physical", physical, persistent=False)
        self.theta = nn.Conv2d(in_channels, len(physical) * out_channels, 1)

    def graphs(self) -> Tensor:
        """Return A, (K, V, V)."""
        raise NotImplementedError

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (N, C, T, V)."""
        graph = self.graphs()
        weight = rearrange(self.theta.weight, "(k o) c 1 1 -> o (k c) 1 1", k=len(graph))
        bias = rearrange(self.theta.bias, "(k o) -> k o", k=len(graph))
        level = torch.einsum("kvw,ko->wo", graph, bias)
        y = pointwise(aggregate(x, graph[None]), weight)
        return y.add_(rearrange(level.to(y.dtype), "w o -> o 1 w"))

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        return FoldedStaticGCN(self.graphs(), self.theta, scale, shift)


class MaskedGCN(StaticGCN):
    """Compute ST-GCN's filter, A_k = physical_k ∘ mask_k: the skeleton's graph times a learned edge mask."""

    def __init__(self, in_channels: int, out_channels: int, physical: Tensor) -> None:
        super().__init__(in_channels, out_channels, physical)
        self.edge_mask = nn.Parameter(torch.ones_like(physical))

    def graphs(self) -> Tensor:
        """Return A, (K, V, V)."""
        return self.physical * self.edge_mask


class LearnedGCN(StaticGCN):
    """Compute ST-GCN++'s filter: A is learned outright and starts as the skeleton's graph."""

    def __init__(self, in_channels: int, out_channels: int, physical: Tensor) -> None:
        super().__init__(in_channels, out_channels, physical)
        self.graph = nn.Parameter(physical.clone())

    def graphs(self) -> Tensor:
        """Return A, (K, V, V)."""
        return self.graph
