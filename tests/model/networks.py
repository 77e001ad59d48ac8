"""The eight networks, narrow and for short clips, and clips for them."""

from typing import Any

import torch
from torch import Tensor, nn

from stgdn.model.network import Network

SEVEN = {"channels": [64, 64, 64, 64, 128, 256, 256], "strides": [1, 1, 1, 1, 2, 2, 1]}
TEN = {"channels": [64, 64, 64, 64, 128, 128, 128, 256, 256, 256], "strides": [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]}
MIXED = ["gdcn", "gdcn", "gdcn", "gdcn", "gdn2", "gdn_t", "gdn_e"]
NETWORKS: dict[str, dict[str, Any]] = {
    "st_gcn": TEN | {"blocks": "st_gcn", "style": "st_gcn", "dropout": 0.5},
    "agcn": TEN | {"blocks": "gcn"},
    "agcn_7l": SEVEN | {"blocks": "gcn"},
    "st_gdn2": SEVEN | {"blocks": "gdn2"},
    "st_gdn_t": SEVEN | {"blocks": "gdn_t"},
    "st_gdn_e": SEVEN | {"blocks": "gdn_e"},
    "st_gdcn": SEVEN | {"blocks": "gdcn"},
    "st_gdn": SEVEN | {"blocks": MIXED},
}
T, V, CLASSES = 9, 20, 5


def network(name: str, **options: Any) -> Network:  # noqa: ANN401
    """A narrow network for short clips of 20 joints, in float64."""
    torch.manual_seed(0)
    small = {"num_classes": CLASSES, "frames": T, "layout": "kinect20", "width": 0.125}
    return Network(**(NETWORKS[name] | small | options)).double()


def clips(N: int = 3, *, frames: int = T, seed: int = 0) -> Tensor:
    """Clips (N, 3, T, V, 2): the first without a second body, the second with its last frames missing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(N, 3, frames, V, 2, generator=generator, dtype=torch.float64).cumsum(dim=2).cumsum(dim=3) / 4
    x[:, :, :, 1] = 0  # clips are centred on a joint
    x[:, 0, 0] = 0  # and a body seen may stand in one plane with it
    x[0, ..., 1] = 0
    if N > 1:
        x[1, :, frames - 3 :] = 0
        x[1, :, frames - 5 :, :, 1] = 0
    return x


def parts(net: Network, kind: type[nn.Module]) -> list[Any]:
    """All modules of a kind."""
    return [part for part in net.modules() if isinstance(part, kind)]
