"""The ten networks, narrow and for short clips, clips for them, and weights at which no term can hide."""

from typing import Any

import torch
from torch import Tensor, nn

from stgdn.model import literal
from stgdn.model.network import Network
from stgdn.model.norm import BatchNorm

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
    "st_gcn_pp": TEN | {"blocks": "st_gcn_pp", "style": "st_gcn_pp", "kernel_size": 3},
    "ctr_gcn": TEN | {"blocks": "ctr_gcn", "kernel_size": 5},
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


@torch.no_grad()
def scramble(module: nn.Module, seed: int = 0) -> None:
    """Give every parameter, and every BatchNorm's running state, a value of its own.

    Untrained networks have 1e-6 in front of their graph filters, which would hide any mistake in them.
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        scale = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.2
        parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    for part in module.modules():
        if isinstance(part, BatchNorm):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.weight.copy_(0.5 + torch.rand(part.weight.shape, generator=generator))
            part.running_mean.copy_(0.1 * torch.randn(part.running_mean.shape, generator=generator))
            part.running_var.copy_(0.5 + torch.rand(part.running_var.shape, generator=generator))


def scrambled(name: str, **options: Any) -> Network:  # noqa: ANN401
    """A narrow network whose weights all matter."""
    net = network(name, **options)
    scramble(net)
    return net


def same_step(ours: Network, theirs: Network, N: int) -> None:
    """Scores, gradients and running statistics of one step in training."""
    x = clips(N)
    x[: N - 2, ..., 1] = 0
    scores = []
    for net in (ours, theirs):
        net.train().zero_grad()
        torch.manual_seed(1)
        scores.append(net(x))
        scores[-1].sin().sum().backward()
    torch.testing.assert_close(*scores, atol=1e-11, rtol=0)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-10, rtol=1e-8)
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-11, rtol=0)


def mean_and_covariance_at_once(
    x: Tensor, axis: str, seen: Tensor | None = None, patch: int = 1
) -> tuple[Tensor, Tensor]:
    """Return the result of `literal.mean_and_covariance` by one product; for nodes and frames only."""
    assert axis != "channel"
    assert patch == 1
    seen = literal.all_seen(x) if seen is None else seen
    x = x[seen.any(1)]
    present = seen[seen.any(1)].to(x.dtype)[:, None, :, None].expand_as(x)
    if axis == "node":
        values, present = (part.reshape(-1, x.shape[3]) for part in (x, present))
        values, present = values[present[:, 0] > 0], present[present[:, 0] > 0]
    else:
        values, present = (part.transpose(2, 3).reshape(-1, x.shape[2]) for part in (x, present))
    mean = (values * present).sum(0) / present.sum(0).clamp(min=1)
    deviations = (values - mean) * present
    return mean, deviations.T @ deviations / max(1, len(values))
