"""BatchNorm by the mean and variance of a batch over all processes of a data-parallel run, on CPUs as on GPUs.

torch.nn.SyncBatchNorm does the same on GPUs only. R processes with a share of the batch each then compute what one
computes with all of it, as the whitening does.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed
from lightning.pytorch.plugins.layer_sync import LayerSync
from torch import Tensor, nn

from stgdn.model.moments import sum_over_ranks


class OverRanks:
    """Replaces the forward of a BatchNorm of x (N, C, ...): training statistics are those of all processes' x together.

    The mean is summed first and the squares about it second, so that variances do not cancel.
    """

    def forward(self: Any, input: Tensor) -> Tensor:
        """Normalised x, of the same shape and type; running averages move in training."""
        if not (self.training and torch.distributed.is_initialized()):
            return super().forward(input)  # pyright: ignore[reportAttributeAccessIssue]
        self._check_input_dim(input)
        x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        others, shape = [0, *range(2, x.dim())], [1, -1] + [1] * (x.dim() - 2)
        total, count = sum_over_ranks(x.sum(others), x.new_tensor([x.numel() / x.shape[1]]))
        count = count.detach()
        mean = total / count
        centred = x - mean.view(shape)
        variance = sum_over_ranks(centred.square().sum(others))[0] / count
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.detach(), self.momentum)
        self.running_var.lerp_(variance.detach() * count / (count - 1), self.momentum)  # unbiased, as torch keeps it
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(input.dtype)


class BatchNorm1dOverRanks(OverRanks, nn.BatchNorm1d):
    """Of x (N, C)."""


class BatchNorm2dOverRanks(OverRanks, nn.BatchNorm2d):
    """Of x (N, C, T, V)."""


KINDS = {nn.BatchNorm1d: BatchNorm1dOverRanks, nn.BatchNorm2d: BatchNorm2dOverRanks}
PLAIN = {over: plain for plain, over in KINDS.items()}


class BatchNormOverRanks(LayerSync):
    """Lets every BatchNorm of a network count over all processes while it trains on several.

    A module's class is exchanged: weights, running averages and their names stay as they are.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Lightning calls this before training."""
        return _exchange(model, KINDS)

    def revert(self, model: nn.Module) -> nn.Module:
        """Lightning calls this after training."""
        return _exchange(model, PLAIN)


def _exchange(model: nn.Module, kinds: Mapping[type, type]) -> nn.Module:
    for module in model.modules():
        module.__class__ = kinds.get(type(module), type(module))
    return model
