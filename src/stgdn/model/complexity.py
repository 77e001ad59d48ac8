"""Count the parameters of a network, and its floating-point operations for a stated clip shape."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

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


def complexity(network: Network) -> Complexity:
    """Count parameters, and operations on a clip of the shape that `network` was built for, with all bodies seen."""
    copied = copy.deepcopy(network).cpu().float().eval()
    derive_transforms(copied)  # computed once, so not counted for a clip
    with torch.no_grad():
        operations = count_operations(lambda: copied(torch.ones(1, *network.clip_shape)))
    parameters = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return Complexity(parameters, operations, network.clip_shape)


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
    with counter:
        call()
    return counter.get_total_flops()
