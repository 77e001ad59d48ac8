"""Activation checkpointing (Chen et al. 2016): a layer keeps its input only and is computed again for its gradient.

Running averages must not be updated by the second computation.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_recomputing: ContextVar[bool] = ContextVar("recomputing", default=False)


def is_recomputing() -> bool:
    """Return True while a layer is computed again for its gradient."""
    return not torch.compiler.is_compiling() and _recomputing.get()


@contextmanager
def _recomputation() -> Iterator[None]:
    token = _recomputing.set(True)
    try:
        yield
    finally:
        _recomputing.reset(token)


def _contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _recomputation()


def run_checkpointed(layer: nn.Module, *inputs: Any) -> Tensor:  # noqa: ANN401
    """Return the output of `layer`, keeping only its inputs for the gradient; dropout drops the same features again."""
    return checkpoint(layer, *inputs, use_reentrant=False, context_fn=_contexts)  # pyright: ignore[reportReturnType]
