"""The literal form of a network with its weights: which weight of the fast form is which of the literal one."""

from typing import Any

import torch
from torch import nn

from stgdn.model import literal_networks
from stgdn.model.network import Network
from stgdn.skeleton import Layout

# Block: the sources that its spatial filter sums, and whether its temporal filter whitens frames.
FILTERS = {
    "gcn": (("plain",), False),
    "gdn2": (("node",), False),
    "gdcn": (("plain", "node"), False),
    "gdn_t": (("plain",), True),
    "gdn_e": (("node",), True),
    "gdn_c": (("channel",), False),
}


def literal_network(network: Network, skeleton: Layout) -> literal_networks.AGCN | literal_networks.STGCN:
    """Return the same function as `network` in its literal form, with the same weights; ST-GCN without dropout.

    Args:
        network: one of the eight, not folded; whitening with its default options.
        skeleton: the joint layout that it was built for.
    """
    rows, dtype = (network.channels, network.strides), network.classifier.weight.dtype
    classes, (_, frames, _, bodies) = network.classifier.out_features, network.clip_shape
    if network.per_body_norm:
        graph = literal_networks.spatial_adjacency(skeleton, skeleton.root)
        st_gcn = literal_networks.STGCN(*rows, graph, num_classes=classes).to(dtype)
        copy_st_gcn(st_gcn, network)
        return st_gcn
    graph, filters = literal_networks.directed_adjacency(skeleton), [FILTERS[name] for name in network.block_names]
    agcn = literal_networks.AGCN(*rows, filters, graph, num_classes=classes, frames=frames, bodies=bodies).to(dtype)
    copy_agcn(agcn, network)
    return agcn


def copy_state(literal: nn.Module | None, ours: nn.Module | None) -> None:
    """Copy the state of a module to one whose state has the same entries in the same order."""
    if literal is None or ours is None:
        assert literal is None
        assert ours is None
        return
    literal.load_state_dict(dict(zip(literal.state_dict(), ours.state_dict().values(), strict=True)))


@torch.no_grad()
def copy_spatial_filter(literal: literal_networks.SpatialFilter, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of a filter: one convolution of ours is 2s-AGCN's conv_a, conv_b or conv_d of all subsets."""
    if "learned" in ours.adjacency.terms:
        literal.PA.copy_(ours.adjacency.learned)
    for i in range(3):
        if "attention" in ours.adjacency.terms:
            weight, bias = ours.adjacency.embedding.weight, ours.adjacency.embedding.bias
            C_e = len(bias) // 6
            for part, conv in ((i, literal.conv_a[i]), (3 + i, literal.conv_b[i])):
                assert isinstance(conv, nn.Conv2d)
                assert conv.bias is not None
                conv.weight.copy_(weight[part * C_e : (part + 1) * C_e])
                conv.bias.copy_(bias[part * C_e : (part + 1) * C_e])
        for source, convolutions in literal.conv_d.items():
            mix = ours.theta_deconvolution if source != "plain" and len(literal.conv_d) == 2 else ours.theta
            assert isinstance(convolutions, nn.ModuleList)
            conv = convolutions[i]
            assert isinstance(conv, nn.Conv2d)
            assert conv.bias is not None
            conv.weight.copy_(mix.weight[:, i, :, None, None])
            conv.bias.copy_(mix.bias[i])


def copy_unit(literal: literal_networks.Unit, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of 2s-AGCN's layer."""
    copy_spatial_filter(literal.gcn1.filter, ours.spatial)
    copy_state(literal.gcn1.bn, ours.spatial_norm)
    copy_state(literal.gcn1.down, ours.down)
    copy_state(literal.tcn1.conv, ours.temporal.theta)
    copy_state(literal.tcn1.bn, ours.temporal_norm)
    copy_state(literal.residual, ours.residual)


@torch.no_grad()
def copy_st_gcn_unit(literal: literal_networks.STGCNUnit, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of ST-GCN's layer."""
    literal.importance.copy_(ours.spatial.edge_mask)
    copy_state(literal.conv, ours.spatial.theta)
    copy_state(literal.bn, ours.spatial_norm)
    copy_state(literal.temporal, ours.temporal.theta)
    copy_state(literal.temporal_bn, ours.temporal_norm)
    copy_state(literal.residual, ours.residual)


def copy_agcn(literal: literal_networks.AGCN, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of the whole of 2s-AGCN."""
    copy_state(literal.data_bn, ours.input_norm)
    for theirs, layer in zip(literal.layers, ours.layers, strict=True):
        assert isinstance(theirs, literal_networks.Unit)
        copy_unit(theirs, layer)
    copy_state(literal.fc, ours.classifier)


@torch.no_grad()
def copy_st_gcn(literal: literal_networks.STGCN, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of the whole of ST-GCN; its last layer is a 1×1 convolution."""
    copy_state(literal.data_bn, ours.input_norm)
    for theirs, layer in zip(literal.layers, ours.layers, strict=True):
        assert isinstance(theirs, literal_networks.STGCNUnit)
        copy_st_gcn_unit(theirs, layer)
    literal.fcn.weight.copy_(ours.classifier.weight[:, :, None, None])
    assert literal.fcn.bias is not None
    literal.fcn.bias.copy_(ours.classifier.bias)
