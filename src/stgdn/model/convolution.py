"""1×1 convolutions."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the 1×1 convolution of x (N, C, T, V), (N, C_out, T, V).

    PyTorch leaves 1×1 convolutions of fewer than 16 images on one thread of a CPU to code that takes up to twice as
    long (`use_mkldnn` in its Convolution.cpp, 2.13.0). Where channels come last, every frame is an image here.

    Args:
        x: features.
        weight: (C_out, C, 1, 1).
        bias: (C_out,).
    """
    last = x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)
    if not last or torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return F.conv2d(x, weight, bias)
    y = F.conv2d(rearrange(x, "n c t v -> (n t) c 1 v"), weight, bias)
    return rearrange(y, "(n t) c 1 v -> n c t v", t=x.shape[2])


class Pointwise(nn.Conv2d):
    """Compute a 1×1 convolution of x (N, C, T, V), with the state of a Conv2d."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, C_out, T, V)."""
        return pointwise(input, self.weight, self.bias)
