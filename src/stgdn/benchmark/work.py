"""Count floating-point operations, and bytes read and written, of a call, operation by operation."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

WRITES_NOTHING = ("aten::_unsafe_view", "aten::empty", "aten::new_empty", "aten::empty_like", "aten::empty_strided")


class TrafficCounter(TorchDispatchMode):
    """Counts the bytes that operations take and give, each as if it fetched all from memory and put all back.

    Caches and fused operations save some of it; what a library does inside (im2col, other layouts) comes on top.
    Views are no traffic.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Do the operation and count."""
        given = func(*args, **(kwargs or {}))
        if not func.is_view and func._schema.name not in WRITES_NOTHING:
            self.bytes += sum(map(_bytes, _tensors((args, kwargs, given))))
        return given


def _tensors(nested: object) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor))


def _bytes(tensor: Tensor) -> int:
    """Of an expanded tensor only what is stored."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())


def work(call: Callable[[], object]) -> tuple[int, int]:
    """Operations and bytes of a call.

    A multiply-add counts as two operations; convolutions and matrix products count, element-wise work does not.
    """
    with FlopCounterMode(display=False) as operations:
        call()
    with TrafficCounter() as traffic:
        call()
    return operations.get_total_flops(), traffic.bytes


def clip_flops(module: torch.nn.Module, clip: Tensor) -> int:
    """Operations of the forward pass of one clip (1, C, T, V, M) in evaluation, all its bodies there."""
    training = module.training
    module.eval()
    with torch.no_grad():
        module(clip)  # derives whitening matrices, which happens once and is no part of a clip's pass
        with FlopCounterMode(display=False) as counter:
            module(clip)
    module.train(training)
    return counter.get_total_flops()
