"""Names of the published code's weights for each weight of ours, as in the tables of docs/export.md."""

import re
from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

import torch
from torch import Tensor

Join = Callable[[list[Tensor]], Tensor]


def stack_subsets(parts: list[Tensor]) -> Tensor:
    """Stack 1×1 convolutions (C_out, C, 1, 1) of K subsets to (C_out, K, C), their biases (C_out,) to (K, C_out)."""
    if parts[0].dim() == 1:
        return torch.stack(parts)
    return torch.stack([part.flatten(1) for part in parts], dim=1)


def to_linear(parts: list[Tensor]) -> Tensor:
    """Reshape a 1×1 convolution (C_out, C, 1, 1) to a linear layer (C_out, C)."""
    return parts[0].flatten(1) if parts[0].dim() == 4 and parts[0].shape[2:] == (1, 1) else parts[0]


def join_channels(parts: list[Tensor]) -> Tensor:
    """Concatenate the weights of convolutions or BatchNorms along their channels; of counters take the first."""
    return torch.cat(parts) if parts[0].dim() else parts[0]


def transpose(parts: list[Tensor]) -> Tensor:
    """Transpose graphs (K, V, V) in which rows take and columns give."""
    return parts[0].mT


class WeightSource(NamedTuple):
    """Hold the published weights that make one of ours.

    Attributes:
        names: of the published weights.
        join: makes our weight from them; by default it is the only one.
    """

    names: tuple[str, ...]
    join: Join = itemgetter(0)


class Origin(NamedTuple):
    """Describe published code whose weights can be imported.

    Attributes:
        paper: the authors' name for it.
        code: the repository.
        filters: the block that all layers of our network must have.
        model: this suite's name of the network.
        mark: a weight name that identifies its files.
        sources: our names, or their beginnings, in which * is a layer from 0, and the published weights; there {layer}
            counts from 0, {number} from 1.
        leftover: published entries that our network does not have.
    """

    paper: str
    code: str
    filters: str
    model: str
    mark: str
    sources: dict[str, WeightSource]
    leftover: tuple[str, ...] = ()

    def source_of(self, name: str) -> WeightSource:
        """Return the published weights that make our weight `name`."""
        for ours, (names, join) in self.sources.items():
            if match := re.fullmatch(re.escape(ours).replace(r"\*", r"(?P<layer>\d+)") + r"(?P<rest>\..+)?", name):
                layer = int(match.groupdict().get("layer") or 0)
                theirs = (each.format(layer=layer, number=layer + 1) + (match["rest"] or "") for each in names)
                return WeightSource(tuple(theirs), join)
        raise KeyError(name)


AGCN = Origin(
    paper="2s-AGCN",
    code="github.com/lshiwjx/2s-AGCN",
    filters="gcn",
    model="agcn",
    mark="l1.gcn1.conv_a.0.weight",
    sources={
        "input_norm": WeightSource(("data_bn",)),
        "layers.*.spatial.adjacency.learned": WeightSource(("l{number}.gcn1.PA",)),
        "layers.*.spatial.adjacency.embedding": WeightSource(
            tuple(f"l{{number}}.gcn1.conv_{which}.{k}" for which in "ab" for k in range(3)), torch.cat
        ),
        "layers.*.spatial.theta": WeightSource(tuple(f"l{{number}}.gcn1.conv_d.{k}" for k in range(3)), stack_subsets),
        "layers.*.spatial_norm": WeightSource(("l{number}.gcn1.bn",)),
        "layers.*.down": WeightSource(("l{number}.gcn1.down",)),
        "layers.*.temporal.theta": WeightSource(("l{number}.tcn1.conv",)),
        "layers.*.temporal_norm": WeightSource(("l{number}.tcn1.bn",)),
        "layers.*.residual.0": WeightSource(("l{number}.residual.conv",)),
        "layers.*.residual.1": WeightSource(("l{number}.residual.bn",)),
        "classifier": WeightSource(("fc",)),
    },
)

ST_GCN = Origin(
    paper="ST-GCN",
    code="github.com/yysijie/st-gcn",
    filters="st_gcn",
    model="st_gcn",
    mark="st_gcn_networks.0.gcn.conv.weight",
    sources={
        "input_norm": WeightSource(("data_bn",)),
        "layers.*.spatial.edge_mask": WeightSource(("edge_importance.{layer}",)),
        "layers.*.spatial.theta": WeightSource(("st_gcn_networks.{layer}.gcn.conv",)),
        "layers.*.spatial_norm": WeightSource(("st_gcn_networks.{layer}.tcn.0",)),
        "layers.*.temporal.theta": WeightSource(("st_gcn_networks.{layer}.tcn.2",)),
        "layers.*.temporal_norm": WeightSource(("st_gcn_networks.{layer}.tcn.3",)),
        "layers.*.residual": WeightSource(("st_gcn_networks.{layer}.residual",)),
        "classifier": WeightSource(("fcn",), to_linear),
    },
    leftover=("A",),
)


def per_subset(convolutions: str) -> WeightSource:
    """Return the source of a weight that joins CTR-GCN's `convolutions`, such as conv1, of all three subsets."""
    names = (f"l{{number}}.gcn1.convs.{k}.{which}" for which in convolutions.split() for k in range(3))
    return WeightSource(tuple(names), torch.cat)


def per_branch(*parts: str) -> WeightSource:
    """Return the source of a weight that joins `parts` of CTR-GCN's temporal branches."""
    return WeightSource(tuple(f"l{{number}}.tcn1.branches.{part}" for part in parts), join_channels)


CTR_GCN = Origin(
    paper="CTR-GCN",
    code="github.com/Uason-Chen/CTR-GCN",
    filters="ctr_gcn",
    model="ctr_gcn",
    mark="l1.gcn1.alpha",
    sources={
        "input_norm": WeightSource(("data_bn",)),
        "layers.*.spatial.graph": WeightSource(("l{number}.gcn1.PA",), transpose),
        "layers.*.spatial.alpha": WeightSource(("l{number}.gcn1.alpha",)),
        "layers.*.spatial.embedding": per_subset("conv1 conv2"),
        "layers.*.spatial.theta": per_subset("conv3"),
        "layers.*.spatial.refinement": per_subset("conv4"),
        "layers.*.spatial_norm": WeightSource(("l{number}.gcn1.bn",)),
        "layers.*.down": WeightSource(("l{number}.gcn1.down",)),
        "layers.*.temporal.head": per_branch("0.0", "1.0", "2.0"),
        "layers.*.temporal.head_norm": per_branch("0.1", "1.1", "2.1"),
        "layers.*.temporal.dilated.0": per_branch("0.3.conv"),
        "layers.*.temporal.dilated.1": per_branch("1.3.conv"),
        "layers.*.temporal.point": per_branch("3.0"),
        "layers.*.temporal_norm": per_branch("0.3.bn", "1.3.bn", "2.4", "3.1"),
        "layers.*.residual.0": WeightSource(("l{number}.residual.conv",)),
        "layers.*.residual.1": WeightSource(("l{number}.residual.bn",)),
        "classifier": WeightSource(("fc",)),
    },
)

ORIGINS = (AGCN, ST_GCN, CTR_GCN)
