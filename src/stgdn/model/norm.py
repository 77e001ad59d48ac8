"""BatchNorm that knows how often a row counts, and may count over all processes of a data-parallel run.

Glossary of shapes: x (B, C, ...), row b standing for `counts[b]` bodies; S positions of a row and channel. Weighted
statistics are those of the batch in which every row is repeated as often as it counts, Ioffe and Szegedy (ICML 2015).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.model.bodies import Counts
from stgdn.model.ranks import training_ranks
from stgdn.model.recomputation import recomputing


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Normalises x (B, C, ...) by channel. States and names are those of torch.nn.BatchNorm2d.

    Attributes:
        over_ranks: whether a batch is what all processes of a data-parallel run hold together; torch.nn.SyncBatchNorm
            does this on GPUs only.
    """

    over_ranks = False

    def forward(self, input: Tensor, counts: Counts | None = None) -> Tensor:
        """Normalised x, of the same shape and type; running averages move in training."""
        ranks = self.over_ranks and training_ranks()
        if not self.training:
            return super().forward(input)
        if counts is None and not ranks:
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
        native = torch.ops.aten.native_batch_norm_backward
        _, g_weight, g_bias = native(g, x, weight, mean, variance, None, None, False, ctx.eps, [False, True, True])
        along, level = g_weight, g_bias  # Σ g x̂ and Σ g, of all processes
        if ctx.ranks:
            both = torch.cat([g_weight, g_bias])
            torch.distributed.all_reduce(both)
            along, level = both.chunk(2)
        root = (variance + ctx.eps).rsqrt()
        scale = weight * root
        slope = -scale * root * along / size
        offset = -scale * level / size - slope * mean
        g_x = _affine(x, slope, offset)
        if ctx.singles < len(x):
            g_x[ctx.singles :] *= each[ctx.singles :].view(-1, *[1] * (x.dim() - 1)).to(g_x.dtype)
        g_x.addcmul_(g, scale.view(1, -1, *[1] * (x.dim() - 2)).to(g.dtype))
        return g_x, g_weight, g_bias, None, None, None, None


def weighted_statistics(x: Tensor, each: Tensor, singles: int, ranks: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (C,), variance (C,) about it, and the number of values, of x (B, C, ...) with rows counted `each` (B,)."""
    S = x.shape[2:].numel()
    mean, variance = _statistics(x)
    size = mean.new_tensor(len(x) * S)
    if singles < len(x):  # only the last rows count another number of times than once
        others = x[singles:].flatten(2).to(mean.dtype)
        more = (each[singles:, None] - 1).to(mean.dtype) * S
        means = others.mean(dim=2)
        total = size + more.sum()
        common = mean + (more * (means - mean)).sum(dim=0) / total
        squares = size * (variance + (mean - common) ** 2)
        squares = squares + (more * (others.var(dim=2, correction=0) + (means - common) ** 2)).sum(dim=0)
        mean, variance, size = common, squares / total, total
    if ranks:
        mean, variance, size = _over_ranks(mean, variance, size)
    return mean, variance.clamp(min=0), size


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of x (B, C, ...), in float32 or better."""
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    if x.device.type == "cpu" and not torch.compiler.is_compiling():  # several times as fast as var_mean there
        nothing = x.new_zeros(x.shape[1])
        return torch.ops.aten.batch_norm_update_stats(x, nothing, torch.ones_like(nothing), 0.0)
    variance, mean = torch.var_mean(x, dim=[0, *range(2, x.dim())], correction=0)
    return mean, variance


def _over_ranks(mean: Tensor, variance: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same of all processes' values together, in one message of float64, whose differences do not cancel."""
    sums = torch.stack([mean.double(), variance.double() + mean.double() ** 2])
    message = torch.cat([(sums * size).flatten(), size.double().view(1)])
    torch.distributed.all_reduce(message)
    total = message[-1]
    mean_all, squares = (message[:-1] / total).chunk(2)
    return mean_all.to(mean.dtype), (squares - mean_all**2).to(mean.dtype), total.to(mean.dtype)


def _affine(x: Tensor, slope: Tensor, offset: Tensor) -> Tensor:
    """By channel slope x + offset, in one pass: BatchNorm's evaluation with mean 0 and variance 1."""
    return F.batch_norm(x, torch.zeros_like(slope), torch.ones_like(slope), slope, offset, False, 0.0, 0.0)
