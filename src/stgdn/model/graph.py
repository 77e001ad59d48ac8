"""The graph of joints: a skeleton's adjacency, the adaptive adjacency with eq (8), the products x A_k and Σ_k θ_k y_k.

`A` is (K, V, V) and a filter computes x A, so that A[k, i, j] is the weight of joint i in the sum for joint j.
"""

import math
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.convolution import FrameConvolution, pointwise
from stgdn.skeleton import Layout

TERMS = ("physical", "learned", "attention")  # of an adaptive adjacency


def normalise_columns(adjacency: Tensor) -> Tensor:
    """Scale every column of (..., V, V) to sum to one; empty columns stay empty."""
    degree = adjacency.sum(dim=-2, keepdim=True)
    return adjacency / degree.masked_fill(degree == 0, 1)


def directed_subsets(layout: Layout) -> Tensor:
    """Return the three subsets of 2s-AGCN: itself, inward (from the parent), outward (from the children), (3, V, V).

    Each is column-normalised on its own.
    """
    itself = torch.eye(layout.num_joints)
    inward = torch.zeros_like(itself)
    for child, parent in layout.bones:
        inward[parent, child] = 1
    return normalise_columns(torch.stack([itself, inward, inward.T]))


def spatial_subsets(layout: Layout, hops: int = 1) -> Tensor:
    """Return ST-GCN's spatial partition, (3, V, V): itself, neighbours not nearer to the centre, nearer neighbours.

    With AS-GCN's `hops` it is (2 · hops + 1, V, V), two subsets for joints one hop away, two for two hops and so on.
    All are normalised together. As in the published code distances to the centre are known up to `hops` only: two
    joints that are both farther away count as equally far and are neighbours of the first of two subsets.
    """
    linked = torch.eye(layout.num_joints)
    for child, parent in layout.bones:
        linked[child, parent] = linked[parent, child] = 1
    reached = [torch.linalg.matrix_power(linked, number) > 0 for number in range(hops + 1)]
    distance = torch.full_like(linked, torch.inf)
    for number in range(hops, -1, -1):
        distance[reached[number]] = number
    weights = normalise_columns(reached[hops].float())
    nearer = distance[:, layout.root, None] < distance[layout.root]  # the source is nearer to the centre
    subsets = [weights * (distance == 0)]
    for number in range(1, hops + 1):
        subsets += [weights * ((distance == number) & ~nearer), weights * ((distance == number) & nearer)]
    return torch.stack(subsets)


SUBSETS = {"directed": directed_subsets, "spatial": spatial_subsets}


def adjacency(layout: Layout, subsets: str = "directed") -> Tensor:
    """Return the (K, V, V) adjacency of `layout`, its subsets as in 2s-AGCN ("directed") or ST-GCN ("spatial")."""
    return SUBSETS[choose(subsets, SUBSETS, "way of making subsets")](layout)


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
            self.embedding = FrameConvolution(in_channels, 2 * self.subsets * embedding_channels)
            # All φ_k, then all ψ_k: He et al. 2015 by fan-out, as if each were a convolution of its own.
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
        # Cut where channels come last in memory, so that the gradient is put together in that order.
        embedded = rearrange(self.embedding(x), "n c t v -> n t v c").chunk(2, dim=-1)
        phi, psi = (rearrange(part, "n t v (k c) -> n k v (t c)", k=self.subsets) for part in embedded)
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
    return pointwise(y, weight[:, :, None, None], bias)
