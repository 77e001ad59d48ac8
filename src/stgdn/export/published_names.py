"""Names of the published code's weights for each weight of ours.

| ours (`layers.N`, N from 0) | 2s-AGCN (lshiwjx/2s-AGCN, `l1` to `l10`) | how |
|---|---|---|
| input_norm | data_bn | both in the order M·V·C |
| layers.N.spatial.adjacency.learned | l(N+1).gcn1.PA | |
| layers.N.spatial.adjacency.embedding | conv_a.0, 1, 2, conv_b.0, 1, 2 of l(N+1).gcn1 | one behind the other |
| layers.N.spatial.theta | conv_d.0, 1, 2 of l(N+1).gcn1 | side by side, (C_out, K, C) |
| layers.N.spatial_norm, layers.N.down | l(N+1).gcn1.bn, l(N+1).gcn1.down | |
| layers.N.temporal.theta, layers.N.temporal_norm | l(N+1).tcn1.conv, l(N+1).tcn1.bn | |
| layers.N.residual.0, 1 | l(N+1).residual.conv, l(N+1).residual.bn | |
| classifier | fc | |

| ours | ST-GCN (yysijie/st-gcn, `net/st_gcn.py`) | how |
|---|---|---|
| input_norm | data_bn | both in the order V·C |
| layers.N.spatial.theta | st_gcn_networks.N.gcn.conv | |
| layers.N.spatial.edge_mask | edge_importance.N | |
| layers.N.spatial_norm, layers.N.temporal_norm | st_gcn_networks.N.tcn.0, .tcn.3 | |
| layers.N.temporal.theta | st_gcn_networks.N.tcn.2 | |
| layers.N.residual | st_gcn_networks.N.residual | |
| classifier | fcn | a 1×1 convolution there |
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Join = Callable[[Sequence[Tensor]], Tensor]


class WeightSource(NamedTuple):
    """Hold the published weights that make one of ours.

    Attributes:
        names: of the published weights.
        join: makes our weight from them.
    """

    names: tuple[str, ...]
    join: Join


def unchanged(parts: Sequence[Tensor]) -> Tensor:
    """Return a single weight unchanged."""
    return parts[0]


def stack_subsets(parts: Sequence[Tensor]) -> Tensor:
    """Stack 1×1 convolutions (C_out, C, 1, 1) of K subsets to (C_out, K, C), their biases (C_out,) to (K, C_out)."""
    if parts[0].dim() == 1:
        return torch.stack(list(parts))
    return torch.stack([part.flatten(1) for part in parts], dim=1)


def concatenate(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate convolutions along their output channels."""
    return torch.cat(list(parts))


def to_linear(parts: Sequence[Tensor]) -> Tensor:
    """Reshape a 1×1 convolution (C_out, C, 1, 1) to a linear layer (C_out, C)."""
    return parts[0].flatten(1) if parts[0].dim() == 4 and parts[0].shape[2:] == (1, 1) else parts[0]


class Origin(NamedTuple):
    """Describe published code whose weights can be imported.

    Attributes:
        paper: the authors' name for it.
        code: the repository.
        filters: the block that all layers of our network must have.
        model: this suite's name of the network.
        mark: a weight name that identifies its files.
        rules: (pattern of our name, published names, how they are joined); {layer} counts from 0, {number} from 1.
        leftover: published entries that our network does not have.
    """

    paper: str
    code: str
    filters: str
    model: str
    mark: str
    rules: tuple[tuple[str, tuple[str, ...], Join], ...]
    leftover: tuple[str, ...] = ()

    def source_of(self, name: str) -> WeightSource:
        """Return the published weights that make our weight `name`."""
        for pattern, names, join in self.rules:
            if match := re.fullmatch(pattern, name):
                layer = int(match.groupdict().get("layer") or 0)
                rest = match["rest"]
                return WeightSource(
                    tuple(theirs.format(layer=layer, number=layer + 1, rest=rest) for theirs in names), join
                )
        raise KeyError(name)


LAYER, REST = r"layers\.(?P<layer>\d+)\.", r"\.(?P<rest>.+)"
SUBSETS = range(3)

AGCN = Origin(
    paper="2s-AGCN",
    code="github.com/lshiwjx/2s-AGCN",
    filters="gcn",
    model="agcn",
    mark="l1.gcn1.PA",
    rules=(
        ("input_norm" + REST, ("data_bn.{rest}",), unchanged),
        (LAYER + r"spatial\.adjacency\.(?P<rest>learned)", ("l{number}.gcn1.PA",), unchanged),
        (
            LAYER + r"spatial\.adjacency\.embedding" + REST,
            tuple(f"l{{number}}.gcn1.conv_{which}.{k}.{{rest}}" for which in "ab" for k in SUBSETS),
            concatenate,
        ),
        (
            LAYER + r"spatial\.theta" + REST,
            tuple(f"l{{number}}.gcn1.conv_d.{k}.{{rest}}" for k in SUBSETS),
            stack_subsets,
        ),
        (LAYER + "spatial_norm" + REST, ("l{number}.gcn1.bn.{rest}",), unchanged),
        (LAYER + "down" + REST, ("l{number}.gcn1.down.{rest}",), unchanged),
        (LAYER + r"temporal\.theta" + REST, ("l{number}.tcn1.conv.{rest}",), unchanged),
        (LAYER + "temporal_norm" + REST, ("l{number}.tcn1.bn.{rest}",), unchanged),
        (LAYER + r"residual\.0" + REST, ("l{number}.residual.conv.{rest}",), unchanged),
        (LAYER + r"residual\.1" + REST, ("l{number}.residual.bn.{rest}",), unchanged),
        ("classifier" + REST, ("fc.{rest}",), unchanged),
    ),
)

ST_GCN = Origin(
    paper="ST-GCN",
    code="github.com/yysijie/st-gcn",
    filters="st_gcn",
    model="st_gcn",
    mark="st_gcn_networks.0.gcn.conv.weight",
    rules=(
        ("input_norm" + REST, ("data_bn.{rest}",), unchanged),
        (LAYER + r"spatial\.(?P<rest>edge_mask)", ("edge_importance.{layer}",), unchanged),
        (LAYER + r"spatial\.theta" + REST, ("st_gcn_networks.{layer}.gcn.conv.{rest}",), unchanged),
        (LAYER + "spatial_norm" + REST, ("st_gcn_networks.{layer}.tcn.0.{rest}",), unchanged),
        (LAYER + r"temporal\.theta" + REST, ("st_gcn_networks.{layer}.tcn.2.{rest}",), unchanged),
        (LAYER + "temporal_norm" + REST, ("st_gcn_networks.{layer}.tcn.3.{rest}",), unchanged),
        (LAYER + "residual" + REST, ("st_gcn_networks.{layer}.residual.{rest}",), unchanged),
        ("classifier" + REST, ("fcn.{rest}",), to_linear),
    ),
    leftover=("A",),
)

ORIGINS = (AGCN, ST_GCN)
