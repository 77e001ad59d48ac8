"""Temporal filters, TCN and TDN. They take x (N·M, C, T, V) and a mask (N, M, T), and return (N·M, C, T/stride, V).

They are made from C; their keyword-only arguments are settings of the network. `folded` is that of spatial filters.
"""

from collections.abc import Callable

from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.convolution import FrameConvolution
from stgdn.model.folded_filters import FoldedTDN
from stgdn.model.whitening import Whitening


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
