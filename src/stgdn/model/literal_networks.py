"""2s-AGCN, ST-GCN, CTR-GCN and ST-GCN++ as they were published, one subset at a time; `sources` adds whitening.

This file shares no code with the fast form. x is (N, C, T, V) with bodies folded into N; seen is (N, T), true where a
body is seen. Names of modules are those of the published code.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.model import literal
from stgdn.skeleton import Layout


def column_normalised(A: Tensor) -> Tensor:
    """Return A D^{-1}, where D holds the sums of columns."""
    scaled = torch.zeros_like(A)
    for j in range(len(A)):
        degree = sum(float(A[i, j]) for i in range(len(A)))
        for i in range(len(A)):
            scaled[i, j] = A[i, j] / degree if degree > 0 else 0
    return scaled


def directed_adjacency(layout: Layout) -> Tensor:
    """Return the graph of 2s-AGCN, (3, V, V): itself, inward, outward."""
    V = layout.num_joints
    inward, outward = torch.zeros(V, V), torch.zeros(V, V)
    for child, parent in layout.bones:
        inward[parent, child] = 1
        outward[child, parent] = 1
    return torch.stack([torch.eye(V), column_normalised(inward), column_normalised(outward)])


def spatial_adjacency(layout: Layout, centre: int) -> Tensor:
    """Return the graph of ST-GCN's `spatial` strategy with max_hop 1, (3, V, V).

    Hops beyond one are infinite, and infinite equals infinite.
    """
    V = layout.num_joints
    hops = torch.full((V, V), torch.inf).fill_diagonal_(0)
    for child, parent in layout.bones:
        hops[child, parent] = hops[parent, child] = 1
    normalised = column_normalised((hops <= 1).float())
    itself, as_far_or_farther, nearer = subsets = torch.zeros(3, V, V)
    for i in range(V):
        for j in range(V):
            if i == j:
                itself[i, i] = normalised[i, i]
            elif hops[i, centre] >= hops[j, centre]:
                as_far_or_farther[i, j] = normalised[i, j]
            else:
                nearer[i, j] = normalised[i, j]
    return subsets


class Deconvolution(nn.Module):
    """Whiten as `literal.whiten` does, with running statistics for evaluation.

    Attributes:
        statistics: function that gives mean and covariance of a batch; the default is slow, sample by sample.
    """

    mean: Tensor
    covariance: Tensor
    statistics = staticmethod(literal.mean_and_covariance)

    def __init__(self, axis: str, size: int, patch: int = 1) -> None:
        super().__init__()
        self.axis, self.patch = axis, patch
        self.register_buffer("mean", torch.zeros(size * patch))
        self.register_buffer("covariance", torch.eye(size * patch))

    def forward(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """Return whitened x (N, C, T, V), or (N, C·patch, T, V)."""
        mean, covariance = self.mean, self.covariance
        if self.training:
            mean, covariance = self.statistics(x, self.axis, seen, self.patch)
            self.mean = 0.9 * self.mean + 0.1 * mean.detach()
            self.covariance = 0.9 * self.covariance + 0.1 * covariance.detach()
        root = literal.newton_schulz(literal.add_floor(covariance))
        return literal.apply_whitening(x, self.axis, mean, root, self.patch)


class SpatialFilter(nn.Module):
    """Filter joints as 2s-AGCN's `unit_gcn` does before its BatchNorm.

    Args:
        C_in, C_out: channels.
        A: (3, V, V).
        sources: features that are summed over the graph: `plain` (x), `node` or `channel` (x whitened along that axis).
        terms: the parts of the graph.
        patch: frames that a whitened channel sample spans.
    """

    A: Tensor

    def __init__(
        self,
        C_in: int,
        C_out: int,
        A: Tensor,
        sources: tuple[str, ...] = ("plain",),
        terms: tuple[str, ...] = ("physical", "learned", "attention"),
        patch: int = 1,
    ) -> None:
        super().__init__()
        self.terms = terms
        self.register_buffer("A", A)
        self.PA = nn.Parameter(torch.zeros_like(A))
        self.conv_a = nn.ModuleList(nn.Conv2d(C_in, C_out // 4, 1) for _ in range(3))
        self.conv_b = nn.ModuleList(nn.Conv2d(C_in, C_out // 4, 1) for _ in range(3))
        self.conv_d, self.deconvolutions = nn.ModuleDict(), nn.ModuleDict()
        for source in sources:
            self.conv_d[source] = nn.ModuleList(nn.Conv2d(C_in * patch, C_out, 1) for _ in range(3))
            if source != "plain":
                self.deconvolutions[source] = Deconvolution(source, A.shape[-1] if source == "node" else C_in, patch)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T/stride, V)."""
        N, _, T, V = x.shape
        y = None
        for source, convolutions in self.conv_d.items():
            values = self.deconvolutions[source](x, seen) if source in self.deconvolutions else x
            assert isinstance(convolutions, nn.ModuleList)
            for i, conv_d in enumerate(convolutions):
                z = values.reshape(N, -1, V) @ self.graph(x, i)
                z = conv_d(z.reshape(N, -1, T, V))
                y = z if y is None else y + z
        assert y is not None
        return y

    def graph(self, x: Tensor, i: int) -> Tensor:
        """Return subset i of the graph, (N, V, V)."""
        N, _, _, V = x.shape
        A = torch.zeros(N, V, V, dtype=x.dtype, device=x.device)
        if "attention" in self.terms:
            A1 = self.conv_a[i](x).permute(0, 3, 1, 2).reshape(N, V, -1)
            A2 = self.conv_b[i](x).reshape(N, -1, V)
            A = torch.softmax(A1 @ A2 / A1.shape[-1], dim=-2)
        if "physical" in self.terms:
            A = A + self.A[i]
        if "learned" in self.terms:
            A = A + self.PA[i]
        return A


