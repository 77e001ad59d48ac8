"""Steps on this processor, in a process of their own: a kernel that writes out of bounds ends that process only."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.model.networks import CLASSES, NETWORKS
from torch import Tensor, nn

from stgdn.model.convolution import FrameConvolution
from stgdn.model.network import Network

# Numbers of frames by width; agcn has the layers of agcn_7l and st_gdn those of its other variants.
FRAMES = {1 / 16: (16, 52, 300), 1 / 8: (16, 64, 300), 1 / 4: (16, 100), 1: (16,)}
ROOT = Path(__file__).parents[2]
TIMES = 12  # of 12 runs none survived what oneDNN wrote out of bounds
ROUNDING = 1e-3  # relative L2 of gradients in float32


def error(found: list[Tensor], expected: list[Tensor]) -> float:
    """Return how far tensors are from others in float64, relative L2 of all together."""
    flat = [torch.cat([part.double().flatten() for part in parts]) for parts in (found, expected)]
    return float((flat[0] - flat[1]).norm() / flat[1].norm())


def try_convolution(C_in: int, C_out: int, kernel_size: int, frames: int) -> None:
    """Take the gradient of a convolution of every second frame, channels last in memory."""
    torch.manual_seed(0)
    convolution = FrameConvolution(C_in, C_out, kernel_size, stride=2)
    convolution.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    exact = nn.Conv2d(C_in, C_out, (kernel_size, 1), (2, 1), (kernel_size // 2, 0)).double()
    exact.load_state_dict(convolution.state_dict())
    x = torch.randn(4, C_in, frames, 25).contiguous(memory_format=torch.channels_last).requires_grad_()
    x64 = x.detach().double().contiguous().requires_grad_()
    for _ in range(TIMES):
        y, y64 = convolution(x), exact(x64)
        found = torch.autograd.grad(y.sin().sum(), [x, *convolution.parameters()])
        expected = torch.autograd.grad(y64.sin().sum(), [x64, *exact.parameters()])
        assert error([y, *found], [y64, *expected]) < 1e-5


def try_network(name: str, width: float, frames: int) -> None:
    """Take the gradients of a network, twice; with ELU, whose gradient does not jump where rounding decides."""
    F.relu_ = F.elu_
    torch.manual_seed(0)
    settings = {"num_classes": CLASSES, "frames": frames, "width": width, "dropout": 0.0}
    network = Network(**(NETWORKS[name] | settings))
    clips = torch.randn(2, 3, frames, 25, 2).cumsum(dim=2) / 4
    for _ in range(2):
        gradients = []
        for one in (network, copy.deepcopy(network).double()):
            loss = F.cross_entropy(one(clips.to(one.classifier.weight.dtype)), torch.arange(2))
            gradients.append(list(torch.autograd.grad(loss, list(one.parameters()))))
        assert error(*gradients) < ROUNDING


def in_a_process(*calls: str) -> None:
    """Make calls of this module's functions in a new process, with PyTorch's own choice of kernels."""
    program = "\n".join([f"import sys; sys.path.insert(0, {str(ROOT)!r})", "from tests.model.test_processors import *"])
    program += "".join(f"\nprint({call!r}, flush=True); {call}" for call in calls)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False)
    last = ended.stdout.splitlines()[-1:]
    assert ended.returncode == 0, f"exit code {ended.returncode} in {last}: {ended.stderr[-2000:]}"


def test_convolutions_of_every_second_frame_stay_in_bounds() -> None:
    shapes = [(C_in, C_out, size) for C_in, C_out in ((3, 8), (4, 8), (8, 8), (8, 16), (16, 32)) for size in (1, 9)]
    in_a_process(*(f"try_convolution{(*shape, 64)}" for shape in shapes))


@pytest.mark.parametrize("width", FRAMES)
def test_networks_of_every_width_and_length_stay_in_bounds(width: float) -> None:
    names = ("st_gcn", "agcn", "st_gdn", "ctr_gcn") if width < 1 else ("agcn_7l", "st_gdn")
    names += ("st_gcn_pp",) if 1 / 16 < width < 1 else ()  # it needs six channels
    in_a_process(*(f"try_network({name!r}, {width}, {T})" for name in names for T in FRAMES[width]))
