"""Adjacencies against the published code written out, and by hand."""

import math

import pytest
import torch

from stgdn.errors import InputError
from stgdn.model import literal_networks
from stgdn.model.graph import Adjacency, SubsetMix, adjacency, directed_subsets, normalise_columns, spatial_subsets
from stgdn.skeleton import LAYOUTS, Layout, layout

layouts = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)
CENTRES = {"ntu25": 20, "openpose18": 1, "kinect20": 0, "coco17": 0, "sbu15": 2}  # the first two are ST-GCN's
CENTRES |= {"body25": 8, "body25b": 17, "halpe26": 19, "mediapipe33": 0, "mediapipe33_3d": 0, "h36m17": 0}

# 0 ← 1 ← 2 and 0 ← 3: joint 0 is the root, only joint 2 is two hops away from it.
FORK = Layout("fork", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 0)), (), 0, (0, 1), (1, 3))


@layouts
def test_directed_subsets_are_2s_agcns(skeleton: Layout) -> None:
    torch.testing.assert_close(directed_subsets(skeleton), literal_networks.directed_adjacency(skeleton))


@layouts
def test_spatial_subsets_are_st_gcns(skeleton: Layout) -> None:
    expected = literal_networks.spatial_adjacency(skeleton, CENTRES[skeleton.name])
    torch.testing.assert_close(spatial_subsets(skeleton), expected)


def test_directed_subsets_by_hand() -> None:
    itself, inward, outward = directed_subsets(FORK)
    assert torch.equal(itself, torch.eye(4))
    assert inward.tolist() == [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert outward.tolist() == [[0, 0, 0, 0], [0.5, 0, 0, 0], [0, 1, 0, 0], [0.5, 0, 0, 0]]


def test_spatial_subsets_by_hand() -> None:
    itself, no_nearer, nearer = spatial_subsets(FORK)
    third, half = 1 / 3, 1 / 2
    torch.testing.assert_close(itself, torch.tensor([third, third, half, half]).diag())
    assert no_nearer.nonzero().tolist() == [[1, 0], [2, 1], [3, 0]]
    assert nearer.nonzero().tolist() == [[0, 1], [0, 3], [1, 2]]
    torch.testing.assert_close(nearer[1, 2], torch.tensor(half))
    torch.testing.assert_close(no_nearer[1, 0], torch.tensor(third))


def test_joints_beyond_one_hop_count_as_equally_far() -> None:
    skeleton = layout("ntu25")
    elbow, wrist = skeleton.joints.index("left_elbow"), skeleton.joints.index("left_wrist")
    _, no_nearer, nearer = spatial_subsets(skeleton)
    assert no_nearer[elbow, wrist] > 0
    assert no_nearer[wrist, elbow] > 0
    assert nearer[elbow, wrist] == nearer[wrist, elbow] == 0


@layouts
def test_columns_sum_to_one(skeleton: Layout) -> None:
    itself, inward, outward = directed_subsets(skeleton).sum(dim=1)
    leaves = torch.tensor([joint not in skeleton.parents for joint in range(skeleton.num_joints)])
    roots = torch.arange(skeleton.num_joints) == skeleton.root
    torch.testing.assert_close(itself, torch.ones_like(itself))
    torch.testing.assert_close(inward, (~roots).float())
    torch.testing.assert_close(outward, (~leaves).float())
    torch.testing.assert_close(spatial_subsets(skeleton).sum(dim=(0, 1)), torch.ones(skeleton.num_joints))


def test_empty_columns_stay_empty() -> None:
    scaled = normalise_columns(torch.tensor([[2.0, 0.0], [6.0, 0.0]]))
    assert scaled.tolist() == [[0.25, 0], [0.75, 0]]


def test_adjacency_chooses() -> None:
    skeleton = layout("kinect20")
    assert torch.equal(adjacency(skeleton), directed_subsets(skeleton))
    assert torch.equal(adjacency(skeleton, "spatial"), spatial_subsets(skeleton))
    with pytest.raises(InputError, match="'spacial', allowed: directed, spatial; did you mean 'spatial'"):
        adjacency(skeleton, "spacial")


def test_without_attention_all_clips_share_one_graph() -> None:
    physical = adjacency(FORK)
    graph = Adjacency(6, 2, physical, ("physical", "learned"))(torch.randn(4, 6, 5, FORK.num_joints))
    torch.testing.assert_close(graph, physical[None] + 1e-6)


def test_learned_graph_starts_near_zero() -> None:
    graph = Adjacency(6, 2, adjacency(FORK)).learned
    torch.testing.assert_close(graph.detach(), torch.full_like(adjacency(FORK), 1e-6))


def test_branches_start_with_2s_agcns_spread() -> None:
    torch.manual_seed(0)
    mix = SubsetMix(128, 256, 3)
    assert math.isclose(float(mix.weight.detach().std()), math.sqrt(2 / (256 * 128 * 3)), rel_tol=0.02)
    assert not mix.bias.any()
