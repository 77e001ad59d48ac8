"""Temporal filters: TCN and TDN. They take x (N·M, C, T, V) and a mask (N, M, T), and return (N·M, C, T/stride, V)."""

from collections.abc import Callable

from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.whitening import Whitening


class TCN(nn.Module):
    """θ_τ, a τ×1 convolution along frames.

    Raises:
        InputError: an even kernel.
    """

    options: tuple[str, ...] = ("kernel_size", "stride")

    def __init__(self, channels: int, *, kernel_size: int = 9, stride: int = 1) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise InputError(f"a temporal kernel of {kernel_size} frames has no middle frame: give an odd kernel_size")
        self.theta = nn.Conv2d(channels, channels, (kernel_size, 1), (stride, 1), (kernel_size // 2, 0))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Filter x (N, C, T, V)."""
        return self.theta(x)


class TDN(TCN):
    """θ_τ (Σ_T^{-1/2} (x − μ)): TCN on whitened frames, eq (7) with (I − L) = I; bound to clips of `frames` frames."""

    options = ("kernel_size", "stride", "frames", "whitening")

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
        """Filter x (N, C, T, V)."""
        return self.theta(self.whitening(x, mask))
