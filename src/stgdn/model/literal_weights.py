"""The literal form of a network with its weights: which weight of the fast form is which of the literal one."""

from collections.abc import Sequence
from typing import Any

import torch

from stgdn.model import literal_networks
from stgdn.model.network import Network
from stgdn.skeleton import Layout

# Block: the sources that its spatial filter sums, and whether its temporal filter whitens frames; None: CTR-GCN's.
FILTERS: dict[str, tuple[tuple[str, ...], bool] | None] = {
    "gcn": (("plain",), False),
    "gdn2": (("node",), False),
    "gdcn": (("plain", "node"), False),
    "gdn_t": (("plain",), True),
    "gdn_e": (("node",), True),
    "gdn_c": (("channel",), False),
    "ctr_gcn": None,
}


def literal_network(network: Network, skeleton: Layout) -> literal_networks.AGCN | literal_networks.STGCN:
    """Return the same function as `network` in its literal form, with the same weights; ST-GCN without dropout.

    Args:
        network: one of conf/model, not folded; whitening with its default options.
        skeleton: the joint layout that it was built for.
    """
    rows, dtype = (network.channels, network.strides), network.classifier.weight.dtype
    classes, (_, frames, _, bodies) = network.classifier.out_features, network.clip_shape
    if "st_gcn_pp" in network.block_names:
        graph, unit = literal_networks.directed_adjacency(skeleton), literal_networks.STGCNPPUnit
        made = literal_networks.STGCN(*rows, graph, num_classes=classes, unit=unit).to(dtype)
    elif network.per_body_norm:
        graph = literal_networks.spatial_adjacency(skeleton, skeleton.root)
        made = literal_networks.STGCN(*rows, graph, num_classes=classes).to(dtype)
    else:
        graph, filters = literal_networks.directed_adjacency(skeleton), [FILTERS[name] for name in network.block_names]
        made = literal_networks.AGCN(*rows, filters, graph, num_classes=classes, frames=frames, bodies=bodies).to(dtype)
    copy_state(made.data_bn, network.input_norm)
    for literal, ours in zip(made.layers, network.layers, strict=True):
        COPIES[type(literal)](literal, ours)
    copy_state(made.fcn if isinstance(made, literal_networks.STGCN) else made.fc, network.classifier)
    return made


@torch.no_grad()
def copy_state(literal: Any, ours: Any) -> None:  # noqa: ANN401
    """Copy the state of a module to one whose state has the same entries in the same order, perhaps in other shapes."""
    states = [{} if module is None else module.state_dict() for module in (literal, ours)]
    for one, other in zip(*(state.values() for state in states), strict=True):
        one.copy_(other.view_as(one))


