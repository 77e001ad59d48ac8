"""CTR-GCN's two filters (Chen et al., ICCV 2021): refined graphs for every channel, and several kernels along frames.

Shapes as in `spatial.py` and `temporal.py`; R is the number of channels in which joints are compared.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.convolution import FrameConvolution
from stgdn.model.empty_bodies import Counts
from stgdn.model.norm import Affine, BatchNorm
from stgdn.model.temporal import expect_odd


def matrix_of_clips(matrix: Tensor, added: Tensor, x: Tensor) -> Tensor:
    """Return matrix (P, C) times x (N, C, L) of every clip, plus added (P, 1 or L): (N, P, L), contiguous."""
    return torch.baddbmm(added, matrix.expand(x.shape[0], -1, -1), x)


class RefinedGCN(nn.Module):
    """Compute y = Σ_k (θ_k x) A_k, with a graph A_k of its own for every channel c, body and subset.

    A_kc[i, j] = graph_k[i, j] + α (ω_k tanh(φ_k(x̄_j) − ψ_k(x̄_i)))_c, where x̄ is the mean of x over frames. `graph`
    starts as the skeleton's, transposed: in CTR-GCN the joint of a row takes what the joints of its columns give.

    The two small matrices of a channel are multiplied where joints come last in memory; channels do before and behind.
    """

    physical: Tensor

    def __init__(self, in_channels: int, out_channels: int, physical: Tensor) -> None:
        super().__init__()
        K, R = len(physical), max(8, in_channels // 8)
        self.register_buffer("physical", physical.mT.contiguous(), persistent=False)
        self.graph = nn.Parameter(self.physical.clone())
        self.alpha = nn.Parameter(torch.zeros(1))
        self.embedding = nn.Conv2d(in_channels, 2 * K * R, 1)  # all φ_k, then all ψ_k
        self.refinement = nn.Conv2d(K * R, K * out_channels, 1, groups=K)  # all ω_k
        self.theta = nn.Conv2d(in_channels, K * out_channels, 1)
        # He et al. 2015 by fan-out, as if the convolution of every subset were one of its own.
        for convolution, fan_out in ((self.embedding, R), (self.refinement, out_channels), (self.theta, out_channels)):
            nn.init.normal_(convolution.weight, std=math.sqrt(2 / fan_out))
            nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (N, C, T, V)."""
        K = len(self.graph)
        bias: Any = self.theta.bias
        thetas = zip(self.theta.weight.flatten(1).chunk(K), bias[:, None].chunk(K), strict=True)
        y = None
        for theta, graph in zip(thetas, self.graphs(x), strict=True):
            values = matrix_of_clips(*theta, x.flatten(2)).view(-1, *x.shape[2:])  # N·C_out T V
            y = torch.bmm(values, graph) if y is None else torch.baddbmm(y, values, graph)
        assert y is not None
        y = rearrange(y, "(n c) t v -> n c t v", c=self.theta.out_channels // K)
        return y.contiguous(memory_format=torch.channels_last)

    def graphs(self, x: Tensor) -> list[Tensor]:
        """Return the refined graph of every subset for x (N, C, T, V), (N·C_out, V, V)."""
        K, V = len(self.graph), x.shape[3]
        phi, psi = self.embedding(x.mean(dim=2, keepdim=True)).chunk(2, dim=1)  # N K·R 1 V
        compared = torch.tanh(phi - psi.mT).flatten(2).chunk(K, dim=1)  # N R V·V: joints that give, joints that take
        bias: Any = self.refinement.bias
        omegas = (self.alpha * self.refinement.weight.flatten(1)).chunk(K)
        fixed = rearrange(self.alpha * bias, "(k c) -> k c 1", k=K) + self.graph.flatten(1)[:, None]  # K C_out V·V
        refined = map(matrix_of_clips, omegas, fixed, compared)
        return [graph.reshape(-1, V, V) for graph in refined]

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter for inference, times `scale` plus `shift`."""
        return nn.Sequential(self, Affine(scale, shift))


class MultiScaleTCN(nn.Module):
    """Compute CTR-GCN's branches along frames, each of a share of the channels, and concatenate them.

    Branches are a kernel of `kernel_size` frames for every one of `dilations`, the maximum of three frames, and the
    frame itself. All begin with a 1×1 convolution; all but the last go on with BatchNorm and ReLU. The BatchNorm at the
    end of every branch is that of the block. Shares are equal, or in a subclass that says so the first takes the rest.

    Raises:
        InputError: an even kernel, fewer channels than branches, or channels that cannot be shared out equally.
    """

    takes_counts = True
    first_takes_rest = False

    def __init__(
        self, channels: int, *, kernel_size: int = 5, stride: int = 1, dilations: tuple[int, ...] = (1, 2)
    ) -> None:
        super().__init__()
        share, rest = divmod(channels, len(dilations) + 2)
        if share == 0 or (rest and not self.first_takes_rest):
            raise InputError(
                f"{channels} channels cannot be shared out among {len(dilations) + 2} temporal branches: choose "
                "model.channels, width or model.dilations so that they can"
            )
        expect_odd(kernel_size)
        self.shares = [share + rest] + [share] * (len(dilations) + 1)
        self.head = FrameConvolution(channels, channels - share)  # of all branches but the last
        self.head_norm: BatchNorm | None = BatchNorm(channels - share)
        self.dilated = nn.ModuleList(
            FrameConvolution(part, part, kernel_size, stride, dilation)
            for part, dilation in zip(self.shares, dilations, strict=False)
        )
        self.pool: nn.Module = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.point = FrameConvolution(channels, share, stride=stride)

    def forward(self, x: Tensor, mask: Tensor | None = None, counts: Counts | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (N, C, T, V)."""
        entered = self.head(x) if self.head_norm is None else self.head_norm(self.head(x), counts)
        *parts, last = F.relu_(entered).split(self.shares[:-1], dim=1)
        branches = [convolution(part) for convolution, part in zip(self.dilated, parts, strict=True)]
        return torch.cat([*branches, self.pool(last), self.point(x)], dim=1)

    def initialise(self, norm: BatchNorm) -> None:
        """Initialise as published, with the BatchNorm behind the filter: by fan-out, every branch for itself."""
        for convolution in (self.head, *self.dilated, self.point):
            assert isinstance(convolution, FrameConvolution)
            assert convolution.bias is not None
            nn.init.normal_(convolution.weight, std=math.sqrt(2 / (convolution.kernel_size[0] * self.shares[-1])))
            nn.init.zeros_(convolution.bias)
        for one in (self.head_norm, norm):
            assert one is not None
            nn.init.normal_(one.weight, mean=1, std=0.02)

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter, changed in place for inference: times `scale` plus `shift`, without BatchNorm."""
        assert self.head_norm is not None
        self.head, self.head_norm = self.head.folded(*self.head_norm.scale_and_shift()), None
        *dilated, pooled, point = zip(scale.split(self.shares), shift.split(self.shares), strict=True)
        for convolution, part in zip(self.dilated, dilated, strict=True):
            convolution.folded(*part)  # pyright: ignore[reportCallIssue]
        self.pool, self.point = nn.Sequential(self.pool, Affine(*pooled)), self.point.folded(*point)
        return self


class MixedMultiScaleTCN(MultiScaleTCN):
    """Compute ST-GCN++'s temporal filter (Duan et al. 2022, PYSKL): branches → BN → ReLU → 1×1 convolution."""

    first_takes_rest = True

    def __init__(
        self, channels: int, *, kernel_size: int = 3, stride: int = 1, dilations: tuple[int, ...] = (1, 2, 3, 4)
    ) -> None:
        super().__init__(channels, kernel_size=kernel_size, stride=stride, dilations=dilations)
        self.mix_norm: BatchNorm | None = BatchNorm(channels)
        self.mix = FrameConvolution(channels, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None, counts: Counts | None = None) -> Tensor:
        """Return filtered x (N, C, T, V)."""
        y = super().forward(x, mask, counts)
        return self.mix(F.relu_(y if self.mix_norm is None else self.mix_norm(y, counts)))

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        """Return the filter, changed in place for inference: times `scale` plus `shift`, without BatchNorm."""
        assert self.mix_norm is not None
        super().folded(*self.mix_norm.scale_and_shift())
        self.mix, self.mix_norm = self.mix.folded(scale, shift), None
        return self
