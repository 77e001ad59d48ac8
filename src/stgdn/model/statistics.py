"""Mean and covariance along one axis, of one process or of all processes of a data-parallel run."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from stgdn.model.distributed import sum_over_ranks

PART = 1 << 17  # values of which products are taken at once


class Statistics(NamedTuple):
    """Mean (B, D) and covariance (B, D, D) along a whitened axis."""

    mean: Tensor
    covariance: Tensor


def sample_statistics(values: Tensor, weights: Tensor | None = None, *, across_ranks: bool = False) -> Statistics:
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
    return Statistics(mean, scatter / (samples * repeats).clamp(min=1)[:, None, None])


# x (N·M, C, T, V) as B matrices of D entries and R samples for each of G groups with statistics of their own.
MATRICES = {"node": "(g b) c t v -> g (b t) v c", "frame": "(g b) c t v -> g b t (v c)"}
MATRIX_WEIGHTS = {"node": "(g b) t -> g (b t) 1", "frame": "(g b) t -> g b t"}


def matrix_statistics(x: Tensor, axis: str, seen: Tensor, groups: int, *, across_ranks: bool = False) -> Statistics:
    """Return what `sample_statistics` does for nodes and frames, without a copy of x, and by one message over ranks.

    Products are taken about the mean of this process's values, so that they cancel however far from zero x is.

    Args:
        x: (N·M, C, T, V), channels last in memory.
        axis: `node` or `frame`.
        seen: (N·M, T) of ones and zeros, as weights.
        groups: parts of the batch with statistics of their own.
        across_ranks: as for `sample_statistics`.
    """
    values, weights = rearrange(x, MATRICES[axis], g=groups), rearrange(seen, MATRIX_WEIGHTS[axis], g=groups)
    R = values.shape[3]
    exact = weights.to(wide(x))
    samples = exact.amax(dim=2).sum(dim=1)
    apply: Any = _Products.apply
    products, sums, centre = apply(values, weights)  # (G, D, D), (G, B, D), (G, D)
    # Sums and numbers of the samples that have both of two entries: a body is seen with all of its joints.
    seen_with = exact[:, :, :1] if axis == "node" else exact
    together, both = seen_with.mT @ sums, R * seen_with.mT @ exact  # (G, D or 1, D or 1)
    if across_ranks:  # every process has a centre of its own
        products = products + _crossed(centre, together, both)
        products, together, both, samples = sum_over_ranks(products, together + both * centre[:, None], both, samples)
        centre = torch.zeros_like(centre)
    total, count = (part[:, 0] if axis == "node" else part.diagonal(dim1=1, dim2=2) for part in (together, both))
    mean = total / count.clamp(min=1)
    scatter = products + _crossed(-mean, together, both)
    covariance = scatter / (samples * R).clamp(min=1)[:, None, None]
    return Statistics((mean + centre).to(x.dtype), covariance.to(x.dtype))


def _crossed(shift: Tensor, together: Tensor, both: Tensor) -> Tensor:
    """Return what a shift (G, D) of all samples adds to the sums of their products, (G, D, D)."""
    crossed = shift[:, :, None] * together
    return crossed + crossed.mT + both * shift[:, :, None] * shift[:, None]


def wide(x: Tensor) -> torch.dtype:
    """The type to add up in where x is: float64, which Apple's GPUs lack."""
    return torch.float32 if x.device.type == "mps" else torch.float64


class _Products(torch.autograd.Function):
    """Products and sums about the weighted mean c (G, D) of x (G, B, D, R), and c, which is a constant of them.

    Σ_b Σ_r w (x − c) (w (x − c))ᵀ is (G, D, D), Σ_r w (x − c) is (G, B, D), both in float64; w (G, B, D or 1) are ones
    and zeros. Nothing but x is kept for the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        G, _, D, R = x.shape
        sums, exact = x.sum(dim=3).to(wide(x)), weights.to(wide(x))
        centre = ((sums * exact).sum(dim=1) / (exact.sum(dim=1) * R).clamp(min=1)).to(x.dtype)
        products = exact.new_zeros(G, D, D)
        for group, part in _parts(x):
            deviations, weight = x[group, part] - centre[group, :, None], weights[group, part]
            products[group] += (deviations @ deviations.mT * (weight[..., None] * weight[:, None])).sum(dim=0)
        ctx.save_for_backward(x, weights, centre)
        centre = centre.to(exact.dtype)
        ctx.mark_non_differentiable(centre)
        return products, (sums - R * centre[:, None]) * exact, centre

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        x, weights, centre = ctx.saved_tensors
        products, sums, _ = gradients
        matrix = (products + products.mT).to(x.dtype)
        level = (sums * weights).to(x.dtype)[..., None].expand_as(x)
        g_x = torch.empty_like(x)
        for group, part in _parts(x):
            deviations, weight = x[group, part] - centre[group, :, None], weights[group, part]
            rows = matrix[group] * (weight[..., None] * weight[:, None])
            torch.baddbmm(level[group, part], rows, deviations, out=g_x[group, part])
        return g_x, None


def _parts(x: Tensor) -> Iterator[tuple[int, slice]]:
    """Yield group and matrices of x (G, B, D, R), as many as fit a processor's cache; elsewhere all of a group."""
    G, B, D, R = x.shape
    size = max(1, PART // (D * R)) if x.device.type == "cpu" and not torch.compiler.is_compiling() else B
    for group in range(G):
        for start in range(0, B, size):
            yield group, slice(start, start + size)
