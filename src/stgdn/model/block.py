"""One layer of a network: spatial filter, temporal filter, residual; and the table of all blocks."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.convolution import FrameConvolution
from stgdn.model.ctr_gcn import MixedMultiScaleTCN, MultiScaleTCN, RefinedGCN
from stgdn.model.empty_bodies import Counts, run_filter
from stgdn.model.norm import BatchNorm
from stgdn.model.spatial import GCN, GDCN, GDN, ChannelGDN, LearnedGCN, MaskedGCN, PairNormGCN
from stgdn.model.temporal import TCN, TDN
from stgdn.model.whitened_filters import WHITEN, WHITENED, Whitened


class Filters(NamedTuple):
    """Hold the spatial and the temporal filter of a block; their keyword-only arguments are settings of a network."""

    spatial: Any
    temporal: Any


BLOCKS = {
    "gcn": Filters(GCN, TCN),  # 2S-AGCN's block
    "gdn2": Filters(GDN, TCN),  # ST-GDN2, node-wise: gcn with `whiten: node`
    "gdcn": Filters(GDCN, TCN),  # ST-GDCN
    "gdn_t": Filters(GCN, TDN),  # ST-GDN-T, frame-wise: gcn with `whiten: frame`
    "gdn_e": Filters(GDN, TDN),  # ST-GDN-E, element-wise: gcn with `whiten: node+frame`
    "gdn_c": Filters(ChannelGDN, TCN),  # not in the letter: gcn with `whiten: channel`
    "st_gcn": Filters(MaskedGCN, TCN),  # ST-GCN's block
    "st_gcn_pp": Filters(LearnedGCN, MixedMultiScaleTCN),  # ST-GCN++'s block
    "ctr_gcn": Filters(RefinedGCN, MultiScaleTCN),  # CTR-GCN's block
    "pair_norm": Filters(PairNormGCN, TCN),  # not in the letter: PairNorm behind a GCN
}


def block_filters(name: str) -> Filters:
    """Return the filters of a block: a key of `BLOCKS`, or the dotted path of a `Filters` or of a spatial filter.

    Raises:
        InputError: an unknown name, or a path where there is neither.
    """
    if not isinstance(name, str) or "." not in name:
        return BLOCKS[choose(name, BLOCKS, "block")]
    module, _, last = name.rpartition(".")
    try:
        content = vars(import_module(module))
    except ImportError as error:
        raise InputError(f"block '{name}' cannot be imported: {error}") from None
    found = {key: value for key, value in content.items() if isinstance(value, Filters)}
    for key, value in content.items():
        if isinstance(value, type) and issubclass(value, nn.Module) and not value.__module__.startswith("torch."):
            found[key] = Filters(value, TCN)
    return found[choose(last, found, f"block of {module}")]


def options_of(filter: type) -> set[str]:
    """Return the names of a filter's keyword-only arguments; `**options` are those of the class that it extends."""
    names: set[str] = set()
    for kind in filter.__mro__:
        if "__init__" in vars(kind):
            parameters = signature(kind.__init__).parameters.values()
            names |= {parameter.name for parameter in parameters if parameter.kind is Parameter.KEYWORD_ONLY}
            if all(parameter.kind is not Parameter.VAR_KEYWORD for parameter in parameters):
                break
    return names


def filter_options(blocks: Iterable[str] = ()) -> list[str]:
    """Return the names of all options of filters, of `blocks` too, except those that a network makes of its rows."""
    made, pairs = {"stride", "frames", "whitening"}, [*BLOCKS.values(), *map(block_filters, blocks)]
    return sorted(set().union(*(options_of(filter) for filters in pairs for filter in filters)) - made)


def whitened_name(block: str, whiten: str) -> str:
    """Return the name of a block with whitening in front of its filters: `gdn2` of gcn and node, else `BLOCK+WHITEN`.

    Args:
        block: as of `block_filters`, or a name that this function returned.
        whiten: a key of `WHITEN`.
    """
    axes = WHITEN[choose(whiten, WHITEN, "choice of whiten")]
    if whiten == "none":
        return block
    pairs = zip(() if "+" in block else block_filters(block), axes, strict=False)
    kinds = tuple(kind if axis is None else WHITENED.get((kind, axis)) for kind, axis in pairs)
    return next((name for name, filters in BLOCKS.items() if filters == kinds), f"{block}+{whiten}")


