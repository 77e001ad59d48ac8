"""Networks start as 2s-AGCN, CTR-GCN, ST-GCN and ST-GCN++ start."""

import math
from typing import Any

import pytest
import torch
from tests.model.networks import NETWORKS, network, parts
from torch import nn

from stgdn.model import literal_networks
from stgdn.model.block import Block
from stgdn.model.network import Network
from stgdn.model.norm import BatchNorm
from stgdn.model.spatial import Adjacency
from stgdn.skeleton import layout


@pytest.mark.parametrize("name", ["agcn", "st_gdn"])
def test_blocks_start_as_their_residual(name: str) -> None:
    for layer in parts(network(name), Block):
        torch.testing.assert_close(layer.spatial_norm.weight.detach(), torch.full_like(layer.spatial_norm.weight, 1e-6))
        torch.testing.assert_close(layer.temporal_norm.weight.detach(), torch.ones_like(layer.temporal_norm.weight))
    for graph in parts(network(name), Adjacency):
        torch.testing.assert_close(graph.learned.detach(), torch.full_like(graph.learned, 1e-6))


def test_convolutions_start_by_fan_out_and_the_classifier_by_its_classes() -> None:
    torch.manual_seed(0)
    net = Network(**NETWORKS["st_gdn"], num_classes=60, frames=16)
    for layer in (net.layers[4], net.layers[5]):
        assert isinstance(layer, Block)
        assert layer.down is not None
        assert layer.residual is not None
        temporal, down, residual = (
            layer.temporal.theta,
            *(next(iter(p.children())) for p in (layer.down, layer.residual)),
        )
        for convolution, fan_out in ((temporal, 9), (down, 1), (residual, 1)):
            assert isinstance(convolution, nn.Conv2d)
            spread = math.sqrt(2 / (fan_out * convolution.out_channels))
            assert math.isclose(float(convolution.weight.detach().std()), spread, rel_tol=0.03)
            assert convolution.bias is not None
            assert not convolution.bias.any()
    assert math.isclose(float(net.classifier.weight.detach().std()), math.sqrt(2 / 60), rel_tol=0.03)


def test_ctr_gcn_starts_as_published() -> None:
    torch.manual_seed(0)
    net = Network(**NETWORKS["ctr_gcn"], num_classes=60, frames=16)
    layer: Any = net.layers[7]  # 128 to 256 channels, comparing joints in 16 and sharing out 256 among four branches
    spatial, temporal, (down, _), (residual, _) = layer.spatial, layer.temporal, layer.down, layer.residual
    fan_outs = {spatial.embedding: 16, spatial.refinement: 256, spatial.theta: 256, down: 256, residual: 256}
    fan_outs |= {temporal.head: 64, temporal.point: 64} | dict.fromkeys(temporal.dilated, 5 * 64)
    for convolution, fan_out in fan_outs.items():
        values = convolution.weight.detach()
        assert math.isclose(float(values.std()), math.sqrt(2 / fan_out), rel_tol=0.03)
        assert abs(float(values.mean())) < 0.03 * math.sqrt(2 / fan_out)
        assert math.isclose(float(values.pow(4).mean() / values.var() ** 2), 3, rel_tol=0.1)  # of a normal distribution
        assert not convolution.bias.any()
    for norm in (layer.temporal_norm, temporal.head_norm):
        assert math.isclose(float(norm.weight.detach().std()), 0.02, rel_tol=0.15)
        assert math.isclose(float(norm.weight.detach().mean()), 1, abs_tol=0.01)
    for norm in (layer.down[1], layer.residual[1], *parts(net, BatchNorm)[:1]):  # the first is the input's
        assert norm.weight.eq(1).all()
    assert layer.spatial_norm.weight.detach().eq(1e-6).all()
    assert not any(norm.bias.any() for norm in parts(net, BatchNorm))
    assert math.isclose(float(net.classifier.weight.detach().std()), math.sqrt(2 / 60), rel_tol=0.03)


def test_st_gcn_starts_as_torch_starts() -> None:
    torch.manual_seed(0)
    net = Network(**NETWORKS["st_gcn"], num_classes=60, frames=16)
    for layer in parts(net, Block):
        assert layer.spatial_norm.weight.detach().eq(1).all()
        assert layer.spatial.edge_mask.detach().eq(1).all()
    last = net.layers[-1]
    assert isinstance(last, Block)
    for module in (last.temporal.theta, net.classifier):
        assert isinstance(module, nn.Conv2d | nn.Linear)
        bound = module.weight[0].numel() ** -0.5
        assert math.isclose(float(module.weight.detach().abs().max()), bound, rel_tol=0.01)
        assert module.bias is not None
        assert module.bias.any()


def test_st_gcn_pp_starts_as_torch_starts_with_a_small_classifier() -> None:
    torch.manual_seed(0)
    net = Network(**NETWORKS["st_gcn_pp"], num_classes=60, frames=16)
    skeleton = literal_networks.directed_adjacency(layout("ntu25"))
    for layer in parts(net, Block):
        torch.testing.assert_close(layer.spatial.graph.detach(), skeleton)
    for norm in parts(net, BatchNorm):
        assert norm.weight.detach().eq(1).all()
        assert not norm.bias.any()
    last: Any = net.layers[-1]
    for module in (last.spatial.theta, last.temporal.head, *last.temporal.dilated, last.temporal.mix):
        bound = module.weight[0].numel() ** -0.5
        assert math.isclose(float(module.weight.detach().abs().max()), bound, rel_tol=0.01)
        assert module.bias.any()
    assert math.isclose(float(net.classifier.weight.detach().std()), 0.01, rel_tol=0.03)
    assert not net.classifier.bias.any()
