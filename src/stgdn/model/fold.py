"""Fold a trained network for inference: no statistics, no Newton-Schulz, BatchNorm inside the convolutions.

In evaluation mean, Σ^{-1/2} and BatchNorm are constants. On nodes the whitening becomes a factor of the graph and an
offset of every joint; on frames it stays one T×T product.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.block import Block, Projection
from stgdn.model.empty_bodies import Counts
from stgdn.model.network import Network
from stgdn.model.norm import BatchNorm
from stgdn.model.spatial import GCN, GDCN, GDN, ChannelGDN, MaskedGCN, SubsetMix, aggregate
from stgdn.model.temporal import TCN, TDN
from stgdn.model.whitening import Whitening, unfold_frames, whiten_frames

FOLDABLE = (GCN, GDN, GDCN, ChannelGDN, MaskedGCN, TCN, TDN)


@torch.no_grad()
def fold(network: Network) -> Network:
    """Return a network that computes the same function as `network` in evaluation, to about 1e-6, without statistics.

    `network` is not changed.

    Raises:
        InputError: the network whitens every clip by its own statistics, which are not constant, is folded already, or
            has a filter that is not one of FOLDABLE.
    """
    if not network.independent_bodies:
        raise InputError(
            "model.whitening.statistics=instance takes statistics of every clip: such a network cannot be folded"
        )
    if isinstance(network.input_norm, Affine):
        raise InputError(f"{network.name} is folded already")
    for part in (filter_ for layer in network.layers for filter_ in (layer.spatial, layer.temporal)):
        if type(part) not in FOLDABLE:
            known = ", ".join(kind.__name__ for kind in FOLDABLE)
            raise InputError(
                f"{network.name} has a filter {type(part).__name__}, only {known} can be folded: use it unfolded "
                "(src/export.py: format=safetensors)"
            )
    folded = copy.deepcopy(network).eval()
    assert isinstance(folded.input_norm, BatchNorm)
    folded.input_norm = Affine(folded.input_norm)
    folded.layers = nn.ModuleList(FoldedBlock(layer) for layer in folded.layers)  # pyright: ignore[reportArgumentType]
    folded.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]  # the order of weights in files
    return folded.requires_grad_(False)


def scale_and_shift(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """Return the factor and the summand of BatchNorm in evaluation, (C,) each, in float64."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight.double() * (norm.running_var.double() + norm.eps).rsqrt()
    return scale, norm.bias.double() - norm.running_mean.double() * scale


class Affine(nn.Module):
    """Compute BatchNorm of x (N, C, T) in evaluation: one factor and one summand for each channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__()
        for name, value in zip(("scale", "shift"), scale_and_shift(norm), strict=True):
            self.register_buffer(name, value.to(norm.weight.dtype)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return normalised x."""
        return torch.addcmul(self.shift, x, self.scale)


def fold_convolution(convolution: nn.Conv2d, norm: BatchNorm) -> nn.Conv2d:
    """Fold BatchNorm into the convolution in front of it, in place, and return the convolution."""
    scale, shift = scale_and_shift(norm)
    weight, bias = convolution.weight, convolution.bias
    assert bias is not None
    convolution.weight = nn.Parameter((weight.double() * scale.view(-1, 1, 1, 1)).to(weight.dtype))
    convolution.bias = nn.Parameter((bias.double() * scale + shift).to(bias.dtype))
    return convolution


class FoldedChannels(nn.Module):
    """Whiten channels with constant statistics: one product."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        self.patch = whitening.patch
        for name, value in zip(("mean", "matrix"), whitening.running_transform(), strict=True):
            self.register_buffer(name, value[0].to(whitening.running_mean.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Return whitened x (B, C, T, V)."""
        x = unfold_frames(x, self.patch) - self.mean[:, None, None]
        return torch.einsum("ij,njtv->nitv", self.matrix, x)


