"""BatchNorm that knows how often a row counts, and may count over all processes of a data-parallel run.

Glossary of shapes: x (B, C, ...), row b standing for `counts[b]` bodies; S positions of a row and channel. Weighted
statistics are those of the batch in which every row is repeated as often as it counts, Ioffe and Szegedy (ICML 2015).
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from stgdn.model.checkpointing import recomputing
from stgdn.model.distributed import training_ranks
from stgdn.model.empty_bodies import Counts
from stgdn.model.statistics import wide

CHAIN = 64  # values that are added in float32 before the sum goes on in float64
GRADIENT_CHAIN = 1024  # the same in backward, where longer sums cost no accuracy that ReLU leaves
PART = 1 << 18  # values that fit a processor's cache


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Normalises x (B, C, ...) by channel. States and names are those of torch.nn.BatchNorm2d.

    Attributes:
        over_ranks: whether a batch is what all processes of a data-parallel run hold together; torch.nn.SyncBatchNorm
            does this on GPUs only.
    """

    over_ranks = False

    def forward(self, input: Tensor, counts: Counts | None = None) -> Tensor:
        """Return normalised x, of the same shape and type; running averages move in training."""
        ranks = self.over_ranks and training_ranks()
        if not self.training:
            return super().forward(input)
        if counts is None and not ranks and not adds_one_by_one(input):
            if not recomputing():
                return super().forward(input)
            mean, variance = (None if part is None else part.clone() for part in (self.running_mean, self.running_var))
            return F.batch_norm(input, mean, variance, self.weight, self.bias, True, 0.0, self.eps)
        each = input.new_ones(len(input), dtype=torch.float32) if counts is None else counts.each
        singles = len(input) if counts is None else counts.singles
        apply: Any = Normalise.apply
        y, *statistics = apply(input, self.weight, self.bias, each, singles, self.eps, ranks)
        if not recomputing():
            self.move(*statistics)
        return y

    @torch.no_grad()
    def move(self, mean: Tensor, variance: Tensor, size: Tensor) -> None:
        """Move the running averages towards a batch's mean and biased variance (C,) of so many values."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        unbiased = variance * size / (size - 1)  # as torch keeps it
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes will do."""


class Normalise(torch.autograd.Function):
    """(x − μ) γ / √(σ² + ε) + β with weighted statistics, in as few passes over x as torch's own."""

    @staticmethod
    def forward(  # noqa: D102
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        each: Tensor,
        singles: int,
        eps: float,
        ranks: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, variance, size = weighted_statistics(x, each, singles, ranks)
        y = F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)
        ctx.save_for_backward(x, weight, each, mean, variance, size)
        ctx.singles, ctx.eps, ctx.ranks = singles, eps, ranks
        ctx.mark_non_differentiable(mean, variance, size)
        return y, mean, variance, size

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401, D102
        g = gradients[0]
        x, weight, each, mean, variance, size = ctx.saved_tensors
        root = (variance + ctx.eps).rsqrt()
        g_weight, g_bias = gradient_sums(g, x, weight, mean, root)
        along, level = g_weight, g_bias  # Σ g x̂ and Σ g, of all processes
        if ctx.ranks:
            both = torch.cat([g_weight, g_bias])
            torch.distributed.all_reduce(both)
            along, level = both.chunk(2)
        scale = weight * root
        slope = -scale * root * along / size
        offset = -scale * level / size - slope * mean
        g_x = _affine(x, slope, offset)
        if ctx.singles < len(x):
            g_x[ctx.singles :] *= each[ctx.singles :].view(-1, *[1] * (x.dim() - 1)).to(g_x.dtype)
        g_x.addcmul_(g, scale.view(1, -1, *[1] * (x.dim() - 2)).to(g.dtype))
        return g_x, g_weight, g_bias, None, None, None, None


def weighted_statistics(x: Tensor, each: Tensor, singles: int, ranks: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean (C,), variance (C,) and number of values of x (B, C, ...), in which row b counts each[b] times.

    Parts of x are merged in float64 (Chan, Golub and LeVeque, 1979).
    """
    means, variances, sizes = part_statistics(x, each, singles)
    size = sizes.sum()
    mean = sizes @ means / size
    variance = sizes @ (variances + (means - mean) ** 2) / size
    if ranks:
        mean, variance, size = _over_ranks(mean, variance, size)
    dtype = torch.promote_types(x.dtype, torch.float32)
    return mean.to(dtype), variance.to(dtype), size.to(dtype)


def part_statistics(x: Tensor, each: Tensor, singles: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return means (P, C), biased variances (P, C) and numbers of values (P,) of P parts of x, in float64.

    Args:
        x: (B, C, ...).
        each: (B,), how often each row counts.
        singles: so many rows at the beginning count once each.
    """
    if not adds_one_by_one(x):
        full = x.reshape(*x.shape[:2], -1).to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(full, dim=2, correction=0)
        return mean.to(wide(x)), variance.to(wide(x)), each.to(wide(x)) * full.shape[2]
    C, dtype = x.shape[1], torch.promote_types(x.dtype, torch.float32)
    blocks = [(x[:singles], 1.0)] if singles else []
    blocks += [(x[row : row + 1], float(each[row])) for row in range(singles, len(x))]
    parts, sizes = [], []
    for block, weight in blocks:
        for part in short_sums(block):
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
        x: what was normalised.
        weight: γ (C,).
        mean: μ (C,).
        root: 1/√(σ² + ε), (C,).
    """
    parts = [(g, x)]
    if adds_one_by_one(x):
        positions = (rearrange(values, "b c t v -> (b t v) c").contiguous().split(GRADIENT_CHAIN) for values in (g, x))
        parts = zip(*positions, strict=True)
    native = torch.ops.aten.native_batch_norm_backward
    sums = [native(*part, weight, mean, root, mean, root, True, 0.0, [False, True, True])[1:] for part in parts]
    along, level = (
        torch.stack(values).sum(dim=0, dtype=wide(x)).to(weight.dtype) for values in zip(*sums, strict=True)
    )
    return along, level


def adds_one_by_one(x: Tensor) -> bool:
    """Return whether PyTorch's kernels add the values of a channel in float32 one after the other.

    They do on a CPU where channels come last in memory; the variance of a million values is then off by 1e-3.
    """
    channels_last = x.dim() == 4 and not x.is_contiguous()
    return channels_last and x.device.type == "cpu" and not torch.compiler.is_compiling()


def short_sums(x: Tensor) -> Iterator[Tensor]:
    """Split x (B, C, T, V), channels last in memory, into matrices of few rows (up to CHAIN, several times C)."""
    frames = rearrange(x, "b c t v -> (b t) (v c)").contiguous()
    several = 1 << max(0, (PART // CHAIN // frames.shape[1]).bit_length() - 1)
    for part in frames.split(several * CHAIN):
        yield part.view(-1, math.gcd(several, len(part)) * frames.shape[1])


def _over_ranks(mean: Tensor, variance: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same of all processes' values together, by one message, in float64."""
    sums = torch.stack([mean, variance + mean**2])
    message = torch.cat([(sums * size).flatten(), size.view(1)])
    torch.distributed.all_reduce(message)
    total = message[-1]
    mean, squares = (message[:-1] / total).chunk(2)
    return mean, (squares - mean**2).clamp(min=0), total


def _affine(x: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
    """By channel slope x + offset, in one pass: BatchNorm's evaluation with mean 0 and variance 1."""
    return F.batch_norm(x, torch.zeros_like(slope), torch.ones_like(slope), slope, offset, False, 0.0, 0.0)
