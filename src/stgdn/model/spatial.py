"""Spatial filters: GCN, GDN and their union, eqs (1), (4), (7), (8).

All take x (N·M, C, T, V) and a mask (N, M, T), one where a body is seen, and return (N·M, C_out, T, V). They are made
from C, C_out and the adjacency of the skeleton (K, V, V); `options` names the other settings that they take.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.whitening import Whitening

TERMS = ("physical", "learned", "attention")


def aggregate(x: Tensor, adjacency: Tensor) -> Tensor:
    """Return x A_k for every subset k: (N, C, T, V) and (N or 1, K, V, V) to (N, K·C, T, V), channels last."""
    graph = rearrange(adjacency, "n k v w -> n (w k) v")
    frames = rearrange(x, "n c t v -> n t v c")
    if torch.is_autocast_enabled(x.device.type):
        graph, frames = (part.to(torch.get_autocast_dtype(x.device.type)) for part in (graph, frames))
    apply: Any = _FrameProducts.apply
    return rearrange(apply(graph, frames), "n t (w k) c -> n (k c) t w", k=adjacency.shape[1])


class _FrameProducts(torch.autograd.Function):
    """Multiply one matrix (N or 1, P, V) with every frame (N, T, V, C) of a body: (N, T, P, C).

    The product repeats the matrix for each frame; unlike PyTorch's own gradient this one does not keep the copies.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, frames: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(matrix, frames)
        return matrix[:, None] @ frames

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        matrix, frames = ctx.saved_tensors
        (g,) = gradients
        return (g @ frames.mT).sum(dim=1).sum_to_size(matrix.shape), matrix.mT[:, None] @ g


class Adjacency(nn.Module):
    """Compute A_k = physical_k + learned_k + attention_k(x), 2s-AGCN's adaptive graph with eq (8) as attention.

    The letter has attention instead of a predefined matrix, its baseline 2s-AGCN sums the three; `terms` chooses.

    Args:
        in_channels: C of x.
        embedding_channels: C_e, channels of φ and ψ.
        physical: (K, V, V) adjacency of the skeleton.
        terms: which of `physical`, `learned`, `attention` are summed.

    Raises:
        InputError: an unknown term, or none.
    """

    physical: Tensor

    def __init__(
        self, in_channels: int, embedding_channels: int, physical: Tensor, terms: tuple[str, ...] = TERMS
    ) -> None:
        super().__init__()
        self.terms = tuple(choose(term, TERMS, "adjacency term") for term in terms)
        if not terms:
            raise InputError(f"an adjacency without terms: give at least one of {', '.join(TERMS)}")
        self.subsets = len(physical)
        self.register_buffer("physical", physical, persistent=False)
        if "learned" in terms:
            self.learned = nn.Parameter(torch.full_like(physical, 1e-6))
        if "attention" in terms:
            self.embedding = nn.Conv2d(in_channels, 2 * self.subsets * embedding_channels, 1)  # all φ_k, then all ψ_k
            # He et al. 2015 by fan-out, as if every φ_k and ψ_k were a convolution of its own.
            nn.init.normal_(self.embedding.weight, std=math.sqrt(2 / embedding_channels))
            nn.init.zeros_(self.embedding.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, x: Tensor) -> Tensor:
        """Return the graph for x (N, C, T, V), (N or 1, K, V, V)."""
        graph = torch.zeros_like(self.physical)
        if "physical" in self.terms:
            graph = graph + self.physical
        if "learned" in self.terms:
            graph = graph + self.learned
        if "attention" in self.terms:
            return graph + self.attention(x)
        return graph.unsqueeze(0)

    def attention(self, x: Tensor) -> Tensor:
        """Return eq (8), (N, K, V, V): softmax over the joints i that the filter sums, so that columns sum to one."""
        phi, psi = rearrange(self.embedding(x), "n (i k c) t v -> i n k v (t c)", i=2, k=self.subsets)
        similarity = phi @ psi.mT / phi.shape[-1]
        return similarity.softmax(dim=-2)


class SubsetMix(nn.Module):
    """Compute Σ_k θ_k y_k, (N, K·C, T, V) to (N, C_out, T, V).

    Every θ_k has a bias of its own as in 2s-AGCN (only their sum has an effect), and 2s-AGCN's initialisation.
    """

    def __init__(self, in_channels: int, out_channels: int, subsets: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, subsets, in_channels))
        self.bias = nn.Parameter(torch.zeros(subsets, out_channels))
        nn.init.normal_(self.weight, std=math.sqrt(2 / (out_channels * in_channels * subsets)))

    def forward(self, y: Tensor) -> Tensor:
        """Return the mixed channels of y."""
        return mix_subsets(y, self)


def mix_subsets(y: Tensor, *thetas: SubsetMix) -> Tensor:
    """Return the sum of Σ_k θ_k y_k over several θ, by one 1×1 convolution: y (N, ΣK·C, T, V) to (N, C_out, T, V)."""
    weight = torch.cat([theta.weight.flatten(1) for theta in thetas], dim=1)
    bias = torch.cat([theta.bias for theta in thetas]).sum(dim=0)
    return F.conv2d(y, weight[:, :, None, None], bias)


