"""A network as rows of a table: what it computes. How bodies are packed and layers compiled is in `network.py`."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.block import Block, filter_options, make_filters, whitened_name
from stgdn.model.ctr_gcn import MultiScaleTCN
from stgdn.model.empty_bodies import Counts, seen_frames
from stgdn.model.graph import TERMS, adjacency
from stgdn.model.norm import BatchNorm
from stgdn.model.whitening import Whitening
from stgdn.skeleton import layout as joint_layout


def initialise_as_agcn(network: Any) -> None:  # noqa: ANN401
    """Initialise a network with `layers` of blocks and a `classifier` as 2s-AGCN and CTR-GCN do, but spatial filters.

    Convolutions by fan-out; the spatial BatchNorm starts at 1e-6, so that every block starts as its residual.
    """
    for layer in network.layers:
        assert isinstance(layer, Block)
        for part in (layer.temporal, layer.down, layer.residual):
            for module in part.modules() if part is not None else ():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out")
                    nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]
        for module in layer.temporal.modules():
            if isinstance(module, MultiScaleTCN):
                module.initialise(layer.temporal_norm)
        nn.init.constant_(layer.spatial_norm.weight, 1e-6)
    nn.init.normal_(network.classifier.weight, std=math.sqrt(2 / network.classifier.out_features))


def initialise_as_st_gcn_pp(network: Any) -> None:  # noqa: ANN401
    """Initialise the classifier as PYSKL does in ST-GCN++; convolutions keep PyTorch's."""
    nn.init.normal_(network.classifier.weight, std=0.01)
    nn.init.zeros_(network.classifier.bias)


class Style(NamedTuple):
    """Hold what networks of one style have in common."""

    per_body_norm: bool  # input BatchNorm over V·C
    spatial_residual: bool  # down(x)
    subsets: str  # of the skeleton's graph, see `stgdn.model.graph.adjacency`
    initialise: Callable[[nn.Module], None] | None  # None: PyTorch's initialisation is kept


STYLES = {
    "agcn": Style(per_body_norm=False, spatial_residual=True, subsets="directed", initialise=initialise_as_agcn),
    "st_gcn": Style(per_body_norm=True, spatial_residual=False, subsets="spatial", initialise=None),
    "st_gcn_pp": Style(
        per_body_norm=True, spatial_residual=True, subsets="directed", initialise=initialise_as_st_gcn_pp
    ),
}


def expand_row(values: Any, layers: int, name: str) -> list:  # noqa: ANN401
    """Return a list with one entry for each layer, of a list or of one word or number for all layers.

    Raises:
        InputError: the list has another length than there are layers; the message names the row.
    """
    if values is None or isinstance(values, str | int):
        return [values] * layers
    if len(values) != layers:
        raise InputError(
            f"model.{name} has {len(values)} entries and model.channels {layers}: "
            f"give {layers} entries, one per layer, or one word for all"
        )
    return list(values)


