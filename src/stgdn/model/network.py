"""A network that computes empty bodies once, compiles its layers, or computes them again for their gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.backbone import Backbone
from stgdn.model.checkpointing import run_checkpointed
from stgdn.model.distributed import is_distributed
from stgdn.model.empty_bodies import EMPTY_BODY_MODES, Counts, Packing, pack, pack_present, seen_frames
from stgdn.model.whitening import derive_transforms

COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
COMPILE_ROW_MULTIPLE = 16  # a compiled network fills the number of bodies up to a multiple of this


class Network(Backbone):
    """Compute what `Backbone` computes, faster or in less memory; only `empty_bodies=masked` is another function.

    Args:
        channels, strides, blocks: rows, as of `Backbone`.
        empty_bodies: `dedup`: empty bodies, which are all the same tensor, are computed once, with the same result;
            `padded`: every body is computed; `masked`: empty bodies are left out and scores are means over the bodies
            seen, which is another function.
        checkpointing: in training keep only the input of a layer and compute the layer again for its gradient.
        compile: True to compile the layers by torch.compile, or its mode: `reduce-overhead`, `max-autotune`.
        **options: all other arguments of `Backbone`: num_classes, frames, ...

    Raises:
        InputError: an unknown mode, checkpointing of a compiled network, or see `Backbone`.
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int] | int,
        blocks: Sequence[str] | str,
        *,
        empty_bodies: str = "dedup",
        checkpointing: bool = False,
        compile: bool | str = False,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(channels, strides, blocks, **options)
        self.empty_bodies = choose(empty_bodies, EMPTY_BODY_MODES, "treatment of empty bodies")
        self.checkpointing, self.compiles = checkpointing, bool(compile)
        self.compile_mode = choose(compile, COMPILE_MODES, "mode of compiling") if isinstance(compile, str) else None
        if checkpointing and compile:
            raise InputError("a compiled network decides itself what to compute again: leave out model.checkpointing")
        self._compiled: Callable[[Tensor, Tensor, Counts | None], Tensor] | None = None

    def forward(self, clips: Tensor) -> Tensor:
        """Return class scores (N, classes) of clips (N, C, T, V, M), which are zero where no body is seen."""
        self.check_shape(clips)
        seen = seen_frames(clips)
        present = seen.any(dim=2)
        packing = self.choose_packing(present)
        x, mask, counts = self.normalise(clips), seen, None
        if packing is not None:
            x, mask, counts = x[packing.rows], seen.flatten(0, 1)[packing.rows, None], packing.counts
        pooled = self.compile_layers()(x, mask, counts) if self.compiles else self.pooled(x, mask, counts)
        return self.classify(pooled if packing is None else pooled[packing.positions], present)

    def choose_packing(self, present: Tensor) -> Packing | None:
        """Return the bodies to compute, given the mask (N, M) of bodies seen; None for all, as in an exported graph."""
        if torch.compiler.is_exporting():  # a graph cannot depend on what is in a clip
            return None
        if self.empty_bodies == "masked":
            return pack_present(present)
        multiple = COMPILE_ROW_MULTIPLE if self.compiles else 1  # every new number of rows is compiled again
        return pack(present, multiple) if self.empty_bodies == "dedup" and self.independent_bodies else None

    def classify(self, pooled: Tensor, present: Tensor) -> Tensor:
        """Return scores (N, classes) of mean features (N·M, C) of bodies; `present` (N, M) is true for bodies seen."""
        if self.empty_bodies == "masked":
            N, M = present.shape
            share = M / present.sum(dim=1).clamp(min=1)
            pooled = (pooled.view(N, M, -1) * present[:, :, None]) * share[:, None, None]
        return super().classify(pooled, present)

    def run_layer(self, layer: nn.Module, x: Tensor, mask: Tensor, counts: Counts | None) -> Tensor:
        """Return the output of one layer, (B, C_out, T_out, V); with checkpointing only its input is kept."""
        if self.checkpointing and torch.is_grad_enabled():
            return run_checkpointed(layer, x, mask, counts)
        return super().run_layer(layer, x, mask, counts)

    def compile_layers(self) -> Callable[[Tensor, Tensor, Counts | None], Tensor]:
        """Return `pooled`, compiled as one graph; in a data-parallel run the graph may break at messages."""
        if self._compiled is None:
            self._compiled = torch.compile(self.pooled, fullgraph=not is_distributed(), mode=self.compile_mode)
        if not self.training:
            derive_transforms(self)  # outside the compiled graph
        return self._compiled

    def __getstate__(self) -> dict[str, Any]:
        """Return the state that is copied and pickled: everything except compiled code."""
        return super().__getstate__() | {"_compiled": None}  # pyright: ignore[reportAttributeAccessIssue]
