"""Mean and covariance along one axis, of one process or of all processes of a data-parallel run."""

from typing import NamedTuple

import torch
from torch import Tensor


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


class _AllReduce(torch.autograd.Function):
    """Sum over all processes; what one of them gets depends on all, so gradients are summed likewise."""

    @staticmethod
    def forward(ctx: object, message: Tensor) -> Tensor:  # noqa: ARG004
        message = message.clone()
        torch.distributed.all_reduce(message)
        return message

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        (gradient,) = gradients
        return _AllReduce.apply(gradient.contiguous())  # pyright: ignore[reportReturnType]


def sum_over_ranks(*parts: Tensor) -> tuple[Tensor, ...]:
    """Sum tensors over all processes in one message; the same in each, and gradients flow."""
    message: Tensor = _AllReduce.apply(torch.cat([part.flatten() for part in parts]))  # pyright: ignore[reportAssignmentType]
    pieces = message.split([part.numel() for part in parts])
    return tuple(piece.view_as(part) for piece, part in zip(pieces, parts, strict=True))