@torch.no_grad()
def copy_spatial_filter(literal: Any, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of a filter: one convolution of ours is 2s-AGCN's conv_a, conv_b or conv_d of all subsets."""
    if "learned" in ours.adjacency.terms:
        literal.PA.copy_(ours.adjacency.learned)
    if "attention" in ours.adjacency.terms:
        convolutions = [*literal.conv_a, *literal.conv_b]
        weights, biases = (part.chunk(len(convolutions)) for part in ours.adjacency.embedding.parameters())
        for convolution, weight, bias in zip(convolutions, weights, biases, strict=True):
            convolution.weight.copy_(weight)
            convolution.bias.copy_(bias)
    for source, convolutions in literal.conv_d.items():
        mix = ours.theta_deconvolution if source != "plain" and len(literal.conv_d) == 2 else ours.theta
        for k, convolution in enumerate(convolutions):
            convolution.weight.copy_(mix.weight[:, k, :, None, None])
            convolution.bias.copy_(mix.bias[k])


def copy_unit(literal: Any, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of 2s-AGCN's layer."""
    copy_spatial_filter(literal.gcn1.filter, ours.spatial)
    copy_state(literal.gcn1.bn, ours.spatial_norm)
    copy_state(literal.gcn1.down, ours.down)
    copy_state(literal.tcn1.conv, ours.temporal.theta)
    copy_state(literal.tcn1.bn, ours.temporal_norm)
    copy_state(literal.residual, ours.residual)


@torch.no_grad()
def copy_st_gcn_unit(literal: Any, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of ST-GCN's layer."""
    literal.importance.copy_(ours.spatial.edge_mask)
    copy_state(literal.conv, ours.spatial.theta)
    copy_state(literal.bn, ours.spatial_norm)
    copy_state(literal.temporal, ours.temporal.theta)
    copy_state(literal.temporal_bn, ours.temporal_norm)
    copy_state(literal.residual, ours.residual)


@torch.no_grad()
def copy_split(literals: Sequence[Any], ours: Any) -> None:  # noqa: ANN401
    """Copy the state of one module of ours to several, each of which has a share of its channels."""
    for entry, value in ours.state_dict().items():
        entries = [literal.state_dict()[entry] for literal in literals]
        parts = value.split([len(part) for part in entries]) if value.dim() else [value] * len(literals)
        for literal, part in zip(entries, parts, strict=True):
            literal.copy_(part)


def copy_branches(branches: Sequence[Any], temporal: Any) -> None:  # noqa: ANN401
    """Copy the weights of temporal branches, each of which has convolutions of its own; the last has one only."""
    *entered, last = branches
    copy_split([branch[0] for branch in entered], temporal.head)
    copy_split([branch[1] for branch in entered], temporal.head_norm)
    for branch, convolution in zip(entered, temporal.dilated, strict=False):
        copy_state(getattr(branch[3], "conv", branch[3]), convolution)
    copy_state(last[0], temporal.point)


@torch.no_grad()
def copy_ctr_gcn_unit(literal: Any, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of CTR-GCN's layer, whose branches and subsets have convolutions of their own."""
    spatial, (*scaled, last) = literal.gcn1, literal.tcn1.branches
    spatial.PA.copy_(ours.spatial.graph.mT)
    spatial.alpha.copy_(ours.spatial.alpha)
    copy_split([conv.conv1 for conv in spatial.convs] + [conv.conv2 for conv in spatial.convs], ours.spatial.embedding)
    copy_split([conv.conv3 for conv in spatial.convs], ours.spatial.theta)
    copy_split([conv.conv4 for conv in spatial.convs], ours.spatial.refinement)
    copy_state(spatial.bn, ours.spatial_norm)
    copy_state(spatial.down, ours.down)
    copy_branches(literal.tcn1.branches, ours.temporal)
    ends = [scaled[0][3].bn, scaled[1][3].bn, scaled[2][4], last[1]]
    copy_split(ends, ours.temporal_norm)
    copy_state(literal.residual, ours.residual)


@torch.no_grad()
def copy_st_gcn_pp_unit(literal: Any, ours: Any) -> None:  # noqa: ANN401
    """Copy the weights of ST-GCN++'s layer."""
    literal.gcn1.A.copy_(ours.spatial.graph)
    copy_state(literal.gcn1.conv, ours.spatial.theta)
    copy_state(literal.gcn1.bn, ours.spatial_norm)
    copy_state(literal.gcn1.down, ours.down)
    copy_branches(literal.tcn1.branches, ours.temporal)
    copy_state(literal.tcn1.transform[0], ours.temporal.mix_norm)
    copy_state(literal.tcn1.transform[2], ours.temporal.mix)
    copy_state(literal.tcn1.bn, ours.temporal_norm)
    copy_state(literal.residual, ours.residual)


COPIES: dict[type, Any] = {
    literal_networks.Unit: copy_unit,
    literal_networks.STGCNUnit: copy_st_gcn_unit,
    literal_networks.CTRUnit: copy_ctr_gcn_unit,
    literal_networks.STGCNPPUnit: copy_st_gcn_pp_unit,
}