class FoldedGCN(nn.Module):
    """Compute any filter on an adaptive graph and the BatchNorm behind it: GCN, GDN, GDCN, ChannelGDN.

    y = Σ_k θ_k (x A_k) + Σ_k θ'_k (x W A'_k) − Σ_k (Σ_c θ'_k) (μ W A'_k) + b, of which each filter has some terms.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, spatial: GCN, norm: BatchNorm) -> None:
        super().__init__()
        scale, shift = scale_and_shift(norm)
        dtype = norm.weight.dtype
        both = [spatial.theta, *([spatial.theta_deconvolution] if isinstance(spatial, GDCN) else [])]
        self.adjacency, self.own_adjacency = spatial.adjacency, getattr(spatial, "own_adjacency", None)
        self.channels = FoldedChannels(spatial.whitening) if isinstance(spatial, ChannelGDN) else None
        self.has_deconvolution = isinstance(spatial, GDN)
        self.has_convolution = not self.has_deconvolution or len(both) == 2
        weights = [self.scaled(theta, scale) for theta in both]
        self.weight = nn.Parameter(torch.cat([part.flatten(1) for part in weights], dim=1)[:, :, None, None].to(dtype))
        bias = torch.cat([theta.bias for theta in both]).double().sum(dim=0)
        self.bias = nn.Parameter((bias * scale + shift).to(dtype))
        if isinstance(spatial, GDN):
            mean, matrix = spatial.whitening.running_transform()
            self.register_buffer("mean", mean[0].to(dtype))
            self.register_buffer("matrix", matrix[0].to(dtype))
            self.sums = nn.Parameter(weights[-1].sum(dim=2).to(dtype))  # C_out K

    @staticmethod
    def scaled(theta: SubsetMix, scale: Tensor) -> Tensor:
        """Return θ (C_out, K, C) times the factor of BatchNorm."""
        return theta.weight.double() * scale[:, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        graph = self.adjacency(x)
        x = x if self.channels is None else self.channels(x)
        if not self.has_deconvolution:
            return F.conv2d(aggregate(x, graph), self.weight, self.bias)
        own = graph if self.own_adjacency is None else self.own_adjacency(x)
        whitened = self.matrix @ own
        graphs = torch.cat([graph, whitened], dim=1) if self.has_convolution else whitened
        level = torch.einsum("ok,nkv->nov", self.sums, self.mean @ whitened)
        return F.conv2d(aggregate(x, graphs), self.weight, self.bias).sub_(level[:, :, None])


class FoldedMaskedGCN(nn.Module):
    """Compute ST-GCN's filter and the BatchNorm behind it: θ_k x on the graph, and an offset for every joint."""

    graph: Tensor
    level: Tensor

    def __init__(self, spatial: MaskedGCN, norm: BatchNorm) -> None:
        super().__init__()
        scale, shift = scale_and_shift(norm)
        theta, dtype = spatial.theta, norm.weight.dtype
        K, C_out = len(spatial.physical), len(scale)
        graph = (spatial.physical * spatial.edge_mask).double()
        weight = theta.weight.double().view(K, C_out, -1) * scale[:, None]
        assert theta.bias is not None
        level = torch.einsum("ko,kvw->ow", theta.bias.double().view(K, C_out) * scale, graph) + shift[:, None]
        self.weight = nn.Parameter(weight.transpose(0, 1).flatten(1)[:, :, None, None].to(dtype))
        self.register_buffer("graph", graph.to(dtype)[None])
        self.register_buffer("level", level.to(dtype)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        return F.conv2d(aggregate(x, self.graph), self.weight).add_(self.level)


class FoldedTemporal(nn.Module):
    """Compute a temporal filter and the BatchNorm behind it."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, temporal: TCN, norm: BatchNorm) -> None:
        super().__init__()
        self.theta = fold_convolution(temporal.theta, norm)
        self.whitens = isinstance(temporal, TDN)
        if isinstance(temporal, TDN):
            for name, value in zip(("mean", "matrix"), temporal.whitening.running_transform(), strict=True):
                self.register_buffer(name, value.to(norm.weight.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered x (B, C, T, V)."""
        return self.theta(whiten_frames(x, self.mean, self.matrix) if self.whitens else x)


class FoldedBlock(nn.Module):
    """Compute a block in evaluation."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        spatial, temporal = block.spatial, block.temporal
        assert isinstance(temporal, TCN)
        if isinstance(spatial, MaskedGCN):
            self.spatial = FoldedMaskedGCN(spatial, block.spatial_norm)
        else:
            assert isinstance(spatial, GCN)
            self.spatial = FoldedGCN(spatial, block.spatial_norm)
        self.temporal = FoldedTemporal(temporal, block.temporal_norm)
        self.down, self.residual = (
            fold_convolution(*part.parts) if isinstance(part, Projection) else part
            for part in (block.down, block.residual)
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