def make_filters(
    name: str, C_in: int, C_out: int, physical: Tensor, settings: Mapping[str, Any]
) -> tuple[nn.Module, nn.Module]:
    """Return the spatial and the temporal filter of block `name`, each made with the settings that it takes.

    Args:
        name: as of `block_filters`, or what `whitened_name` made of it: BLOCK+WHITEN.
        C_in: channels of x.
        C_out: channels behind the spatial filter.
        physical: (K, V, V) adjacency of the skeleton.
        settings: whitening, stride, frames, and options such as terms, graphs, kernel_size.
    """
    block, _, whiten = name.partition("+")
    filters, axes = block_filters(block), WHITEN[whiten or "none"]
    sizes = {"node": physical.shape[-1], "channel": C_in, "frame": settings["frames"]}

    def make(kind: Any, axis: str | None, *arguments: Any) -> nn.Module:  # noqa: ANN401
        if (kind, axis) in WHITENED:
            kind, axis = WHITENED[kind, axis], None
        whitening = None if axis is None else settings["whitening"](axis, sizes[axis])
        if whitening is not None and axis == "channel":
            arguments = (whitening.size, *arguments[1:])  # a patch multiplies the channels
        filter = kind(*arguments, **{option: settings[option] for option in options_of(kind) & settings.keys()})
        return filter if whitening is None else Whitened(whitening, filter)

    return make(filters.spatial, axes.spatial, C_in, C_out, physical), make(filters.temporal, axes.temporal, C_out)


class Projection(nn.Sequential):
    """Compute a 1×1 convolution of every `stride`-th frame, then BatchNorm."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(FrameConvolution(in_channels, out_channels, stride=stride), BatchNorm(out_channels))

    def forward(self, input: Tensor, counts: Counts | None = None) -> Tensor:
        """Map x (B, C, T, V) to (B, C_out, T/stride, V)."""
        convolution, norm = self
        return norm(convolution(input), counts)


class Identity(nn.Identity):
    """Return x unchanged, where shapes agree."""

    def forward(self, input: Tensor, counts: Counts | None = None) -> Tensor:  # noqa: ARG002
        """Return x."""
        return input


def make_projection(in_channels: int, out_channels: int, stride: int = 1) -> Identity | Projection:
    """Return the identity where shapes agree, else a projection."""
    if in_channels == out_channels and stride == 1:
        return Identity()
    return Projection(in_channels, out_channels, stride)


def drop_features(x: Tensor, share: float) -> Tensor:
    """Return x with a share of its values set to zero at random, the others divided by 1 − share: dropout.

    On a CPU PyTorch draws the mask of its own dropout five times as slowly, one number after the other.
    """
    if x.device.type != "cpu" or share == 1 or torch.compiler.is_compiling():
        return F.dropout(x, share)
    kept = torch.rand_like(x, dtype=torch.float32) >= share
    return (x * kept).div_(1 - share)


class Block(nn.Module):
    """Compute 2s-AGCN's block: spatial → BN → + down(x) → ReLU → temporal → BN → + residual(x) → ReLU.

    ST-GCN's block is the same without down(x), with dropout behind the temporal BN.

    Args:
        spatial, temporal: the filters; `spatial` maps in_channels to out_channels, `temporal` applies the stride.
        in_channels, out_channels, stride: the entries of this layer in the rows of the config.
        residual: False in the first layer.
        spatial_residual: True if down(x) is added.
        dropout: share of features dropped in training.
    """

    def __init__(
        self,
        spatial: nn.Module,
        temporal: nn.Module,
        in_channels: int,
        out_channels: int,
        stride: int,
        *,
        residual: bool = True,
        spatial_residual: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.spatial, self.temporal = spatial, temporal
        self.spatial_norm, self.temporal_norm = BatchNorm(out_channels), BatchNorm(out_channels)
        self.down = make_projection(in_channels, out_channels) if spatial_residual else None
        self.residual = make_projection(in_channels, out_channels, stride) if residual else None
        self.dropout = dropout

    def forward(self, x: Tensor, mask: Tensor | None = None, counts: Counts | None = None) -> Tensor:
        """Map x (B, C, T, V) to (B, C_out, T/stride, V).

        Args:
            x: features of B bodies.
            mask: (N, M, T) with N·M = B, one where a body is seen.
            counts: number of bodies that each row represents, for BatchNorm.
        """
        y = self.spatial_norm(run_filter(self.spatial, x, mask, counts), counts)
        if self.down is not None:
            y = y.add_(self.down(x, counts))
        y = self.temporal_norm(run_filter(self.temporal, F.relu_(y), mask, counts), counts)
        if self.training and self.dropout:
            y = drop_features(y, self.dropout)
        if self.residual is not None:
            y = y.add_(self.residual(x, counts))
        return F.relu_(y)