class UnitGCN(nn.Module):
    """Compute 2s-AGCN's spatial unit: filter → BN → + down(x) → ReLU."""

    def __init__(self, C_in: int, C_out: int, A: Tensor, sources: tuple[str, ...] = ("plain",)) -> None:
        super().__init__()
        self.filter = SpatialFilter(C_in, C_out, A, sources)
        self.bn = nn.BatchNorm2d(C_out)
        self.down = nn.Sequential(nn.Conv2d(C_in, C_out, 1), nn.BatchNorm2d(C_out)) if C_in != C_out else nn.Identity()

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T/stride, V)."""
        return F.relu(self.bn(self.filter(x, seen)) + self.down(x))


class UnitTCN(nn.Module):
    """Compute 2s-AGCN's temporal unit: τ×1 convolution → BN, of whitened frames if `frames` is given."""

    def __init__(self, C_in: int, C_out: int, kernel_size: int = 9, stride: int = 1, frames: int | None = None) -> None:
        super().__init__()
        padding = (kernel_size - 1) // 2
        self.conv = nn.Conv2d(C_in, C_out, (kernel_size, 1), stride=(stride, 1), padding=(padding, 0))
        self.bn = nn.BatchNorm2d(C_out)
        self.deconvolution = Deconvolution("frame", frames) if frames is not None else None

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T/stride, V)."""
        if self.deconvolution is not None:
            x = self.deconvolution(x, seen)
        return self.bn(self.conv(x))


class Unit(nn.Module):
    """Compute 2s-AGCN's layer: relu(tcn(gcn(x)) + residual(x))."""

    def __init__(
        self,
        C_in: int,
        C_out: int,
        A: Tensor,
        stride: int = 1,
        *,
        residual: bool = True,
        sources: tuple[str, ...] = ("plain",),
        frames: int | None = None,
    ) -> None:
        super().__init__()
        self.gcn1 = UnitGCN(C_in, C_out, A, sources)
        self.tcn1 = UnitTCN(C_out, C_out, stride=stride, frames=frames)
        self.residual: nn.Module | None = None
        if residual:
            same = C_in == C_out and stride == 1
            self.residual = nn.Identity() if same else UnitTCN(C_in, C_out, kernel_size=1, stride=stride)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T/stride, V)."""
        y = self.tcn1(self.gcn1(x, seen), seen)
        return F.relu(y if self.residual is None else y + self.residual(x))


class STGCNUnit(nn.Module):
    """Compute ST-GCN's layer.

    1×1 convolution to K parts → graph times edge mask → BN → ReLU → 9×1 convolution → BN → + residual(x) → ReLU.
    """

    A: Tensor

    def __init__(self, C_in: int, C_out: int, A: Tensor, stride: int = 1, *, residual: bool = True) -> None:
        super().__init__()
        self.register_buffer("A", A)
        self.importance = nn.Parameter(torch.ones_like(A))
        self.conv = nn.Conv2d(C_in, 3 * C_out, 1)
        self.bn, self.relu = nn.BatchNorm2d(C_out), nn.ReLU()
        self.temporal = nn.Conv2d(C_out, C_out, (9, 1), (stride, 1), (4, 0))
        self.temporal_bn = nn.BatchNorm2d(C_out)
        self.residual: nn.Module | None = None
        if residual:
            strided = nn.Sequential(nn.Conv2d(C_in, C_out, 1, (stride, 1)), nn.BatchNorm2d(C_out))
            self.residual = nn.Identity() if C_in == C_out and stride == 1 else strided

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Map x (N, C, T, V) to (N, C_out, T/stride, V)."""
        y = self.conv(x)
        y = y.view(len(y), 3, -1, *y.shape[2:])
        y = torch.einsum("nkctv,kvw->nctw", y, self.A * self.importance)
        y = self.temporal_bn(self.temporal(self.relu(self.bn(y))))
        return self.relu(y if self.residual is None else y + self.residual(x))


