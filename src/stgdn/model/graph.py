"""Adjacencies of a joint layout, made from its bones.

`A` is (K, V, V) and a filter computes x A, so that A[k, i, j] is the weight of joint i in the sum for joint j.
"""

import torch
from torch import Tensor

from stgdn.errors import choose
from stgdn.skeleton import Layout


def normalise_columns(adjacency: Tensor) -> Tensor:
    """Scale every column of (..., V, V) to sum to one; empty columns stay empty."""
    degree = adjacency.sum(dim=-2, keepdim=True)
    return adjacency / degree.masked_fill(degree == 0, 1)


def directed_subsets(layout: Layout) -> Tensor:
    """Return the three subsets of 2s-AGCN: itself, inward (from the parent), outward (from the children), (3, V, V).

    Each is column-normalised on its own.
    """
    itself = torch.eye(layout.num_joints)
    inward = torch.zeros_like(itself)
    for child, parent in layout.bones:
        inward[parent, child] = 1
    return normalise_columns(torch.stack([itself, inward, inward.T]))


def spatial_subsets(layout: Layout) -> Tensor:
    """Return ST-GCN's spatial partition, (3, V, V): itself, neighbours not nearer to the centre, nearer neighbours.

    All three are normalised together. As in the published code distances to the centre are known up to one hop only:
    two joints that are both farther away count as equally far and are neighbours of the second subset.
    """
    linked = torch.eye(layout.num_joints)
    for child, parent in layout.bones:
        linked[child, parent] = linked[parent, child] = 1
    weights = normalise_columns(linked)
    itself = torch.eye(layout.num_joints, dtype=torch.bool)
    hops = torch.where(linked[:, layout.root] > 0, 1.0, torch.inf)
    hops[layout.root] = 0
    nearer = hops[:, None] < hops[None, :]  # the source is nearer to the centre than the target
    return torch.stack([weights * itself, weights * (~nearer & ~itself), weights * nearer])


SUBSETS = {"directed": directed_subsets, "spatial": spatial_subsets}


def adjacency(layout: Layout, subsets: str = "directed") -> Tensor:
    """Return the (K, V, V) adjacency of `layout`, its subsets as in 2s-AGCN ("directed") or ST-GCN ("spatial").

    Raises:
        InputError: an unknown name of subsets.
    """
    return SUBSETS[choose(subsets, SUBSETS, "way of making subsets")](layout)
