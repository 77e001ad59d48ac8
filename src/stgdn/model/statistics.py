"""Mean and covariance along the whitened axis, eq (3), in one process or over all processes of a data-parallel run."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from stgdn.model.distributed import sum_over_ranks

CACHE_VALUES = 1 << 18  # number of values that are taken at once: they fit a processor's cache


class Statistics(NamedTuple):
    """Hold mean (B, D) and covariance (B, D, D) along a whitened axis."""

    mean: Tensor
    covariance: Tensor


def sample_statistics(values: Tensor, weights: Tensor | None = None, *, across_ranks: bool = False) -> Statistics:
    """Return mean and covariance, eq (3) divided by the number of samples.

    Args:
        values: (B, D, S, R), S·R samples of D entries.
        weights: (B, D or 1, S, 1) of ones and zeros, one for an entry that takes part; None for all. An entry left out
            of a sample counts as being at its mean, and a sample without any entry does not count.
        across_ranks: sum over the processes of a data-parallel run, so that R processes with parts of a batch compute
            the same as one process with the whole batch.
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
    """Return mean and covariance of nodes or frames as `sample_statistics` does, without a copy of x.

    Over ranks one message is sent. The mean of this process's values is subtracted before the products are taken, so
    that no accuracy is lost if x is far from zero.

    Args:
        x: (N·M, C, T, V), channels last in memory.
        axis: `node` or `frame`.
        seen: (N·M, T) of ones and zeros, as weights.
        groups: number of equal parts of the batch that have statistics of their own.
        across_ranks: as for `sample_statistics`.
    """
    values, weights = rearrange(x, MATRICES[axis], g=groups), rearrange(seen, MATRIX_WEIGHTS[axis], g=groups)
    R = values.shape[3]
    exact = weights.to(accumulation_dtype(x))
    samples = exact.amax(dim=2).sum(dim=1)
    apply: Any = _CentredProducts.apply
    products, sums, centre = apply(values, weights)  # (G, D, D), (G, B, D), (G, D)
    # Sums and numbers of the samples in which both entries of a pair take part; a body is seen with all of its joints.
    seen_with = exact[:, :, :1] if axis == "node" else exact
    pair_sums, pair_counts = seen_with.mT @ sums, R * seen_with.mT @ exact  # (G, D or 1, D or 1)
    if across_ranks:  # every process has a centre of its own
        products = products + _shift_products(centre, pair_sums, pair_counts)
        products, pair_sums, pair_counts, samples = sum_over_ranks(
            products, pair_sums + pair_counts * centre[:, None], pair_counts, samples
        )
        centre = torch.zeros_like(centre)
    total, count = (
        part[:, 0] if axis == "node" else part.diagonal(dim1=1, dim2=2) for part in (pair_sums, pair_counts)
    )
    mean = total / count.clamp(min=1)
    scatter = products + _shift_products(-mean, pair_sums, pair_counts)
    covariance = scatter / (samples * R).clamp(min=1)[:, None, None]
    return Statistics((mean + centre).to(x.dtype), covariance.to(x.dtype))


def _shift_products(shift: Tensor, pair_sums: Tensor, pair_counts: Tensor) -> Tensor:
    """Return the (G, D, D) that a shift (G, D) of all samples adds to the sums of their products."""
    products = shift[:, :, None] * pair_sums
    return products + products.mT + pair_counts * shift[:, :, None] * shift[:, None]


def accumulation_dtype(x: Tensor) -> torch.dtype:
    """Return the type that sums of x are accumulated in: float64, or float32 on Apple's GPUs, which lack float64."""
    return torch.float32 if x.device.type == "mps" else torch.float64


class _CentredProducts(torch.autograd.Function):
    """Compute products and sums of x (G, B, D, R) about its weighted mean c (G, D), and c, which has no gradient.

    Σ_b Σ_r w (x − c) (w (x − c))ᵀ is (G, D, D), Σ_r w (x − c) is (G, B, D), both in float64; w (G, B, D or 1) are ones
    and zeros. Nothing but x is kept for the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        G, _, D, R = x.shape
        sums, exact = x.sum(dim=3).to(accumulation_dtype(x)), weights.to(accumulation_dtype(x))
        centre = ((sums * exact).sum(dim=1) / (exact.sum(dim=1) * R).clamp(min=1)).to(x.dtype)
        products = exact.new_zeros(G, D, D)
        for group, part in _cache_sized_parts(x):
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
        for group, part in _cache_sized_parts(x):
            deviations, weight = x[group, part] - centre[group, :, None], weights[group, part]
            rows = matrix[group] * (weight[..., None] * weight[:, None])
            torch.baddbmm(level[group, part], rows, deviations, out=g_x[group, part])
        return g_x, None


def _cache_sized_parts(x: Tensor) -> Iterator[tuple[int, slice]]:
    """Yield (group, slice of B) of x (G, B, D, R): on a CPU parts that fit its cache, elsewhere whole groups."""
    G, B, D, R = x.shape
    size = max(1, CACHE_VALUES // (D * R)) if x.device.type == "cpu" and not torch.compiler.is_compiling() else B
    for group in range(G):
        for start in range(0, B, size):
            yield group, slice(start, start + size)
