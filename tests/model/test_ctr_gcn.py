"""CTR-GCN's filters and ST-GCN++'s temporal one against sums written out, and what they refuse."""

import pytest
import torch
from tests.model.networks import network, scramble
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.block import Block
from stgdn.model.ctr_gcn import MixedMultiScaleTCN, MultiScaleTCN, RefinedGCN
from stgdn.model.graph import adjacency
from stgdn.skeleton import layout

C, C_OUT, T, V = 3, 4, 7, 20
PHYSICAL = adjacency(layout("kinect20"))


def features(channels: int = C) -> Tensor:
    """Two bodies (2, C, T, V) in float64."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, channels, T, V, generator=generator, dtype=torch.float64).cumsum(dim=2)


def test_every_channel_sums_over_a_graph_of_its_own() -> None:
    ours, x = RefinedGCN(C, C_OUT, PHYSICAL).double(), features()
    scramble(ours)
    phi, psi = ours.embedding(x).mean(dim=2).view(2, 2, 3, 8, V).unbind(dim=1)  # N K R V
    omega, bias = ours.refinement.weight.view(3, C_OUT, 8), ours.refinement.bias.view(3, C_OUT)  # pyright: ignore
    values = ours.theta(x).view(2, 3, C_OUT, T, V)
    expected = torch.zeros(2, C_OUT, T, V, dtype=torch.float64)
    for k in range(3):
        for c in range(C_OUT):
            for takes in range(V):
                compared = torch.tanh(phi[:, k, :, takes, None] - psi[:, k])  # N R V: joints that give
                weights = ours.graph[k, :, takes] + ours.alpha * (omega[k, c] @ compared + bias[k, c])
                expected[:, c, :, takes] += (values[:, k, c] * weights[:, None]).sum(dim=2)
    torch.testing.assert_close(ours(x), expected)


def test_the_graph_starts_as_the_skeleton_and_without_refinement() -> None:
    ours = RefinedGCN(C, C_OUT, PHYSICAL).double()
    assert torch.equal(ours.graph, PHYSICAL.mT.double())
    assert not ours.alpha.any()
    hip, spine, left_hip = (layout("kinect20").joints.index(name) for name in ("hip_centre", "spine", "left_hip"))
    graphs = ours.graphs(features())
    assert [graph.shape for graph in graphs] == [(2 * C_OUT, V, V)] * 3
    _, from_children, from_parent = (graph[0].detach() for graph in graphs)
    assert from_children[spine, hip] == from_children[left_hip, hip] == 1  # a joint takes all that its children have
    torch.testing.assert_close(from_parent[hip, spine], torch.tensor(1 / 3).double())  # and a share of its parent's
    assert not from_children[hip].any()


@pytest.mark.parametrize(("channels", "compared"), [(3, 8), (9, 8), (64, 8), (128, 16), (256, 32)])
def test_joints_are_compared_in_the_published_number_of_channels(channels: int, compared: int) -> None:
    assert RefinedGCN(channels, 8, PHYSICAL).embedding.out_channels == 6 * compared


@pytest.mark.parametrize("stride", [1, 2])
def test_branches_are_dilated_kernels_a_maximum_and_the_frame_itself(stride: int) -> None:
    ours, x = MultiScaleTCN(8, kernel_size=3, stride=stride, dilations=(1, 3)).double(), features(8)
    scramble(ours)
    assert ours.head_norm is not None
    head = nn.functional.pad(ours.head_norm(ours.head(x)).relu(), (0, 0, 3, 3)).detach()
    found, point = ours(x), ours.point.weight[:, :, 0, 0]
    for step, t in enumerate(range(0, T, stride)):
        for branch, dilation in enumerate((1, 3)):
            frames = head[:, 2 * branch : 2 * branch + 2, [t + 3 - dilation, t + 3, t + 3 + dilation]]
            convolution = ours.dilated[branch]
            expected = torch.einsum("ocf,ncfv->nov", convolution.weight[..., 0], frames)  # pyright: ignore
            expected = expected + convolution.bias[:, None]  # pyright: ignore
            torch.testing.assert_close(found[:, 2 * branch : 2 * branch + 2, step], expected)
        torch.testing.assert_close(found[:, 4:6, step], head[:, 4:6, t + 2 : t + 5].amax(dim=2))
        assert ours.point.bias is not None
        torch.testing.assert_close(found[:, 6:, step], point @ x[:, :, t] + ours.point.bias[:, None])


def test_the_first_branch_of_st_gcn_pp_takes_the_rest_and_branches_are_mixed() -> None:
    ours, x = MixedMultiScaleTCN(15, stride=2).double(), features(15)
    scramble(ours)
    assert [branch.out_channels for branch in (*ours.dilated, ours.point)] == [5, 2, 2, 2, 2]  # pyright: ignore
    assert [branch.kernel_size[0] for branch in ours.dilated] == [3, 3, 3, 3]  # pyright: ignore
    assert ours.head_norm is not None
    assert ours.mix_norm is not None
    head, start, branches = ours.head_norm(ours.head(x)).relu(), 0, []
    for convolution, channels, dilation in zip(ours.dilated, (5, 2, 2, 2), (1, 2, 3, 4), strict=True):
        part = nn.functional.pad(head[:, start : start + channels], (0, 0, 4, 4))
        frames = torch.stack([part[:, :, 4 + k * dilation :][:, :, :T] for k in (-1, 0, 1)], dim=2)  # N C 3 T V
        weight, bias = convolution.parameters()
        mixed = torch.einsum("ock,ncktv->notv", weight[..., 0], frames) + bias[:, None, None]
        branches.append(mixed[:, :, ::2])
        start += channels
    padded = nn.functional.pad(head[:, start:], (0, 0, 1, 1))
    branches.append(torch.stack([padded[:, :, k : k + T] for k in range(3)]).amax(dim=0)[:, :, ::2])
    branches.append(nn.functional.conv2d(x, ours.point.weight, ours.point.bias)[:, :, ::2])
    expected = nn.functional.conv2d(ours.mix_norm(torch.cat(branches, dim=1)).relu(), ours.mix.weight, ours.mix.bias)
    torch.testing.assert_close(ours(x), expected)


def test_what_cannot_be_shared_out_raises() -> None:
    with pytest.raises(InputError, match="6 channels cannot be shared out among 4 temporal branches: choose"):
        MultiScaleTCN(6)
    with pytest.raises(InputError, match="kernel of 4 frames"):
        MultiScaleTCN(8, kernel_size=4)
    with pytest.raises(InputError, match="among 6 temporal branches"):
        network("ctr_gcn", dilations=[1, 2, 3, 4])
    with pytest.raises(InputError, match="4 channels cannot be shared out among 6 temporal branches"):
        network("st_gcn_pp", width=0.0625)


def test_other_networks_can_have_its_filters_in_some_layers() -> None:
    net = network("agcn_7l", blocks=["gcn", "ctr_gcn"] * 3 + ["gdn_e"], kernel_size=5)
    assert isinstance(net.layers[1], Block)
    assert isinstance(net.layers[1].temporal, MultiScaleTCN)
    assert net(torch.zeros(2, 3, 9, 20, 2, dtype=torch.float64)).shape == (2, 5)