class RefinedGraphConvolution(nn.Module):
    """Compute CTR-GCN's `CTRGC` of one subset: every channel sums over a graph of its own, A + α ω(tanh(φ − ψ))."""

    def __init__(self, C_in: int, C_out: int) -> None:
        super().__init__()
        R = max(8, C_in // 8)
        self.conv1, self.conv2 = nn.Conv2d(C_in, R, 1), nn.Conv2d(C_in, R, 1)
        self.conv3, self.conv4 = nn.Conv2d(C_in, C_out, 1), nn.Conv2d(R, C_out, 1)

    def forward(self, x: Tensor, A: Tensor, alpha: Tensor) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T, V)."""
        takes, gives, values = self.conv1(x).mean(2), self.conv2(x).mean(2), self.conv3(x)
        differences = torch.tanh(takes[:, :, :, None] - gives[:, :, None, :])  # N R V V
        refined = A + alpha * self.conv4(differences)
        return torch.einsum("ncuv,nctv->nctu", refined, values)


class CTRUnitGCN(nn.Module):
    """Compute CTR-GCN's spatial unit: Σ_k of `RefinedGraphConvolution` → BN → + down(x) → ReLU."""

    def __init__(self, C_in: int, C_out: int, A: Tensor) -> None:
        super().__init__()
        self.PA, self.alpha = nn.Parameter(A.clone()), nn.Parameter(torch.zeros(1))
        self.convs = nn.ModuleList(RefinedGraphConvolution(C_in, C_out) for _ in A)
        self.bn = nn.BatchNorm2d(C_out)
        self.down = nn.Sequential(nn.Conv2d(C_in, C_out, 1), nn.BatchNorm2d(C_out)) if C_in != C_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T, V)."""
        y = torch.stack([conv(x, A, self.alpha) for conv, A in zip(self.convs, self.PA, strict=True)]).sum(0)
        return F.relu(self.bn(y) + self.down(x))


class DilatedTCN(nn.Module):
    """Compute CTR-GCN's `TemporalConv`: a 5×1 convolution of every so many frames → BN."""

    def __init__(self, C: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(C, C, (5, 1), (stride, 1), (2 * dilation, 0), (dilation, 1))
        self.bn = nn.BatchNorm2d(C)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, T, V) to (N, C, T/stride, V)."""
        return self.bn(self.conv(x))


class MultiScaleUnitTCN(nn.Module):
    """Compute CTR-GCN's temporal unit: four branches, concatenated."""

    def __init__(self, C: int, stride: int) -> None:
        super().__init__()
        share = C // 4
        pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        ends = [[DilatedTCN(share, stride, 1)], [DilatedTCN(share, stride, 2)], [pool, nn.BatchNorm2d(share)]]
        self.branches = nn.ModuleList()
        for end in ends:
            self.branches.append(nn.Sequential(nn.Conv2d(C, share, 1), nn.BatchNorm2d(share), ReLU(), *end))
        self.branches.append(nn.Sequential(nn.Conv2d(C, share, 1, (stride, 1)), nn.BatchNorm2d(share)))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, T, V) to (N, C, T/stride, V)."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class ReLU(nn.Module):
    """Compute F.relu, as all layers here do."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x where it is positive, else 0."""
        return F.relu(x)


