"""The published networks in their literal form, which the benchmark measures beside ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from stgdn.errors import InputError
from stgdn.model.literal_weights import literal_network
from stgdn.model.network import Network
from stgdn.skeleton import layout

ROOT = Path(__file__).parents[3]  # of the repository
PUBLISHED_BLOCKS = ("gcn", "st_gcn")  # blocks whose whole network was published


def published(network: Network, joints: str | Mapping[str, Any]) -> nn.Module:
    """Return the published network with the weights of `network`: the same function, computed as its authors do.

    2s-AGCN filters one subset of the graph after the other, each with convolutions of its own, and computes all bodies
    alike, also empty ones. ST-GCN has no dropout here.

    Args:
        network: ours.
        joints: the joint layout that it was built for.

    Raises:
        InputError: the network has blocks that were never published.
    """
    unpublished = [block for block in network.block_names if block not in PUBLISHED_BLOCKS]
    if unpublished:
        raise InputError(
            f"literal={network.name}: nobody has published block '{unpublished[0]}'; give agcn, agcn_7l or st_gcn"
        )
    return literal_network(network, layout(joints))
