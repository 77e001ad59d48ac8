"""Distance of float32 from float64: ours against the literal form in contiguous memory, as in the published code."""

import copy
import os

import pytest
import torch
import torch.nn.functional as F
from tests.model.networks import CLASSES, NETWORKS, mean_and_covariance_at_once
from tests.model.test_whitening import features
from torch import Tensor, nn

from stgdn.model import literal_networks
from stgdn.model.literal_weights import literal_network
from stgdn.model.network import Network
from stgdn.model.norm import BatchNorm
from stgdn.model.whitening import Whitening
from stgdn.skeleton import layout

WIDTH = float(os.environ.get("STGDN_PRECISION_WIDTH", "0.0625"))  # 1, and all networks at 300 frames: half an hour
LONG = NETWORKS if "STGDN_PRECISION_WIDTH" in os.environ else ("agcn_7l", "st_gdn_e")
CASES = [*((name, 16, 64) for name in NETWORKS), *((name, 8, 300) for name in LONG)]  # network, clips, frames


@pytest.fixture
def smooth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every ReLU be an ELU: where rounding decides on which side of ReLU's kink a feature is, gradients jump."""
    monkeypatch.setattr(F, "relu_", F.elu_)
    monkeypatch.setattr(F, "relu", lambda x, inplace=False: F.elu(x))  # noqa: ARG005
    fast = staticmethod(mean_and_covariance_at_once)
    monkeypatch.setattr(literal_networks.Deconvolution, "statistics", fast)


def recordings(N: int, frames: int) -> Tensor:
    """Return clips (N, 3, T, 25, 2), centred as batches are; half of them have one body, one ends early."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, 3, frames, 25, 2, generator=generator).cumsum(dim=2).cumsum(dim=3) / 4
    x -= x[:, :, :1, 1:2, :1].clone()
    x[: N // 2, ..., 1] = 0
    x[1, :, frames - 3 :] = 0
    return x


def errors(net: nn.Module, x: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return how far logits and gradients in float32 are from those in float64, relative L2."""
    found = []
    for one in (net, copy.deepcopy(net).double()):
        scores = one(x.to(next(one.parameters()).dtype))
        gradients = torch.autograd.grad(F.cross_entropy(scores, labels), list(one.parameters()))
        found.append([scores.detach().double(), torch.cat([part.double().flatten() for part in gradients])])
    logits, gradients = (float((a - b).norm() / b.norm()) for a, b in zip(*found, strict=True))
    return logits, gradients


@pytest.mark.usefixtures("smooth")
@pytest.mark.parametrize(("name", "N", "frames"), CASES)
def test_float32_is_as_exact_as_the_literal_form(name: str, N: int, frames: int) -> None:
    torch.manual_seed(0)
    width = max(WIDTH, 0.125) if name == "st_gcn_pp" else WIDTH  # it needs six channels, one for each branch
    settings = {"num_classes": CLASSES, "frames": frames, "width": width, "dropout": 0.0}
    net = Network(**(NETWORKS[name] | settings))
    x, labels = recordings(N, frames), torch.arange(N) % CLASSES
    theirs = errors(literal_network(net, layout("ntu25")), x, labels)
    ours = errors(net, x, labels)
    message = "logits and gradients: ours {:.1e} {:.1e}, literal {:.1e} {:.1e}".format(*ours, *theirs)
    print(name, N, frames, message)
    assert all(mine <= 2 * other for mine, other in zip(ours, theirs, strict=True)), message


@pytest.mark.parametrize("shape", [(8, 64, 64, 25), (64, 32, 300, 25), (3, 8, 7, 17)])
def test_batch_norm_sums_up_as_exactly_as_torch_does_in_contiguous_memory(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = 3 + torch.randn(shape, generator=generator)
    norm = BatchNorm(shape[1], momentum=1.0)
    norm(x.contiguous(memory_format=torch.channels_last))
    exact = x.double().var(dim=(0, 2, 3)), x.double().mean(dim=(0, 2, 3))
    assert norm.running_var is not None
    assert norm.running_mean is not None
    for found, expected in zip((norm.running_var, norm.running_mean), exact, strict=True):
        assert float(((found - expected) / expected).abs().max()) < 3e-7


@pytest.mark.parametrize("axis", ["node", "frame", "channel"])
@pytest.mark.parametrize("training", [True, False])
def test_whitening_is_exact_far_from_zero(axis: str, training: bool) -> None:
    x = features(16, shape=(8, 16, 20)).float()
    size = x.shape[{"channel": 1, "frame": 2, "node": 3}[axis]]
    layers = [Whitening(axis, size, momentum=1.0) for _ in range(2)]
    moved = x + 1000
    for layer, values in zip(layers, (moved - 1000, moved), strict=True):  # what float32 leaves of x so far from zero
        layer(values)
        layer.train(training)
    torch.testing.assert_close(layers[1](moved), layers[0](moved - 1000), atol=1e-2, rtol=0)


@pytest.mark.parametrize("axis", ["node", "frame"])
def test_gradients_are_exact_far_from_zero(axis: str) -> None:
    x = features(16, shape=(8, 16, 20)).float()
    moved = (x + 1000).requires_grad_()
    layer = Whitening(axis, x.shape[2 if axis == "frame" else 3])
    found = []
    for values in (moved, moved.detach().double().requires_grad_()):
        mean, root = layer.transform(values)
        found.append(torch.autograd.grad((mean.sum() + root.square().sum()), values)[0].double())
    assert float((found[0] - found[1]).norm() / found[1].norm()) < 1e-3