class CTRUnit(nn.Module):
    """Compute CTR-GCN's layer: relu(tcn(gcn(x)) + residual(x))."""

    parts: tuple[type, type] = CTRUnitGCN, MultiScaleUnitTCN

    def __init__(self, C_in: int, C_out: int, A: Tensor, stride: int = 1, *, residual: bool = True) -> None:
        super().__init__()
        self.gcn1, self.tcn1 = self.parts[0](C_in, C_out, A), self.parts[1](C_out, stride)
        self.residual: nn.Module | None = None
        if residual:
            same = C_in == C_out and stride == 1
            self.residual = nn.Identity() if same else UnitTCN(C_in, C_out, kernel_size=1, stride=stride)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Map x (N, C, T, V) to (N, C_out, T/stride, V)."""
        y = self.tcn1(self.gcn1(x))
        return F.relu(y if self.residual is None else y + self.residual(x))


class LearnedUnitGCN(nn.Module):
    """Compute ST-GCN++'s spatial unit: Σ_k (θ_k x) A_k with a learned A → BN → + down(x) → ReLU."""

    def __init__(self, C_in: int, C_out: int, A: Tensor) -> None:
        super().__init__()
        self.A = nn.Parameter(A.clone())
        self.conv, self.bn = nn.Conv2d(C_in, len(A) * C_out, 1), nn.BatchNorm2d(C_out)
        self.down = nn.Sequential(nn.Conv2d(C_in, C_out, 1), nn.BatchNorm2d(C_out)) if C_in != C_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, T, V) to (N, C_out, T, V)."""
        parts = self.conv(x).chunk(len(self.A), dim=1)
        y = torch.stack([part @ A for part, A in zip(parts, self.A, strict=True)]).sum(0)
        return F.relu(self.bn(y) + self.down(x))


class MixedUnitTCN(nn.Module):
    """Compute ST-GCN++'s temporal unit: six branches, concatenated → BN → ReLU → 1×1 convolution → BN."""

    def __init__(self, C: int, stride: int) -> None:
        super().__init__()
        share = C // 6
        widths = [C - 5 * share] + 4 * [share]
        kernels = [nn.Conv2d(D, D, (3, 1), (stride, 1), (d, 0), (d, 1)) for d, D in enumerate(widths[:4], start=1)]
        self.branches = nn.ModuleList()
        for width, end in zip(widths, [*kernels, nn.MaxPool2d((3, 1), (stride, 1), (1, 0))], strict=True):
            self.branches.append(nn.Sequential(nn.Conv2d(C, width, 1), nn.BatchNorm2d(width), ReLU(), end))
        self.branches.append(nn.Sequential(nn.Conv2d(C, share, 1, (stride, 1))))
        self.transform = nn.Sequential(nn.BatchNorm2d(C), ReLU(), nn.Conv2d(C, C, 1))
        self.bn = nn.BatchNorm2d(C)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, T, V) to (N, C, T/stride, V)."""
        return self.bn(self.transform(torch.cat([branch(x) for branch in self.branches], dim=1)))


class STGCNPPUnit(CTRUnit):
    """Compute ST-GCN++'s layer, which joins its units as CTR-GCN's does."""

    parts = LearnedUnitGCN, MixedUnitTCN


class PublishedNetwork(nn.Module):
    """Compute mean features (N, C) of clips (N, C, T, V, M): input BatchNorm, layers, mean over frames, joints, bodies.

    Args:
        layers: units of 2s-AGCN, ST-GCN, CTR-GCN or ST-GCN++.
        strides: of every layer.
        norm_channels: channels of the input BatchNorm, M·V·C or V·C.
    """

    def __init__(self, layers: Iterable[nn.Module], strides: list[int], norm_channels: int) -> None:
        super().__init__()
        self.data_bn = nn.BatchNorm1d(norm_channels)
        self.layers, self.strides = nn.ModuleList(layers), strides
        self.whitens = any(isinstance(module, Deconvolution) for module in self.modules())

    def forward(self, x: Tensor) -> Tensor:
        """Return mean features (N, C)."""
        N, C, T, V, M = x.shape
        seen = seen_frames(x) if self.whitens else None
        x = self.data_bn(x.permute(0, 4, 3, 1, 2).reshape(-1, self.data_bn.num_features, T))
        x = x.reshape(N, M, V, C, T).permute(0, 1, 3, 4, 2).reshape(N * M, C, T, V)
        for layer, stride in zip(self.layers, self.strides, strict=True):
            x, seen = layer(x, seen), None if seen is None else seen[:, ::stride]
        return x.reshape(N, M, x.shape[1], -1).mean(3).mean(1)


def seen_frames(x: Tensor) -> Tensor:
    """Return the mask (N·M, T) of frames of x (N, C, T, V, M) in which a body is seen."""
    N, _, T, _, M = x.shape
    seen = torch.zeros(N * M, T, dtype=torch.bool)
    for n in range(N):
        for m in range(M):
            for t in range(T):
                seen[n * M + m, t] = bool((x[n, :, t, :, m] != 0).any())
    return seen


class AGCN(PublishedNetwork):
    """Compute class scores as 2s-AGCN does, or as CTR-GCN does, which has other layers.

    Args:
        channels, strides: of every layer.
        filters: the sources of every layer, and whether its frames are whitened; None for a layer of CTR-GCN.
        A: (3, V, V).
        num_classes: entries of the scores.
        frames: T of the clips.
        bodies: M.
    """

    def __init__(
        self,
        channels: list[int],
        strides: list[int],
        filters: list[tuple[tuple[str, ...], bool] | None],
        A: Tensor,
        *,
        num_classes: int,
        frames: int,
        bodies: int = 2,
    ) -> None:
        layers, C_in = [], 3
        for layer, (C_out, stride, filter) in enumerate(zip(channels, strides, filters, strict=True)):
            if filter is None:
                layers.append(CTRUnit(C_in, C_out, A, stride, residual=layer > 0))
            else:
                sources, T = filter[0], frames if filter[1] else None
                layers.append(Unit(C_in, C_out, A, stride, residual=layer > 0, sources=sources, frames=T))
            C_in, frames = C_out, (frames + stride - 1) // stride
        super().__init__(layers, strides, bodies * 3 * A.shape[-1])
        self.fc = nn.Linear(C_in, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores (N, classes)."""
        return self.fc(super().forward(x))


class STGCN(PublishedNetwork):
    """Compute class scores as ST-GCN does, without dropout, or as ST-GCN++ does, which has other units."""

    def __init__(
        self, channels: list[int], strides: list[int], A: Tensor, *, num_classes: int, unit: type = STGCNUnit
    ) -> None:
        rows = enumerate(zip([3, *channels], channels, strides, strict=False))
        layers = [unit(C_in, C_out, A, stride, residual=layer > 0) for layer, (C_in, C_out, stride) in rows]
        super().__init__(layers, strides, 3 * A.shape[-1])
        self.fcn = nn.Conv2d(channels[-1], num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores (N, classes)."""
        return self.fcn(super().forward(x)[:, :, None, None]).flatten(1)
