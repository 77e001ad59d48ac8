"""The eight networks: rows of a config in, class scores out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.block import BLOCKS, Block, filters
from stgdn.model.checkpointing import recomputed
from stgdn.model.distributed import training_ranks
from stgdn.model.empty_bodies import WAYS, Counts, Packing, pack, pack_present, seen_frames
from stgdn.model.graph import adjacency
from stgdn.model.norm import BatchNorm
from stgdn.model.whitening import Whitening, derive_transforms
from stgdn.skeleton import layout as joint_layout

STYLES = ("agcn", "st_gcn")
MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
ROWS = 16  # where compiled, the number of bodies is filled up to a multiple of this


def row(values: Any, layers: int, name: str) -> list:  # noqa: ANN401
    """One entry per layer: a list as it is, one word or number for all.

    Raises:
        InputError: a list of another length; the sentence names the row.
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
    """Input BatchNorm, blocks, mean over frames, joints and bodies, one linear layer.

    Args:
        channels: C_out of every layer.
        strides: frames that every layer's temporal filter steps over.
        blocks: name of every layer's block, or one name for all; see `stgdn.model.block.BLOCKS`.
        num_classes: entries of the scores.
        name: how configs and messages call the network.
        frames: T of the clips; binding where frames are whitened.
        empty_bodies: `dedup`: empty bodies are the same tensor and computed once, exactly; `padded`: each is computed;
            `masked`: none is, and scores are means over the bodies seen, which is another network.
        checkpointing: in training keep a layer's input only and compute the layer again for its gradient.
        compile: whether the layers are compiled by torch.compile, or its mode: `reduce-overhead`, `max-autotune`.
        bodies: M, at most so many bodies in a clip.
        in_channels: C of the clips.
        layout: name of the joint layout, or its definition, see `stgdn.skeleton.define`.
        width: factor on all channels, for quick runs.
        style: `agcn`: directed subsets, down(x), input BatchNorm over M·V·C and 2s-AGCN's initialisation; `st_gcn`:
            spatial partition, no down(x), input BatchNorm over V·C.
        terms: what an adaptive adjacency sums: physical, learned, attention.
        graphs: `shared` or `separate`, for the two filters of a `gdcn` block.
        kernel_size: τ.
        dropout: behind the temporal filters, not in the first layer.
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
        self.strides = row(strides, len(channels), "strides")
        self.block_names = [choose(name, BLOCKS, "block") for name in row(blocks, len(channels), "blocks")]
        self.empty_bodies = choose(empty_bodies, WAYS, "treatment of empty bodies")
        self.alone = dict(whitening or {}).get("statistics") != "instance"  # a body does not see its clip
        self.dropout, self.checkpointing = dropout, checkpointing
        self.compile_mode = choose(compile, MODES, "mode of compiling") if isinstance(compile, str) else None
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
        self.layers = nn.ModuleList(self.blocks(physical, settings))
        self.classifier = nn.Linear(self.channels[-1], num_classes)
        if adaptive:
            initialise_as_agcn(self)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def blocks(self, physical: Tensor, settings: Mapping[str, Any]) -> Iterator[Block]:
        """One block a layer, by the rows.

        Args:
            physical: (K, V, V) adjacency of the skeleton.
            settings: what the filters have in common, see `stgdn.model.block.filters`.
        """
        C_in, frames = self.clip_shape[:2]
        rows = zip(self.channels, self.strides, self.block_names, strict=True)
        for number, (C_out, stride, block) in enumerate(rows):
            spatial, temporal = filters(block, C_in, C_out, physical, {**settings, "frames": frames, "stride": stride})
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
        """Class scores (N, classes) of clips (N, C, T, V, M); zeros stand for bodies and frames nobody was seen in."""
        self.check(x)
        seen = seen_frames(x)
        N, M = seen.shape[:2]
        present = seen.any(dim=2)
        packing = self.packing(present)
        x, mask, counts = self.normalise(x), seen, None
        if packing is not None:
            x, mask, counts = x[packing.rows], seen.flatten(0, 1)[packing.rows, None], packing.counts
        pooled = self.compiled()(x, mask, counts) if self.compiles else self.pooled(x, mask, counts)
        if packing is not None:
            pooled = pooled[packing.places]
        pooled = pooled.view(N, M, -1)
        if self.empty_bodies == "masked":
            pooled = (pooled * present[:, :, None]) * (M / present.sum(dim=1).clamp(min=1))[:, None, None]
        return self.classifier(pooled.mean(dim=1))

    def packing(self, present: Tensor) -> Packing | None:
        """Which bodies are computed, present (N, M) being seen; None for all of them."""
        if self.empty_bodies == "masked":
            return pack_present(present)
        exact = self.alone and not (self.training and self.dropout)
        multiple = ROWS if self.compiles else 1  # every new number of rows is compiled anew
        return pack(present, multiple) if self.empty_bodies == "dedup" and exact else None

    def compiled(self) -> Callable[[Tensor, Tensor, Counts | None], Tensor]:
        """`pooled` by torch.compile as one graph; among several processes it may break at their messages."""
        if self._compiled is None:
            self._compiled = torch.compile(self.pooled, fullgraph=not training_ranks(), mode=self.compile_mode)
        if not self.training:
            derive_transforms(self)  # outside of the graph
        return self._compiled

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and pickled: all but compiled code."""
        return super().__getstate__() | {"_compiled": None}  # pyright: ignore[reportAttributeAccessIssue]

    def pooled(self, x: Tensor, mask: Tensor, counts: Counts | None) -> Tensor:
        """Mean features (B, C) of bodies (B, C, T, V) behind the input BatchNorm."""
        return self.through(x, mask, counts).mean(dim=(2, 3))

    def features(self, x: Tensor, watch: Callable[[int, Tensor], None] | None = None) -> Tensor:
        """Features of the last graph layer, (N·M, C, T, V); `watch(layer, features)` sees those of every layer."""
        self.check(x)
        return self.through(self.normalise(x), seen_frames(x), None, watch)

    def through(
        self,
        x: Tensor,
        mask: Tensor,
        counts: Counts | None,
        watch: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """All layers, on bodies (B, C, T, V) seen where mask (N, M, T) says so, which stand for so many bodies each."""
        x = x.contiguous(memory_format=torch.channels_last)
        for number, (layer, stride) in enumerate(zip(self.layers, self.strides, strict=True)):
            again = self.checkpointing and torch.is_grad_enabled()
            x = recomputed(layer, x, mask, counts) if again else layer(x, mask, counts)
            mask = mask[:, :, ::stride]
            if watch is not None:
                watch(number, x)
        return x

    def check(self, x: Tensor) -> None:
        """Check that clips have the shape that the network was built for; T may differ where nothing binds it.

        Raises:
            InputError: they have not.
        """
        if x.ndim != 5 or tuple(x.shape[i] for i in (1, 3, 4)) != tuple(self.clip_shape[i] for i in (0, 2, 3)):
            raise InputError(
                f"{self.name} takes clips (C, T, V, M) = {self.clip_shape} and was given {tuple(x.shape[1:])}: "
                "use the data it was built for"
            )

    def normalise(self, x: Tensor) -> Tensor:
        """BatchNorm of the input in the order M·V·C (ST-GCN: V·C), and bodies into the batch: (N·M, C, T, V)."""
        V, M = x.shape[3:]
        if self.per_body_norm:
            x = self.input_norm(rearrange(x, "n c t v m -> (n m) (v c) t"))
            return rearrange(x, "n (v c) t -> n c t v", v=V)
        x = self.input_norm(rearrange(x, "n c t v m -> n (m v c) t"))
        return rearrange(x, "n (m v c) t -> (n m) c t v", m=M, v=V)


def initialise_as_agcn(network: Network) -> None:
    """2s-AGCN's initialisation of what the spatial filters have not set themselves.

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
