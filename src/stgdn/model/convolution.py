"""Convolutions of features (N, C, T, V): 1×1, and τ×1 along frames."""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

FEWEST_IMAGES, MOST_FRAMES = 16, 16  # of images that 1×1 convolutions are fast on


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the 1×1 convolution of x (N, C, T, V), (N, C_out, T, V).

    PyTorch leaves 1×1 convolutions of fewer than 16 images on one thread of a CPU to code that takes up to twice as
    long (`use_mkldnn` in its Convolution.cpp, 2.13.0), and images of few frames stay in its cache. Where channels come
    last, a clip is therefore several images.

    Args:
        x: features.
        weight: (C_out, C, 1, 1).
        bias: (C_out,).
    """
    last = x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)
    if not last or torch.compiler.is_compiling() or torch.compiler.is_exporting():
        return F.conv2d(x, weight, bias)
    parts = images_per_clip(x.shape[0], x.shape[2])
    y = F.conv2d(rearrange(x, "n c (p t) v -> (n p) c t v", p=parts), weight, bias)
    return rearrange(y, "(n p) c t v -> n c (p t) v", p=parts)


@cache
def images_per_clip(N: int, T: int) -> int:
    """Return the smallest divisor of T frames that cuts N clips into enough images, short ones."""
    divisors = (parts for parts in range(1, T + 1) if T % parts == 0)
    return next((parts for parts in divisors if N * parts >= FEWEST_IMAGES and MOST_FRAMES * parts >= T), T)


class FrameConvolution(nn.Conv2d):
    """Compute a τ×1 convolution along frames of x (N, C, T, V), padded at both ends, at every `stride`-th frame.

    The τ frames of the kernel are `dilation` frames apart.

    A kernel of one frame selects the frames first and convolves without a stride: the same function. With a stride,
    oneDNN (in torch 2.13.0, with AVX-512) writes outside of the gradient of 1×1 weights that take 8 channels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1, dilation: int = 1
    ) -> None:
        one_frame = kernel_size == 1
        shape = (kernel_size, 1), (1 if one_frame else stride, 1), (kernel_size // 2 * dilation, 0), (dilation, 1)
        super().__init__(in_channels, out_channels, *shape)
        self.frame_step = stride if one_frame else 1

    def forward(self, input: Tensor) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T/stride, V)."""
        frames = input if self.frame_step == 1 else input[:, :, :: self.frame_step]
        if self.kernel_size == (1, 1):
            return pointwise(frames, self.weight, self.bias)
        settings: Any = self.stride, self.padding, self.dilation
        return F.conv2d(frames, self.weight, self.bias, *settings)

    def folded(self, scale: Tensor, shift: Tensor) -> "FrameConvolution":
        """Return the convolution, changed in place to contain the BatchNorm behind it: times `scale` plus `shift`."""
        assert self.bias is not None
        self.weight = nn.Parameter(self.weight.double() * scale.view(-1, 1, 1, 1))
        self.bias = nn.Parameter(self.bias.double() * scale + shift)
        return self
