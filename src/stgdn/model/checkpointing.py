"""Activation checkpointing (Chen et al. 2016): a layer is computed again for its gradient instead of kept.

The second time running averages must not move.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_again: ContextVar[bool] = ContextVar("again", default=False)


def recomputing() -> bool:
    """Whether a layer is being computed again for its gradient."""
    return not torch.compiler.is_compiling() and _again.get()


@contextmanager
def _recomputation() -> Iterator[None]:
    token = _again.set(True)
    try:
        yield
    finally:
        _again.reset(token)


def _contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _recomputation()


def recomputed(layer: nn.Module, *inputs: Any) -> Tensor:  # noqa: ANN401
    """Output of `layer`, which keeps nothing but its inputs until the gradient is wanted; dropout drops the same."""
    return checkpoint(layer, *inputs, use_reentrant=False, context_fn=_contexts)  # pyright: ignore[reportReturnType]
