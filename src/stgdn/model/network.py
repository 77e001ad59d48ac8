"""The eight networks: rows of a config in, class scores out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.block import BLOCKS, Block, make_filters
from stgdn.model.checkpointing import run_checkpointed
from stgdn.model.distributed import is_distributed
from stgdn.model.empty_bodies import EMPTY_BODY_MODES, Counts, Packing, pack, pack_present, seen_frames
from stgdn.model.graph import adjacency
from stgdn.model.norm import BatchNorm
from stgdn.model.whitening import Whitening, derive_transforms
from stgdn.skeleton import layout as joint_layout

STYLES = ("agcn", "st_gcn")
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
COMPILE_ROW_MULTIPLE = 16  # a compiled network fills the number of bodies up to a multiple of this


def expand_row(values: Any, layers: int, name: str) -> list:  # noqa: ANN401
    """Return a list with one entry for each layer, of a list or of one word or number for all layers.

    Raises:
        InputError: the list has another length than there are layers; the message names the row.
    """
    if isinstance(values, str | int):
        return [values] * layers
    if len(values) != layers:
        raise InputError(
            f"model.{name} has {len(values)} entries and model.channels {layers}: "
            f"give {layers} entries, one per layer, or one word for all"
        )
    return list(values)


class Network(nn.Module):
    """Compute class scores of clips: input BatchNorm, blocks, mean over frames, joints and bodies, one linear layer.

    Args:
        channels: C_out of every layer.
        strides: stride of the temporal filter of every layer, in frames.
        blocks: name of the block of every layer, or one name for all; see `stgdn.model.block.BLOCKS`.
        num_classes: number of scores.
        name: name of the network in configs and messages.
        frames: T of the clips; fixed if a block whitens frames.
        empty_bodies: `dedup`: empty bodies, which are all the same tensor, are computed once, with the same result;
            `padded`: every body is computed; `masked`: empty bodies are left out and scores are means over the bodies
            seen, which is another function.
        checkpointing: in training keep only the input of a layer and compute the layer again for its gradient.
        compile: True to compile the layers by torch.compile, or its mode: `reduce-overhead`, `max-autotune`.
        bodies: M, the number of bodies in a clip.
        in_channels: C of the clips.
        layout: name of the joint layout, or its definition, see `stgdn.skeleton.define`.
        width: factor on all channels, for quick runs.
        style: `agcn`: directed subsets, down(x), input BatchNorm over M·V·C and 2s-AGCN's initialisation; `st_gcn`:
            spatial partition, no down(x), input BatchNorm over V·C.
        terms: terms of an adaptive adjacency: physical, learned, attention.
        graphs: `shared` or `separate`, for the two filters of a `gdcn` block.
        kernel_size: τ.
        dropout: share of features dropped behind the temporal filters, except in the first layer.
        whitening: options of `Whitening` (iterations, eps, floor, statistics, momentum, detach, patch).

    Raises:
        InputError: rows of different lengths, an unknown block, layout, style or term, an even kernel.
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int] | int,
        blocks: Sequence[str] | str,
        *,
        num_classes: int,
        frames: int,
        name: str = "network",
        bodies: int = 2,
        in_channels: int = 3,
        layout: str | Mapping[str, Any] = "ntu25",
        width: float = 1.0,
        style: str = "agcn",
        terms: Sequence[str] = ("physical", "learned", "attention"),
        graphs: str = "shared",
        kernel_size: int = 9,
        dropout: float = 0.0,
        whitening: Mapping[str, Any] | None = None,
        empty_bodies: str = "dedup",
        checkpointing: bool = False,
        compile: bool | str = False,
    ) -> None:
        super().__init__()
        adaptive = choose(style, STYLES, "network style") == "agcn"
        skeleton = joint_layout(layout)
        self.name = name
        self.clip_shape = (in_channels, frames, skeleton.num_joints, bodies)
        self.channels = [round(width * C) for C in channels]
        self.strides = expand_row(strides, len(channels), "strides")
        self.block_names = [choose(name, BLOCKS, "block") for name in expand_row(blocks, len(channels), "blocks")]
        self.empty_bodies = choose(empty_bodies, EMPTY_BODY_MODES, "treatment of empty bodies")
        # With statistics of each clip a body depends on the other bodies of its clip.
        self.independent_bodies = dict(whitening or {}).get("statistics") != "instance"
        self.dropout, self.checkpointing = dropout, checkpointing
        self.compile_mode = choose(compile, COMPILE_MODES, "mode of compiling") if isinstance(compile, str) else None
        self.compiles = bool(compile)
        if checkpointing and compile:
            raise InputError("a compiled network decides itself what to compute again: leave out model.checkpointing")
        self._compiled: Callable[[Tensor, Tensor, Counts | None], Tensor] | None = None
        self.per_body_norm = not adaptive
        self.input_norm: nn.Module = BatchNorm((bodies if adaptive else 1) * skeleton.num_joints * in_channels)
        physical = adjacency(skeleton, "directed" if adaptive else "spatial")
        settings = {
            "terms": tuple(terms),
            "graphs": graphs,
            "whitening": partial(Whitening, **(whitening or {})),
            "kernel_size": kernel_size,
        }
        self.layers = nn.ModuleList(self.make_blocks(physical, settings))
        self.classifier = nn.Linear(self.channels[-1], num_classes)
        if adaptive:
            initialise_as_agcn(self)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def make_blocks(self, physical: Tensor, settings: Mapping[str, Any]) -> Iterator[Block]:
        """Yield the block of every layer, as the rows say.

        Args:
            physical: (K, V, V) adjacency of the skeleton.
            settings: settings that all layers share, see `stgdn.model.block.make_filters`.
        """
        C_in, frames = self.clip_shape[:2]
        rows = zip(self.channels, self.strides, self.block_names, strict=True)
        for number, (C_out, stride, block) in enumerate(rows):
            spatial, temporal = make_filters(
                block, C_in, C_out, physical, {**settings, "frames": frames, "stride": stride}
            )
            yield Block(
                spatial,
                temporal,
                C_in,
                C_out,
                stride,
                residual=number > 0,
                spatial_residual=not self.per_body_norm,
                dropout=self.dropout if number > 0 else 0.0,
            )
            C_in, frames = C_out, math.ceil(frames / stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores (N, classes) of clips (N, C, T, V, M), which are zero where no body is seen."""
        self.check_shape(x)
        seen = seen_frames(x)
        N, M = seen.shape[:2]
        present = seen.any(dim=2)
        packing = self.choose_packing(present)
        x, mask, counts = self.normalise(x), seen, None
        if packing is not None:
            x, mask, counts = x[packing.rows], seen.flatten(0, 1)[packing.rows, None], packing.counts
        pooled = self.compile_layers()(x, mask, counts) if self.compiles else self.pooled(x, mask, counts)
        if packing is not None:
            pooled = pooled[packing.positions]
        pooled = pooled.view(N, M, -1)
        if self.empty_bodies == "masked":
            pooled = (pooled * present[:, :, None]) * (M / present.sum(dim=1).clamp(min=1))[:, None, None]
        return self.classifier(pooled.mean(dim=1))

    def choose_packing(self, present: Tensor) -> Packing | None:
        """Return the bodies to compute, given the mask (N, M) of bodies seen; None for all."""
        if self.empty_bodies == "masked":
            return pack_present(present)
        exact = self.independent_bodies and not (self.training and self.dropout)
        multiple = COMPILE_ROW_MULTIPLE if self.compiles else 1  # every new number of rows is compiled again
        return pack(present, multiple) if self.empty_bodies == "dedup" and exact else None

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

    def pooled(self, x: Tensor, mask: Tensor, counts: Counts | None) -> Tensor:
        """Return mean features (B, C) of bodies (B, C, T, V) behind the input BatchNorm."""
        return self.run_layers(x, mask, counts).mean(dim=(2, 3))

    def features(self, x: Tensor, watch: Callable[[int, Tensor], None] | None = None) -> Tensor:
        """Return features of the last layer, (N·M, C, T, V); `watch(layer, features)` is called after every layer."""
        self.check_shape(x)
        return self.run_layers(self.normalise(x), seen_frames(x), None, watch)

    def run_layers(
        self,
        x: Tensor,
        mask: Tensor,
        counts: Counts | None,
        watch: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """Return the output of all layers, (B, C_out, T_out, V).

        Args:
            x: bodies (B, C, T, V) behind the input BatchNorm.
            mask: (N, M, T) with N·M = B, one where a body is seen.
            counts: number of bodies that each row represents.
            watch: called with the number and the features of every layer.
        """
        x = x.contiguous(memory_format=torch.channels_last)
        for number, (layer, stride) in enumerate(zip(self.layers, self.strides, strict=True)):
            checkpointed = self.checkpointing and torch.is_grad_enabled()
            x = run_checkpointed(layer, x, mask, counts) if checkpointed else layer(x, mask, counts)
            mask = mask[:, :, ::stride]
            if watch is not None:
                watch(number, x)
        return x

    def check_shape(self, x: Tensor) -> None:
        """Check that clips have the shape that the network was built for; T may differ if no block whitens frames.

        Raises:
            InputError: the clips have another shape.
        """
        if x.ndim != 5 or tuple(x.shape[i] for i in (1, 3, 4)) != tuple(self.clip_shape[i] for i in (0, 2, 3)):
            raise InputError(
                f"{self.name} takes clips (C, T, V, M) = {self.clip_shape} and was given {tuple(x.shape[1:])}: "
                "use the data it was built for"
            )

    def normalise(self, x: Tensor) -> Tensor:
        """Return clips behind the input BatchNorm over M·V·C (ST-GCN: V·C), bodies in the batch: (N·M, C, T, V)."""
        V, M = x.shape[3:]
        if self.per_body_norm:
            x = self.input_norm(rearrange(x, "n c t v m -> (n m) (v c) t"))
            return rearrange(x, "n (v c) t -> n c t v", v=V)
        x = self.input_norm(rearrange(x, "n c t v m -> n (m v c) t"))
        return rearrange(x, "n (m v c) t -> (n m) c t v", m=M, v=V)


def initialise_as_agcn(network: Network) -> None:
    """Initialise as 2s-AGCN does; spatial filters have initialised themselves.

    Convolutions by fan-out; the spatial BatchNorm starts at 1e-6, so that every block starts as its residual.
    """
    for layer in network.layers:
        assert isinstance(layer, Block)
        for part in (layer.temporal, layer.down, layer.residual):
            for module in part.modules() if part is not None else ():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out")
                    nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]
        nn.init.constant_(layer.spatial_norm.weight, 1e-6)
    nn.init.normal_(network.classifier.weight, std=math.sqrt(2 / network.classifier.out_features))
