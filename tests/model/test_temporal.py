"""Temporal filters against sums over frames."""

import pytest
import torch
from tests.model.networks import scramble
from torch import Tensor

from stgdn.errors import InputError
from stgdn.model import literal
from stgdn.model.temporal import TCN, TDN

C, V = 3, 4


def features(frames: int) -> Tensor:
    """Four bodies (4, C, T, V) in float64, smooth along frames."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, C, frames, V, generator=generator, dtype=torch.float64).cumsum(dim=2)


@pytest.mark.parametrize("frames", [6, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [1, 3, 9])
def test_tcn_is_a_sum_over_frames(frames: int, stride: int, kernel_size: int) -> None:
    tcn, x = TCN(C, kernel_size=kernel_size, stride=stride).double(), features(frames)
    assert tcn.theta.bias is not None
    expected = literal.temporal_filter(x, tcn.theta.weight[..., 0], tcn.theta.bias, stride)
    assert expected.shape[2] == (frames + stride - 1) // stride
    torch.testing.assert_close(tcn(x, torch.zeros(2, 2, frames)), expected)


@pytest.mark.parametrize("frames", [6, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_tdn_is_tcn_on_whitened_frames(frames: int, stride: int) -> None:
    tdn, x = TDN(C, frames=frames, kernel_size=3, stride=stride).double(), features(frames)
    scramble(tdn)
    mask = torch.ones(2, 2, frames, dtype=torch.bool)
    mask[0, 1, 3:] = False
    mask[1, 1] = False
    assert tdn.theta.bias is not None
    weight, bias = tdn.theta.weight[..., 0], tdn.theta.bias
    expected = literal.temporal_deconvolution(x, weight, bias, stride, mask.flatten(0, 1))
    torch.testing.assert_close(tdn(x, mask), expected)


def test_tdn_gradients_are_those_of_whitening_first() -> None:
    tdn = TDN(C, frames=6, kernel_size=3).double()
    ours, theirs = features(6).requires_grad_(), features(6).requires_grad_()
    assert tdn.theta.bias is not None
    tdn(ours).square().sum().backward()
    literal.temporal_deconvolution(theirs, tdn.theta.weight[..., 0], tdn.theta.bias).square().sum().backward()
    assert theirs.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_tdn_is_bound_to_its_frames() -> None:
    with pytest.raises(InputError, match="whitens 6 frames and was given 7"):
        TDN(C, frames=6).double()(features(7))


def test_even_kernels_raise() -> None:
    with pytest.raises(InputError, match="kernel of 4 frames"):
        TCN(C, kernel_size=4)