class GCN(nn.Module):
    """Compute the graph convolution y = Σ_k θ_k (x A_k), eq (1) in 2s-AGCN's adaptive form."""

    options: tuple[str, ...] = ("terms",)

    def __init__(
        self, in_channels: int, out_channels: int, physical: Tensor, *, terms: tuple[str, ...] = TERMS
    ) -> None:
        super().__init__()
        self.adjacency = Adjacency(in_channels, max(1, out_channels // 4), physical, terms)
        self.theta = SubsetMix(in_channels, out_channels, len(physical))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (N, C, T, V)."""
        return self.theta(aggregate(x, self.adjacency(x)))


class Deconvolved(NamedTuple):
    """Hold graph and offset of (x − μ) W A_k = x (W A_k) − μ W A_k, W = Σ^{-1/2}: whitening as a part of the graph.

    Attributes:
        graph: W A_k, (N or 1, K, V, V).
        offset: μ W A_k, (N or 1, K, V).
    """

    graph: Tensor
    offset: Tensor


def deconvolve(x: Tensor, adjacency: Tensor, whitening: Whitening, mask: Tensor | None) -> Deconvolved:
    """Return the graph of a deconvolution: one V×V product for each subset instead of a pass over x (N, C, T, V)."""
    mean, matrix = whitening.transform(x, mask)
    bodies = len(x) // len(mean)
    mean, matrix = (part.repeat_interleave(bodies, dim=0) if len(mean) > 1 else part for part in (mean, matrix))
    with torch.autocast(x.device.type, enabled=False):  # small products, rounding of which would affect every joint
        graph = matrix[:, None] @ adjacency.to(matrix.dtype)  # N K V V
        return Deconvolved(graph, torch.einsum("nv,nkvw->nkw", mean, graph))


def subtract_mean(y: Tensor, offset: Tensor, theta: SubsetMix) -> Tensor:
    """Subtract the mean behind θ, in place: y (N, C_out, T, V) − Σ_k (Σ_c θ_k) (μ W A_k), the same in every frame."""
    level = torch.einsum("okc,nkv->nov", theta.weight.to(offset.dtype), offset)
    return y.sub_(level[:, :, None].to(y.dtype))


class GDN(GCN):
    """Compute the graph deconvolution y = Σ_k θ_k ((x − μ) Σ^{-1/2} A_k), eqs (4), (7), with attention of x itself."""

    options = ("terms", "whitening")

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
        graph, offset = deconvolve(x, self.adjacency(x), self.whitening, mask)
        return subtract_mean(self.theta(aggregate(x, graph.to(x.dtype))), offset, self.theta)


class GDCN(GDN):
    """Compute the union of GCN and GDN (Fig. 1, ⊕): Σ_k θ_k (x A_k) + Σ_k θ'_k ((x − μ) Σ^{-1/2} A'_k).

    Args:
        in_channels: C of x.
        out_channels: C_out.
        physical: (K, V, V) adjacency of the skeleton.
        graphs: `shared`, A' = A, or `separate`, where the GDN learns a graph of its own; the letter does not say which.
        **options: as for `GDN`.

    Raises:
        InputError: an unknown value of `graphs`.
    """

    options = ("terms", "whitening", "graphs")

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
        graph, offset = deconvolve(x, own, self.whitening, mask)
        N = max(len(adjacency), len(graph))
        graphs = torch.cat([part.expand(N, -1, -1, -1) for part in (adjacency, graph.to(adjacency.dtype))], dim=1)
        y = mix_subsets(aggregate(x, graphs), self.theta, self.theta_deconvolution)
        return subtract_mean(y, offset, self.theta_deconvolution)


class ChannelGDN(GCN):
    """Compute GCN on whitened channels, the original network deconvolution (Ye et al., ICLR 2020); an ablation."""

    options = ("terms", "whitening")

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


class MaskedGCN(nn.Module):
    """Compute ST-GCN's filter y = Σ_k (θ_k x + b_k) (A_k ∘ mask_k): the skeleton's graph times a learned edge mask."""

    options: tuple[str, ...] = ()
    physical: Tensor

    def __init__(self, in_channels: int, out_channels: int, physical: Tensor) -> None:
        super().__init__()
        self.register_buffer("physical", physical, persistent=False)
        self.edge_mask = nn.Parameter(torch.ones_like(physical))
        self.theta = nn.Conv2d(in_channels, len(physical) * out_channels, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (N, C, T, V)."""
        mixed = rearrange(self.theta(x), "n (k c) t v -> n t v k c", k=len(self.physical))
        graph = rearrange(self.physical * self.edge_mask, "k v w -> w (v k)")
        return rearrange(graph @ mixed.flatten(2, 3), "n t w c -> n c t w")
