"""Count the parameters of a network, and its floating-point operations for a stated clip shape."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from stgdn.model.clip_check import evaluating
from stgdn.model.network import Network
from stgdn.model.whitening import derive_transforms


@dataclass(frozen=True)
class Complexity:
    """Hold the cost of one network.

    Attributes:
        parameters: number of trainable values.
        flops: operations of one clip's forward pass in evaluation, a multiply-add counted as two. Convolutions and
            matrix products count, element-wise work does not.
        clip_shape: (C, T, V, M) of that clip.
    """

    parameters: int
    flops: int
    clip_shape: tuple[int, int, int, int]

    def __str__(self) -> str:
        """Return one line of text."""
        return f"{self.parameters:,} parameters, {self.flops / 1e9:.2f} GFLOP a clip (C, T, V, M) = {self.clip_shape}"


def complexity(network: nn.Module, clip_shape: tuple[int, int, int, int] | None = None) -> Complexity:
    """Count parameters, and operations on a clip (C, T, V, M) with all bodies seen; a `Network` knows its shape."""
    counted = network  # as it is: not every module can be copied, nor computes on a CPU
    if isinstance(network, Network):
        clip_shape, counted = clip_shape or network.clip_shape, copy.deepcopy(network).cpu().float()
    assert clip_shape is not None
    weights = next(counted.parameters())
    clip = torch.ones(1, *clip_shape, device=weights.device, dtype=weights.dtype)
    with evaluating(counted):
        derive_transforms(counted)  # computed once, so not counted for a clip
        operations = count_operations(lambda: counted(clip))
    parameters = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return Complexity(parameters, operations, clip_shape)


class _Everything:
    """Count for the whole call: PyTorch's counter by module fails where a parameter is handed to a submodule."""

    parents = ("Global",)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def count_operations(call: Callable[[], object]) -> int:
    """Return the operations of convolutions and matrix products in a call, a multiply-add counted as two."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _Everything()  # pyright: ignore[reportAttributeAccessIssue]
    with torch.compiler.set_stance("force_eager"), counter:  # the counter sees nothing of compiled code
        call()
    return counter.get_total_flops()