class Backbone(nn.Module):
    """Compute class scores of clips: input BatchNorm, blocks, mean over frames, joints and bodies, one linear layer.

    Args:
        channels: C_out of every layer.
        strides: stride of the temporal filter of every layer, in frames.
        blocks: name of the block of every layer, or one name for all; see `stgdn.model.block.block_filters`.
        num_classes: number of scores.
        name: name of the network in configs and messages.
        frames: T of the clips; fixed if a block whitens frames.
        bodies: M, the number of bodies in a clip.
        in_channels: C of the clips.
        layout: name of the joint layout, or its definition, see `stgdn.skeleton.define`.
        width: factor on all channels, for quick runs.
        style: `agcn`: directed subsets, down(x), input BatchNorm over M·V·C and 2s-AGCN's initialisation; `st_gcn`:
            spatial partition, no down(x), input BatchNorm over V·C; `st_gcn_pp`: directed subsets, down(x), input
            BatchNorm over V·C and a classifier of small weights.
        terms: terms of an adaptive adjacency: physical, learned, attention.
        graphs: `shared` or `separate`, for the two filters of a `gdcn` block.
        kernel_size: τ.
        dropout: share of features dropped behind the temporal filters, except in the first layer.
        whiten: what is whitened in front of the filters of every layer, one word or one per layer: `none`, `node`,
            `frame`, `node+frame` or `channel`; see `stgdn.model.whitened_filters.WHITEN`.
        whitening: options of `Whitening` (iterations, eps, floor, statistics, momentum, detach, patch).
        **options: keyword-only arguments of filters that are defined elsewhere, for all that take them.

    Raises:
        InputError: rows of different lengths, an unknown block, word, layout, style, option or term, an even kernel, a
            block that whitens itself what is whitened in front of it.
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
        terms: Sequence[str] = TERMS,
        graphs: str = "shared",
        kernel_size: int = 9,
        dropout: float = 0.0,
        whiten: Sequence[str] | str = "none",
        whitening: Mapping[str, Any] | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__()
        skeleton = joint_layout(layout)
        self.name, self.dropout = name, dropout
        self.clip_shape = (in_channels, frames, skeleton.num_joints, bodies)
        self.channels = [round(width * C) for C in channels]
        self.strides = expand_row(strides, len(channels), "strides")
        names = expand_row(blocks, len(channels), "blocks")
        known = filter_options(names)
        words = expand_row(whiten, len(channels), "whiten")
        self.block_names = [whitened_name(name, word) for name, word in zip(names, words, strict=True)]
        self.per_body_norm, self.spatial_residual, subsets, initialise = STYLES[choose(style, STYLES, "network style")]
        # With statistics of each clip a body depends on the other bodies of its clip.
        self.independent_bodies = dict(whitening or {}).get("statistics") != "instance"
        for option in options:
            choose(option, known, "option of filters")
        settings = options | {
            "terms": tuple(terms),
            "graphs": graphs,
            "kernel_size": kernel_size,
            "whitening": partial(Whitening, **(whitening or {})),
        }
        norm_bodies = 1 if self.per_body_norm else bodies
        self.input_norm: nn.Module = BatchNorm(norm_bodies * skeleton.num_joints * in_channels)
        self.layers = nn.ModuleList(self.make_blocks(adjacency(skeleton, subsets), settings))
        self.classifier = nn.Linear(self.channels[-1], num_classes)
        if initialise is not None:
            initialise(self)
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
                spatial_residual=self.spatial_residual,
                dropout=self.dropout if number > 0 else 0.0,
            )
            C_in, frames = C_out, math.ceil(frames / stride)

    def forward(self, clips: Tensor) -> Tensor:
        """Return class scores (N, classes) of clips (N, C, T, V, M), which are zero where no body is seen."""
        self.check_shape(clips)
        seen = seen_frames(clips)
        return self.classify(self.pooled(self.normalise(clips), seen), seen.any(dim=2))

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
        """Return clips behind the input BatchNorm over M·V·C or V·C, bodies in the batch: (N·M, C, T, V)."""
        V, M = x.shape[3:]
        if self.per_body_norm:
            x = self.input_norm(rearrange(x, "n c t v m -> (n m) (v c) t"))
            return rearrange(x, "n (v c) t -> n c t v", v=V)
        x = self.input_norm(rearrange(x, "n c t v m -> n (m v c) t"))
        return rearrange(x, "n (m v c) t -> (n m) c t v", m=M, v=V)

    def pooled(self, x: Tensor, mask: Tensor, counts: Counts | None = None) -> Tensor:
        """Return mean features (B, C_out) of bodies; arguments as of `run_layers`."""
        return self.run_layers(x, mask, counts).mean(dim=(2, 3))

    def run_layers(
        self,
        x: Tensor,
        mask: Tensor,
        counts: Counts | None = None,
        watch: Callable[[int, Tensor], None] | None = None,
    ) -> Tensor:
        """Return the output of all layers, (B, C_out, T_out, V).

        Args:
            x: bodies (B, C, T, V) behind the input BatchNorm.
            mask: (N, M, T) with N·M = B, one where a body is seen.
            counts: number of bodies that each row represents; None for one each.
            watch: called with the number and the features of every layer.
        """
        x = x.contiguous(memory_format=torch.channels_last)
        for number, (layer, stride) in enumerate(zip(self.layers, self.strides, strict=True)):
            x = self.run_layer(layer, x, mask, counts)
            mask = mask[:, :, ::stride]
            if watch is not None:
                watch(number, x)
        return x

    def run_layer(self, layer: nn.Module, x: Tensor, mask: Tensor, counts: Counts | None) -> Tensor:
        """Return the output of one layer, (B, C_out, T_out, V)."""
        return layer(x, mask, counts)

    def classify(self, pooled: Tensor, present: Tensor) -> Tensor:
        """Return scores (N, classes) of mean features (N·M, C) of bodies; `present` (N, M) is true for bodies seen."""
        return self.classifier(pooled.view(*present.shape, -1).mean(dim=1))

    def features(self, x: Tensor, watch: Callable[[int, Tensor], None] | None = None) -> Tensor:
        """Return features of the last layer, (N·M, C, T, V); `watch(layer, features)` is called after every layer."""
        self.check_shape(x)
        return self.run_layers(self.normalise(x), seen_frames(x), None, watch)
