"""The published networks as `tests/model/published.py` writes them out, which the tests compare ours with."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from stgdn.errors import InputError
from stgdn.model.network import Network
from stgdn.skeleton import layout

ROOT = Path(__file__).parents[3]  # of the repository
WRITTEN_OUT = ("gcn", "st_gcn")  # blocks whose whole network was published


def published(network: Network, joints: str | Mapping[str, Any]) -> nn.Module:
    """The published network with the weights of `network`: the same function, computed as its authors do.

    2s-AGCN filters one subset of the graph after the other, each with convolutions of its own, and all bodies alike,
    whether they are there or not. ST-GCN has no dropout here.

    Args:
        network: ours.
        joints: the joint layout that it was built for.

    Raises:
        InputError: a network with blocks that were never published so, with options that the published ones lack, or a
            checkout without tests.
    """
    unlike = [block for block in network.block_names if block not in WRITTEN_OUT]
    if unlike:
        raise InputError(
            f"literal={network.name}: nobody has published block '{unlike[0]}'; give agcn, agcn_7l or st_gcn"
        )
    form, weights = (_from_tests(name) for name in ("published", "weights"))
    skeleton = layout(joints)
    classes, frames, bodies = network.classifier.out_features, network.clip_shape[1], network.clip_shape[3]
    rows = network.channels, network.strides
    if network.per_body_norm:
        graph = form.spatial_adjacency(skeleton, skeleton.root)
        theirs = form.STGCN(*rows, graph, num_classes=classes)
        weights.st_gcn(theirs, network)
    else:
        filters = [(("plain",), False)] * len(network.channels)
        graph = form.directed_adjacency(skeleton)
        theirs = form.AGCN(*rows, filters, graph, num_classes=classes, frames=frames, bodies=bodies)
        weights.agcn(theirs, network)
    return theirs


def _from_tests(name: str) -> ModuleType:
    """The module `tests/model/NAME.py`."""
    path = ROOT / "tests" / "model" / f"{name}.py"
    if not path.is_file():
        raise InputError(f"literal networks are in {path}, which this installation lacks: run in a full checkout")
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"tests.model.{name}")
    finally:
        sys.path.remove(str(ROOT))
