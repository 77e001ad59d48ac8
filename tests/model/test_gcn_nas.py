"""GCN-NAS against its description, one joint, subset and term at a time."""

import math

import pytest
import torch
from torch import Tensor

from stgdn.model.gcn_nas import GCNNAS, SearchedGCN
from stgdn.model.graph import adjacency
from stgdn.skeleton import NTU25, OPENPOSE18

# What the published search has chosen, by its names of the layers: terms besides the learned matrix.
TERMS = {
    "12": "order_2 joints frames both",
    "34": "joints frames both",
    "5": "order_2 joints frames",
    "689": "order_2 frames",
    "7": "order_2 order_4 joints frames both",
    "10": "frames",
}
KINDS = ("12", "12", "34", "34", "5", "689", "7", "689", "689", "10")
CHANNELS, STRIDES = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256), (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)


def frames_of(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution along frames of x (C, T, V), one frame and kernel entry after the other, zeros beyond the ends."""
    T, reach = x.shape[1], weight.shape[2] // 2
    columns = []
    for t in range(T):
        column = bias[:, None].expand(-1, x.shape[2])
        for offset in range(-reach, reach + 1):
            if 0 <= t + offset < T:
                column = column + weight[:, :, offset + reach, 0] @ x[:, t + offset]
        columns.append(column)
    return torch.stack(columns, dim=1)


def similarity(x: Tensor, phi: Tensor, psi: Tensor) -> Tensor:
    """softmax over the source joint i of Σ_ct φ_cti ψ_ctj / CT, for one body."""
    V, size = x.shape[2], phi.shape[0] * phi.shape[1]
    graph = torch.zeros(V, V, dtype=x.dtype)
    for j in range(V):
        scores = [(phi[:, :, i] * psi[:, :, j]).sum() / size for i in range(V)]
        total = sum(math.exp(score) for score in scores)
        for i in range(V):
            graph[i, j] = math.exp(scores[i]) / total
    return graph


def literal(x: Tensor, layer: SearchedGCN, A: Tensor, terms: list[str]) -> Tensor:
    """The filter for one body x (C, T, V)."""
    V, y = A.shape[-1], torch.zeros(())
    for k in range(3):
        graph = layer.learned[k].clone()
        for i in range(V):
            for j in range(V):
                a, own = float(A[k, i, j]), float(i == j)
                graph[i, j] += ("order_2" in terms) * (4 * a * a - a - 2 * own)
        if "order_4" in terms:
            values = [[8 * float(a) ** 4 - 4 * float(a) ** 2 - 4 * float(a) for a in row] for row in A[k]]
            powers = torch.tensor([[(values[i][j] + (i == j)) / V for j in range(V)] for i in range(V)])
            graph = graph + powers.double().exp() / powers.double().exp().sum(dim=0)
        kinds = [term for term in terms if term in ("joints", "frames", "both")]
        for kind, part in zip(kinds, layer.similarities, strict=True):
            # Six pairs of convolutions are there of `both`, of one frame and of nine in turn; the first three are used.
            embedded = [frames_of(x, *(list(c[k].parameters()))) for c in (part.phi, part.psi)]  # pyright: ignore
            assert part.phi[k].weight.shape[2] == {"joints": 1, "frames": 9, "both": (1, 9, 1)[k]}[kind]  # pyright: ignore
            graph = graph + similarity(x, *embedded)
        weight, bias = layer.theta[k].parameters()
        y = y + frames_of(x @ graph, weight, bias)
    return y


@torch.no_grad()
@pytest.mark.parametrize("kind", TERMS)
def test_each_kind_of_layer(kind: str) -> None:
    torch.manual_seed(1)
    network = GCNNAS(5, "openpose18", 1)
    filter = network.layers[KINDS.index(kind)].spatial
    assert isinstance(filter, SearchedGCN)
    terms = TERMS[kind].split()
    small = SearchedGCN(
        4, 8, adjacency(OPENPOSE18), [t for t in terms if "order" in t], [t for t in terms if "order" not in t]
    )
    torch.testing.assert_close(small.fixed, filter.fixed)  # the network has such a filter there
    assert [part.subsets for part in small.similarities] == [part.subsets for part in filter.similarities]  # pyright: ignore
    small = small.double()
    for parameter in small.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.randn(2, 4, 6, 18, dtype=torch.float64)
    expected = torch.stack([literal(body, small, adjacency(OPENPOSE18), terms) for body in x])
    torch.testing.assert_close(small(x), expected, atol=1e-5, rtol=0)


def test_the_published_number_of_parameters() -> None:
    """Those of xiaoiker/GCN-NAS, model/agcn3.py, with num_class=60 and num_person=2."""
    network = GCNNAS(60)
    assert sum(parameter.numel() for parameter in network.parameters()) == 6_567_334
    assert [layer.spatial_norm.num_features for layer in network.layers] == list(CHANNELS)  # pyright: ignore
    assert [layer.temporal.theta.stride[0] for layer in network.layers] == list(STRIDES)  # pyright: ignore


def test_scores_are_means_over_bodies_frames_and_joints() -> None:
    """And a layer is 2s-AGCN's: what the filters give is added to x, or to a projection of it, twice."""
    network = GCNNAS(4).double()
    one = torch.randn(3, 3, 12, NTU25.num_joints, 1, dtype=torch.float64)
    scores = network.eval()(one.expand(-1, -1, -1, -1, 2))
    features = one.expand(-1, -1, -1, -1, 2).permute(0, 4, 1, 2, 3).flatten(0, 1) / math.sqrt(1 + 1e-5)
    for layer in network.layers:
        y = layer.spatial_norm(layer.spatial(features)) + (layer.down(features))  # pyright: ignore
        y = layer.temporal_norm(layer.temporal(y.relu()))  # pyright: ignore
        features = (y if layer.residual is None else y + layer.residual(features)).relu()  # pyright: ignore
    pooled = features.mean(dim=(2, 3)).view(3, 2, -1).mean(dim=1)
    torch.testing.assert_close(scores, pooled @ network.classifier.weight.T + network.classifier.bias)
