"""BatchNorm with a count for every row, and optionally over all processes of a data-parallel run.

Shapes: x is (B, C, ...), row b represents `row_counts[b]` bodies. Weighted statistics are those of the batch in which
every row is repeated as often as it counts (Ioffe and Szegedy, ICML 2015).
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from stgdn.model.checkpointing import is_recomputing
from stgdn.model.distributed import is_distributed
from stgdn.model.empty_bodies import Counts
from stgdn.model.statistics import CACHE_VALUES, accumulation_dtype

FLOAT32_TERMS = 64  # number of values that are added in float32; sums of them are added in float64
GRADIENT_FLOAT32_TERMS = 1024  # the same in backward, where longer sums lose less accuracy than ReLU does


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Normalise x (B, C, ...) by channel. The state is that of torch.nn.BatchNorm2d.

    Attributes:
        over_ranks: True if statistics are taken over the batches of all processes of a data-parallel run, as
            torch.nn.SyncBatchNorm does on GPUs only.
    """

    over_ranks = False

    def forward(self, input: Tensor, counts: Counts | None = None) -> Tensor:
        """Return normalised x, of the same shape and type; update the running averages in training.

        Args:
            input: x.
            counts: number of bodies that each row represents; None for one each.
        """
        ranks = self.over_ranks and is_distributed()
        if not self.training:
            return super().forward(input)
        if counts is None and not ranks and not adds_sequentially(input):
            if not is_recomputing():
                return super().forward(input)
            mean, variance = (None if part is None else part.clone() for part in (self.running_mean, self.running_var))
            return F.batch_norm(input, mean, variance, self.weight, self.bias, True, 0.0, self.eps)
        row_counts = input.new_ones(len(input), dtype=torch.float32) if counts is None else counts.row_counts
        num_single = len(input) if counts is None else counts.num_single
        apply: Any = Normalise.apply
        y, *statistics = apply(input, self.weight, self.bias, row_counts, num_single, self.eps, ranks)
        if not is_recomputing():
            self.update_running_averages(*statistics)
        return y

    @torch.no_grad()
    def update_running_averages(self, mean: Tensor, variance: Tensor, size: Tensor) -> None:
        """Update the running averages by the mean and biased variance (C,) of a batch of `size` values a channel."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        unbiased = variance * size / (size - 1)  # as torch keeps it
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Return the factor and the summand of evaluation, (C,) each, in float64."""
        assert self.running_var is not None
        assert self.running_mean is not None
        scale = self.weight.double() * (self.running_var.double() + self.eps).rsqrt()
        return scale, self.bias.double() - self.running_mean.double() * scale

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of axes."""


class Affine(nn.Module):
    """Compute x · scale + shift by channel, what a BatchNorm of x (B, C, ...) is in evaluation; both are (C,)."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale[:, None])
        self.register_buffer("shift", shift[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return scaled and shifted x."""
        shape = (-1, *[1] * (x.dim() - 2))
        return torch.addcmul(self.shift.view(shape), x, self.scale.view(shape))


class Normalise(torch.autograd.Function):
    """Compute (x − μ) γ / √(σ² + ε) + β with weighted statistics, in as few passes over x as torch."""

    @staticmethod
    def forward(  # noqa: D102
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        row_counts: Tensor,
        num_single: int,
        eps: float,
        ranks: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, variance, size = weighted_statistics(x, row_counts, num_single, ranks)
        y = F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)
        ctx.save_for_backward(x, weight, row_counts, mean, variance, size)
        ctx.num_single, ctx.eps, ctx.ranks = num_single, eps, ranks
        ctx.mark_non_differentiable(mean, variance, size)
        return y, mean, variance, size

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401, D102
        g = gradients[0]
        x, weight, row_counts, mean, variance, size = ctx.saved_tensors
        root = (variance + ctx.eps).rsqrt()
        g_weight, g_bias = gradient_sums(g, x, weight, mean, root)
        sum_gx, sum_g = g_weight, g_bias  # Σ g x̂ and Σ g, over all processes
        if ctx.ranks:
            both = torch.cat([g_weight, g_bias])
            torch.distributed.all_reduce(both)
            sum_gx, sum_g = both.chunk(2)
        scale = weight * root
        slope = -scale * root * sum_gx / size
        offset = -scale * sum_g / size - slope * mean
        g_x = _affine(x, slope, offset)
        if ctx.num_single < len(x):
            g_x[ctx.num_single :] *= row_counts[ctx.num_single :].view(-1, *[1] * (x.dim() - 1)).to(g_x.dtype)
        g_x.addcmul_(g, scale.view(1, -1, *[1] * (x.dim() - 2)).to(g.dtype))
        return g_x, g_weight, g_bias, None, None, None, None


def weighted_statistics(x: Tensor, row_counts: Tensor, num_single: int, ranks: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean (C,), variance (C,) and number of values of x (B, C, ...), in which row b counts row_counts[b] times.

    Statistics of parts of x are merged in float64 (Chan, Golub and LeVeque, 1979).
    """
    means, variances, sizes = part_statistics(x, row_counts, num_single)
    size = sizes.sum()
    mean = sizes @ means / size
    variance = sizes @ (variances + (means - mean) ** 2) / size
    if ranks:
        mean, variance, size = _over_ranks(mean, variance, size)
    dtype = torch.promote_types(x.dtype, torch.float32)
    return mean.to(dtype), variance.to(dtype), size.to(dtype)


def part_statistics(x: Tensor, row_counts: Tensor, num_single: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return means (P, C), biased variances (P, C) and numbers of values (P,) of P parts of x, in float64.

    Args:
        x: (B, C, ...).
        row_counts: (B,), how often each row counts.
        num_single: number of leading rows that count once each.
    """
    if not adds_sequentially(x):
        full = x.reshape(*x.shape[:2], -1).to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(full, dim=2, correction=0)
        dtype = accumulation_dtype(x)
        return mean.to(dtype), variance.to(dtype), row_counts.to(dtype) * full.shape[2]
    C, dtype = x.shape[1], torch.promote_types(x.dtype, torch.float32)
    blocks = [(x[:num_single], 1.0)] if num_single else []
    blocks += [(x[row : row + 1], float(row_counts[row])) for row in range(num_single, len(x))]
    parts, sizes = [], []
    for block, weight in blocks:
        for part in split_for_short_sums(block):
            unused = part.new_ones(part.shape[1], dtype=dtype)
            mean, variance = torch.ops.aten.batch_norm_update_stats(part.to(dtype), unused, unused, 0.0)
            parts.append(torch.stack([mean, variance]).view(2, -1, C))
            sizes += [len(part) * weight] * parts[-1].shape[1]
    means, variances = torch.cat(parts, dim=1).double()
    return means, variances, means.new_tensor(sizes)


def gradient_sums(g: Tensor, x: Tensor, weight: Tensor, mean: Tensor, root: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ g x̂ (C,) and Σ g (C,), the gradients of γ and β.

    Args:
        g: gradients of y, (B, C, ...) like x.
        x: features that were normalised.
        weight: γ (C,).
        mean: μ (C,).
        root: 1/√(σ² + ε), (C,).
    """
    parts = [(g, x)]
    if adds_sequentially(x):
        rows = (rearrange(values, "b c t v -> (b t v) c").contiguous() for values in (g, x))
        parts = zip(*(values.split(GRADIENT_FLOAT32_TERMS) for values in rows), strict=True)
    native = torch.ops.aten.native_batch_norm_backward
    sums = [native(*part, weight, mean, root, mean, root, True, 0.0, [False, True, True])[1:] for part in parts]
    dtype = accumulation_dtype(x)
    sum_gx, sum_g = (torch.stack(part).sum(dim=0, dtype=dtype).to(weight.dtype) for part in zip(*sums, strict=True))
    return sum_gx, sum_g


def adds_sequentially(x: Tensor) -> bool:
    """Return True if PyTorch's kernels add the values of a channel one after the other in float32.

    They do on a CPU where channels come last in memory; the variance of a million values is then off by 1e-3.
    """
    channels_last = x.dim() == 4 and not x.is_contiguous()
    return channels_last and x.device.type == "cpu" and not torch.compiler.is_compiling()


def split_for_short_sums(x: Tensor) -> Iterator[Tensor]:
    """Split x (B, C, T, V), channels last, into matrices of at most FLOAT32_TERMS rows and a multiple of C columns."""
    frames = rearrange(x, "b c t v -> (b t) (v c)").contiguous()
    several = 1 << max(0, (CACHE_VALUES // FLOAT32_TERMS // frames.shape[1]).bit_length() - 1)
    for part in frames.split(several * FLOAT32_TERMS):
        yield part.view(-1, math.gcd(several, len(part)) * frames.shape[1])


def _over_ranks(mean: Tensor, variance: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, variance and number of the values of all processes, by one message, in float64."""
    sums = torch.stack([mean, variance + mean**2])
    message = torch.cat([(sums * size).flatten(), size.view(1)])
    torch.distributed.all_reduce(message)
    total = message[-1]
    mean, squares = (message[:-1] / total).chunk(2)
    return mean, (squares - mean**2).clamp(min=0), total


def _affine(x: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
    """Return slope · x + offset by channel, in one pass: the evaluation of BatchNorm with mean 0 and variance 1."""
    return F.batch_norm(x, torch.zeros_like(slope), torch.ones_like(slope), slope, offset, False, 0.0, 0.0)
