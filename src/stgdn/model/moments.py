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


def matrix_moments(
    x: Tensor, axis: str, seen: Tensor, groups: int, shift: Tensor | None, *, across_ranks: bool = False
) -> Moments:
    """What `moments` gives for nodes and frames, without a copy of x in another order, and in one message over ranks.

    x is multiplied with itself about `shift`, which is near the mean so that nothing cancels; what the shift and the
    entries left out change is corrected on D × D numbers.

    Args:
        x: (N·M, C, T, V), channels last in memory.
        axis: `node` or `frame`.
        seen: (N·M, T) of ones and zeros, as weights.
        groups: parts of the batch with statistics of their own.
        shift: (D,), the same in all processes; None for the mean of what is here.
        across_ranks: as for `moments`.
    """
    values, weights = rearrange(x, MATRICES[axis], g=groups), rearrange(seen, MATRIX_WEIGHTS[axis], g=groups)
    D, R = values.shape[2:]
    if shift is None:
        sums = values.detach().sum(dim=3) * weights
        shift = sums.sum(dim=1) / (weights.sum(dim=1) * R).clamp(min=1)
    shift = shift.expand(groups, D)
    apply: Any = _Products.apply
    products, sums = apply(values, weights, shift)  # (G, D, D), (G, B, D)
    present, samples = weights.sum(dim=1), weights.amax(dim=2).sum(dim=1)
    if axis == "node":  # a body is seen with all of its joints
        parts = sums.sum(dim=1), present, samples
    else:
        parts = weights.mT @ sums, weights.mT @ weights, samples  # of the samples that have both entries
    if across_ranks:
        products, *parts = sum_over_ranks(products.double(), *(part.double() for part in parts))
    together, both, samples = parts
    total = together if axis == "node" else together.diagonal(dim1=1, dim2=2)
    count = both if axis == "node" else both.diagonal(dim1=1, dim2=2)
    off = total / (count * R).clamp(min=1)  # mean − shift
    crossed = off[:, :, None] * (together[:, None] if axis == "node" else together)
    scatter = (
        products - crossed - crossed.mT + off[:, :, None] * off[:, None] * R * both.view(groups, -1, both.shape[-1])
    )
    covariance = scatter / (samples * R).clamp(min=1)[:, None, None]
    return Moments((shift + off).to(x.dtype), covariance.to(x.dtype))


class _Products(torch.autograd.Function):
    """Σ_b (w x̃)(w x̃)ᵀ (G, D, D) and w Σ_r x̃ (G, B, D) of x̃ = x (G, B, D, R) − shift, weighted by w (G, B, D or 1).

    Nothing but x is kept for the gradient, which is one matrix product.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        ctx.save_for_backward(x, weights, shift)
        centred = x - shift[:, None, :, None]
        products = centred @ centred.mT
        if weights.shape[2] == 1:
            products = torch.einsum("gbij,gb->gij", products, weights[:, :, 0])
        else:
            products = torch.einsum("gbij,gbi,gbj->gij", products, weights, weights)
        return products, centred.sum(dim=3) * weights

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        x, weights, shift = ctx.saved_tensors
        products, sums = gradients
        matrices = (products + products.mT)[:, None]
        matrices = matrices * weights[..., None] * (1 if weights.shape[2] == 1 else weights[:, :, None])
        level = sums * weights - (matrices @ shift[:, None, :, None])[..., 0]
        G, B, D, R = x.shape
        flat = torch.baddbmm(
            level.reshape(G * B, D, 1).expand(-1, -1, R), matrices.reshape(G * B, D, D), x.reshape(G * B, D, R)
        )
        return flat.view(G, B, D, R), None, None
