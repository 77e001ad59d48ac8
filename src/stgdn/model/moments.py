"""Mean and covariance along one axis, of one process or of all processes of a data-parallel run."""

from typing import Any, NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from stgdn.model.ranks import sum_over_ranks


class Moments(NamedTuple):
    """Mean (B, D) and covariance (B, D, D) along a whitened axis."""

    mean: Tensor
    covariance: Tensor


def moments(values: Tensor, weights: Tensor | None = None, *, across_ranks: bool = False) -> Moments:
    """Mean and covariance, eq (3) divided by the number of samples.

    Args:
        values: (B, D, S, R), S·R samples of D entries.
        weights: (B, D or 1, S, 1) of ones and zeros: entries that take part; None for all. An entry left out of a
            sample counts as being at its mean, and a sample without any entry does not count at all.
        across_ranks: sum over the processes of a data-parallel run, so that R of them with a share of the batch each
            compute what one computes with all of it.
    """
    if weights is None:
        weights = values.new_ones(1, 1, 1, 1).expand(values.shape[0], 1, values.shape[2], 1)
    present = weights.sum(dim=(2, 3))
    samples = weights.amax(dim=1).sum(dim=(1, 2))
    total = (values * weights).sum(dim=(2, 3))
    if across_ranks:
        total, present, samples = sum_over_ranks(total, present, samples)
    repeats = values.shape[3]
    mean = total / (present * repeats).clamp(min=1)
    centred = ((values - mean[:, :, None, None]) * weights).flatten(2)
    scatter = centred @ centred.mT
    if across_ranks:
        (scatter,) = sum_over_ranks(scatter)
    return Moments(mean, scatter / (samples * repeats).clamp(min=1)[:, None, None])


# x (N·M, C, T, V) as B matrices of D entries and R samples for each of G groups with statistics of their own.
MATRICES = {"node": "(g b) c t v -> g (b t) v c", "frame": "(g b) c t v -> g b t (v c)"}
MATRIX_WEIGHTS = {"node": "(g b) t -> g (b t) 1", "frame": "(g b) t -> g b t"}


def matrix_moments(x: Tensor, axis: str, seen: Tensor, groups: int, *, across_ranks: bool = False) -> Moments:
    """What `moments` gives for nodes and frames, in one pass over x, without a copy, and in one message over ranks.

    x is multiplied with itself as it is, and the mean taken off the products: sums over bodies are in float64, and
    features behind a ReLU and BatchNorm vary by as much as their mean, so that little cancels.

    Args:
        x: (N·M, C, T, V), channels last in memory.
        axis: `node` or `frame`.
        seen: (N·M, T) of ones and zeros, as weights.
        groups: parts of the batch with statistics of their own.
        across_ranks: as for `moments`.
    """
    values, weights = rearrange(x, MATRICES[axis], g=groups), rearrange(seen, MATRIX_WEIGHTS[axis], g=groups)
    R = values.shape[3]
    apply: Any = _Products.apply
    products, sums = apply(values, weights, len(x) // groups)  # (G, D, D), (G, B, D)
    weights, sums = weights.to(products.dtype), sums.to(products.dtype)
    present, samples = weights.sum(dim=1), weights.amax(dim=2).sum(dim=1)
    if axis == "node":  # a body is seen with all of its joints
        parts = sums.sum(dim=1), present, samples
    else:
        parts = weights.mT @ sums, weights.mT @ weights, samples  # of the samples that have both entries
    if across_ranks:
        products, *parts = sum_over_ranks(products, *parts)
    together, both, samples = parts
    total = together if axis == "node" else together.diagonal(dim1=1, dim2=2)
    count = both if axis == "node" else both.diagonal(dim1=1, dim2=2)
    mean = total / (count * R).clamp(min=1)
    crossed = mean[:, :, None] * (together[:, None] if axis == "node" else together)
    squared = mean[:, :, None] * mean[:, None] * R * both.view(groups, -1, both.shape[-1])
    scatter = products - crossed - crossed.mT + squared
    covariance = scatter / (samples * R).clamp(min=1)[:, None, None]
    return Moments(mean.to(x.dtype), covariance.to(x.dtype))


def wide(x: Tensor) -> torch.dtype:
    """The type to add up in where x is: float64, which Apple's GPUs lack."""
    return torch.float32 if x.device.type == "mps" else torch.float64


class _Products(torch.autograd.Function):
    """Σ_b (w x)(w x)ᵀ (G, D, D), in float64, and w Σ_r x (G, B, D) of x (G, B, D, R), weighted by w (G, B, D or 1).

    Nothing but x is kept for the gradient, which is one matrix product.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, bodies: int) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        ctx.save_for_backward(x, weights)
        products = x @ x.mT
        if weights.shape[2] == 1:
            products = rearrange(weights, "g (n t) 1 -> g n 1 t", n=bodies) @ rearrange(
                products, "g (n t) i j -> g n t (i j)", n=bodies
            )
            products = products.sum(dim=(1, 2), dtype=wide(x)).unflatten(1, (x.shape[2], x.shape[2]))
        else:
            products = (products * weights[..., None] * weights[:, :, None]).sum(dim=1, dtype=wide(x))
        return products, x.sum(dim=3) * weights

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        x, weights = ctx.saved_tensors
        products, sums = gradients
        matrices = (products + products.mT).to(x.dtype)[:, None]
        matrices = matrices * weights[..., None] * (1 if weights.shape[2] == 1 else weights[:, :, None])
        G, B, D, R = x.shape
        level = (sums * weights).reshape(G * B, D, 1).expand(-1, -1, R)
        flat = torch.baddbmm(level, matrices.reshape(G * B, D, D), x.reshape(G * B, D, R))
        return flat.view(G, B, D, R), None, None
