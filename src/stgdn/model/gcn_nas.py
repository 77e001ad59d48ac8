"""GCN-NAS (Peng et al., AAAI 2020): the network that the search has found, without the search.

The ten layers of 2s-AGCN; what is summed to the graph of a layer was chosen for each. Shapes: x is (B, C, T, V) with
B = N·M bodies, K = 3 subsets of the graph, c = C_out / 4 embedded channels. Which terms a layer has, their formulas and
the number of parameters, 6,567,334 for 60 classes and two bodies of 25 joints, are those of the published code
(xiaoiker/GCN-NAS, model/agcn3.py).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from stgdn.model.backbone import initialise_as_agcn
from stgdn.model.block import Block
from stgdn.model.convolution import FrameConvolution
from stgdn.model.graph import adjacency
from stgdn.model.norm import BatchNorm
from stgdn.model.temporal import TCN
from stgdn.skeleton import layout as joint_layout

# Frames that φ_k and ψ_k convolve, by kind of similarity. Of `both` the published code makes six pairs and uses the
# first three; the others are kept, so that the network has the published number of parameters.
KERNELS = {"joints": (1, 1, 1), "frames": (9, 9, 9), "both": (1, 9, 1, 9, 1, 9)}
ALL = ("joints", "frames", "both")
# Channels, stride, polynomials of the skeleton's graph, and kinds of similarity of every layer.
LAYERS = (
    (64, 1, ("order_2",), ALL),
    (64, 1, ("order_2",), ALL),
    (64, 1, (), ALL),
    (64, 1, (), ALL),
    (128, 2, ("order_2",), ("joints", "frames")),
    (128, 1, ("order_2",), ("frames",)),
    (128, 1, ("order_2", "order_4"), ALL),
    (256, 2, ("order_2",), ("frames",)),
    (256, 1, ("order_2",), ("frames",)),
    (256, 1, (), ("frames",)),
)


def polynomial(A: Tensor, name: str) -> Tensor:
    """Return a polynomial of the graph A (K, V, V); powers are those of its entries, as in the published code."""
    identity = torch.eye(A.shape[-1])
    if name == "order_2":
        return 4 * A**2 - A - 2 * identity
    return ((8 * A**4 - 4 * A**2 - 4 * A + identity) / A.shape[-1]).softmax(dim=-2)


class Similarity(nn.Module):
    """Compute softmax_i(φ_k(x_i)·ψ_k(x_j) / cT) for every subset k, φ_k and ψ_k convolutions along frames."""

    def __init__(self, in_channels: int, channels: int, kernels: Sequence[int], subsets: int) -> None:
        super().__init__()
        self.subsets = subsets
        self.phi, self.psi = (
            nn.ModuleList(FrameConvolution(in_channels, channels, kernel) for kernel in kernels) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the graphs (B, K, V, V) of x."""
        pairs = zip(self.phi[: self.subsets], self.psi[: self.subsets], strict=True)
        embedded = [(phi(x), rearrange(psi(x), "b c t v -> b (c t) v")) for phi, psi in pairs]
        products = [rearrange(phi, "b c t v -> b v (c t)") @ psi / psi.shape[1] for phi, psi in embedded]
        return torch.stack(products, dim=1).softmax(dim=-2)


class SearchedGCN(nn.Module):
    """Compute Σ_k θ_k (x A_k), A the sum of a learned matrix, polynomials of the skeleton's graph and similarities."""

    def __init__(
        self, in_channels: int, channels: int, A: Tensor, polynomials: Sequence[str], kinds: Sequence[str]
    ) -> None:
        super().__init__()
        fixed = sum((polynomial(A, name) for name in polynomials), torch.zeros_like(A))
        self.fixed = nn.Buffer(fixed, persistent=False)
        self.learned = nn.Parameter(torch.full_like(A, 1e-6))
        self.similarities = nn.ModuleList(
            Similarity(in_channels, channels // 4, KERNELS[kind], len(A)) for kind in kinds
        )
        self.theta = nn.ModuleList(nn.Conv2d(in_channels, channels, 1) for _ in A)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                nn.init.zeros_(module.bias)  # pyright: ignore[reportArgumentType]
        for theta in self.theta:
            nn.init.normal_(theta.get_parameter("weight"), std=math.sqrt(2 / (in_channels * channels * len(A))))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return filtered x (B, C_out, T, V)."""
        graphs = self.fixed + self.learned + sum(similarity(x) for similarity in self.similarities)
        filtered = [theta(x @ graph[:, None]) for theta, graph in zip(self.theta, graphs.unbind(dim=1), strict=True)]
        return torch.stack(filtered).sum(dim=0)


class GCNNAS(nn.Module):
    """Map clips (N, C, T, V, M) to scores (N, classes) by the searched network; arguments as of `Backbone`."""

    def __init__(
        self, num_classes: int, layout: str | Mapping[str, Any] = "ntu25", bodies: int = 2, in_channels: int = 3
    ) -> None:
        super().__init__()
        joints = joint_layout(layout)
        self.input_norm = BatchNorm(bodies * joints.num_joints * in_channels)
        self.layers, C_in = nn.ModuleList(), in_channels
        for channels, stride, polynomials, kinds in LAYERS:
            filters = SearchedGCN(C_in, channels, adjacency(joints), polynomials, kinds), TCN(channels, stride=stride)
            self.layers.append(Block(*filters, C_in, channels, stride, residual=len(self.layers) > 0))
            C_in = channels
        self.classifier = nn.Linear(C_in, num_classes)
        initialise_as_agcn(self)

    def forward(self, clips: Tensor) -> Tensor:
        """Return class scores (N, classes) of clips (N, C, T, V, M)."""
        V, M = clips.shape[3:]
        x = rearrange(
            self.input_norm(rearrange(clips, "n c t v m -> n (m v c) t")), "n (m v c) t -> (n m) c t v", m=M, v=V
        )
        for layer in self.layers:
            x = layer(x)
        return self.classifier(rearrange(x, "(n m) c t v -> n (m t v) c", m=M).mean(dim=1))
