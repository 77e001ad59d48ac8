"""Fold a trained network for inference: no statistics, no Newton-Schulz, BatchNorm inside the convolutions.

In evaluation mean, Σ^{-1/2} and BatchNorm are constants. On nodes the whitening becomes a factor of the graph and an
offset of every joint; on frames it stays one T×T product. Every filter is asked for its own folded form,
`folded(scale, shift)`, and every norm for its constants, `scale_and_shift()`: filters and norms that are defined
elsewhere can be folded, too.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.block import Block, Projection
from stgdn.model.empty_bodies import Counts
from stgdn.model.folded_filters import FoldedWhitening
from stgdn.model.network import Network
from stgdn.model.norm import Affine
from stgdn.model.whitened_filters import Whitened


@torch.no_grad()
def fold(network: Network) -> Network:
    """Return a network that computes the same function as `network` in evaluation, to about 1e-6, without statistics.

    `network` is not changed.

    Raises:
        InputError: the network whitens every clip by its own statistics, which are not constant, is folded already, or
            has a filter or norm that does not offer a folded form.
    """
    if not network.independent_bodies:
        raise InputError(
            "model.whitening.statistics=instance takes statistics of every clip: such a network cannot be folded"
        )
    if isinstance(network.input_norm, Affine):
        raise InputError(f"{network.name} is folded already")
    folded = copy.deepcopy(network).eval()
    folded.input_norm = Affine(*ask(folded.input_norm, "scale_and_shift"))
    folded.layers = nn.ModuleList(FoldedBlock(layer) for layer in folded.layers)  # pyright: ignore[reportArgumentType]
    folded.to(network.classifier.weight.dtype)
    folded.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]  # the order of weights in files
    return folded.requires_grad_(False)


def ask(module: nn.Module, method: str, *arguments: Tensor) -> Any:  # noqa: ANN401
    """Call a method of a filter or norm that makes its folded form.

    Raises:
        InputError: its class does not offer the method, or inherits it and has another `forward`.
    """
    kind = type(module)
    definer = next(parent for parent in kind.__mro__ if {"forward", method} & vars(parent).keys())
    if method not in vars(definer):
        raise InputError(
            f"{kind.__name__} cannot be folded: it has no method {method} beside its forward; give it one as in "
            "docs/extending.md, or use the network unfolded (src/export.py: format=safetensors)"
        )
    return getattr(module, method)(*arguments)


def fold_filter(filter: nn.Module, norm: nn.Module) -> nn.Module:
    """Return one module that computes a filter and the norm behind it in evaluation."""
    if isinstance(filter, Whitened):
        return nn.Sequential(FoldedWhitening(filter.whitening), fold_filter(filter.filter, norm))
    return ask(filter, "folded", *ask(norm, "scale_and_shift"))


class FoldedBlock(nn.Module):
    """Compute a block in evaluation."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.spatial = fold_filter(block.spatial, block.spatial_norm)
        self.temporal = fold_filter(block.temporal, block.temporal_norm)
        self.down, self.residual = (
            fold_filter(*part) if isinstance(part, Projection) else part for part in (block.down, block.residual)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None, counts: Counts | None = None) -> Tensor:  # noqa: ARG002
        """Map x (B, C, T, V) to (B, C_out, T/stride, V); the row counts are not needed in inference."""
        y = self.spatial(x)
        if self.down is not None:
            y = y.add_(self.down(x))
        y = self.temporal(F.relu_(y))
        if self.residual is not None:
            y = y.add_(self.residual(x))
        return F.relu_(y)
