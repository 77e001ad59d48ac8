"""Which weight of ours is which weight of the literal networks."""

from typing import Any

import torch
from torch import nn

from . import published


def same(literal: nn.Module | None, ours: nn.Module | None) -> None:
    """Copy modules whose states have the same entries in the same order."""
    if literal is None or ours is None:
        assert literal is None
        assert ours is None
        return
    literal.load_state_dict(dict(zip(literal.state_dict(), ours.state_dict().values(), strict=True)))


@torch.no_grad()
def spatial_filter(literal: published.SpatialFilter, ours: Any) -> None:  # noqa: ANN401
    """One convolution of ours is 2s-AGCN's conv_a, conv_b or conv_d of all three subsets."""
    if "learned" in ours.adjacency.terms:
        literal.PA.copy_(ours.adjacency.learned)
    for i in range(3):
        if "attention" in ours.adjacency.terms:
            weight, bias = ours.adjacency.embedding.weight, ours.adjacency.embedding.bias
            C_e = len(bias) // 6
            for place, conv in ((i, literal.conv_a[i]), (3 + i, literal.conv_b[i])):
                assert isinstance(conv, nn.Conv2d)
                assert conv.bias is not None
                conv.weight.copy_(weight[place * C_e : (place + 1) * C_e])
                conv.bias.copy_(bias[place * C_e : (place + 1) * C_e])
        for source, convolutions in literal.conv_d.items():
            mix = ours.theta_deconvolution if source != "plain" and len(literal.conv_d) == 2 else ours.theta
            assert isinstance(convolutions, nn.ModuleList)
            conv = convolutions[i]
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            conv.weight.copy_(mix.weight[:, i, :, None, None])
            conv.bias.copy_(mix.bias[i])


def unit(literal: published.Unit, ours: Any) -> None:  # noqa: ANN401
    """2s-AGCN's layer."""
    spatial_filter(literal.gcn1.filter, ours.spatial)
    same(literal.gcn1.bn, ours.spatial_norm)
    same(literal.gcn1.down, ours.down)
    same(literal.tcn1.conv, ours.temporal.theta)
    same(literal.tcn1.bn, ours.temporal_norm)
    same(literal.residual, ours.residual)


@torch.no_grad()
def st_gcn_unit(literal: published.STGCNUnit, ours: Any) -> None:  # noqa: ANN401
    """ST-GCN's layer."""
    literal.importance.copy_(ours.spatial.edge_mask)
    same(literal.conv, ours.spatial.theta)
    same(literal.bn, ours.spatial_norm)
    same(literal.temporal, ours.temporal.theta)
    same(literal.temporal_bn, ours.temporal_norm)
    same(literal.residual, ours.residual)


def agcn(literal: published.AGCN, ours: Any) -> None:  # noqa: ANN401
    """The whole of 2s-AGCN."""
    same(literal.data_bn, ours.input_norm)
    for theirs, layer in zip(literal.layers, ours.layers, strict=True):
        assert isinstance(theirs, published.Unit)
        unit(theirs, layer)
    same(literal.fc, ours.classifier)


@torch.no_grad()
def st_gcn(literal: published.STGCN, ours: Any) -> None:  # noqa: ANN401
    """The whole of ST-GCN; its last layer is a 1×1 convolution."""
    same(literal.data_bn, ours.input_norm)
    for theirs, layer in zip(literal.layers, ours.layers, strict=True):
        assert isinstance(theirs, published.STGCNUnit)
        st_gcn_unit(theirs, layer)
    literal.fcn.weight.copy_(ours.classifier.weight[:, :, None, None])
    assert literal.fcn.bias is not None
    literal.fcn.bias.copy_(ours.classifier.bias)
