"""Temporal filters, TCN and TDN. They take x (N·M, C, T, V) and a mask (N, M, T), and return (N·M, C, T/stride, V).

They are made from C; their keyword-only arguments are settings of the network. `folded` is that of spatial filters.
"""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.folded_filters import FoldedTDN
from stgdn.model.pointwise import pointwise
from stgdn.model.whitening import Whitening


class FrameConvolution(nn.Conv2d):
    """Compute a τ×1 convolution along frames of x (N, C, T, V), padded at both ends, at every `stride`-th frame.

    The τ frames of the kernel are `dilation` frames apart.

    A kernel of one frame selects the frames first and convolves without a stride: the same function. With a stride,
    oneDNN (in torch 2.13.0, with AVX-512) writes outside of the gradient of 1×1 weights that take 8 channels.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 1, stride: int = 1, dilation: int = 1
    ) -> None:
        pointwise = kernel_size == 1
        shape = (kernel_size, 1), (1 if pointwise else stride, 1), (kernel_size // 2 * dilation, 0), (dilation, 1)
        super().__init__(in_channels, out_channels, *shape)
        self.frame_step = stride if pointwise else 1

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


def expect_odd(kernel_size: int) -> None:
    """Check that a temporal kernel has a middle frame.

    Raises:
        InputError: it has an even number of frames.
    """
    if kernel_size % 2 == 0:
        raise InputError(f"a temporal kernel of {kernel_size} frames has no middle frame: give an odd kernel_size")


class TCN(nn.Module):
    """Compute θ_τ x, a τ×1 convolution along frames."""

    def __init__(self, channels: int, *, kernel_size: int = 9, stride: int = 1) -> None:
        super().__init__()
        expect_odd(kernel_size)
        self.theta = FrameConvolution(channels, channels, kernel_size, stride)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (N, C, T, V)."""
        return self.theta(x)

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        self.theta = self.theta.folded(scale, shift)
        return self


class TDN(TCN):
    """Compute θ_τ (Σ_T^{-1/2} (x − μ)), TCN of whitened frames: eq (7) with I − L = I. Clips have `frames` frames."""

    def __init__(
        self,
        channels: int,
        *,
        frames: int,
        kernel_size: int = 9,
        stride: int = 1,
        whitening: Callable[..., Whitening] = Whitening,
    ) -> None:
        super().__init__(channels, kernel_size=kernel_size, stride=stride)
        self.whitening = whitening("frame", frames)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return filtered x (N, C, T, V)."""
        return self.theta(self.whitening(x, mask))

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        return FoldedTDN(self.whitening, self.theta.folded(scale, shift))
