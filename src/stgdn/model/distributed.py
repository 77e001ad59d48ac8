"""Sums over the processes of a data-parallel run."""

import torch
import torch.distributed
from torch import Tensor


def is_distributed() -> bool:
    """Return True if this process is one of a data-parallel run."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class _AllReduce(torch.autograd.Function):
    """Sum over all processes. The result of each process depends on all, so gradients are summed, too."""

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
    """Return the sums of tensors over all processes, by one message; every process gets the same, gradients flow."""
    message: Tensor = _AllReduce.apply(torch.cat([part.flatten() for part in parts]))  # pyright: ignore[reportAssignmentType]
    pieces = message.split([part.numel() for part in parts])
    return tuple(piece.view_as(part) for piece, part in zip(pieces, parts, strict=True))
