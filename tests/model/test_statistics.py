"""Mean and covariance in both fast forms against the literal form."""

import pytest
import torch
from einops import rearrange
from tests.model.networks import mean_and_covariance_at_once
from tests.model.test_whitening import features, some_seen
from torch import Tensor

from stgdn.model import literal
from stgdn.model.statistics import matrix_statistics, sample_statistics
from stgdn.model.whitening import SAMPLES, WEIGHTS, Whitening

axes = pytest.mark.parametrize("axis", ["node", "frame"])


@axes
def test_both_forms_are_eq_3(axis: str) -> None:
    x, seen = features(), some_seen().flatten(0, 1)
    mask = seen.to(x.dtype)
    samples = sample_statistics(rearrange(x, SAMPLES[axis], b=1), rearrange(mask, WEIGHTS[axis], b=1))
    matrices = matrix_statistics(x, axis, mask, 1)
    expected = literal.mean_and_covariance(x, axis, seen)
    for found in (samples, matrices):
        torch.testing.assert_close(found.mean[0], expected[0], atol=1e-12, rtol=0)
        torch.testing.assert_close(found.covariance[0], expected[1], atol=1e-12, rtol=0)


@axes
def test_groups_have_statistics_of_their_own(axis: str) -> None:
    x, seen = features(), some_seen().flatten(0, 1)
    found = matrix_statistics(x, axis, seen.to(x.dtype), 2)
    for group, part in enumerate((slice(0, 2), slice(2, 4))):
        mean, covariance = literal.mean_and_covariance(x[part], axis, seen[part])
        torch.testing.assert_close(found.mean[group], mean, atol=1e-12, rtol=0)
        torch.testing.assert_close(found.covariance[group], covariance, atol=1e-12, rtol=0)


@axes
def test_gradients_are_those_of_the_literal_form(axis: str) -> None:
    seen = some_seen().flatten(0, 1)
    inputs = features().requires_grad_(), features().requires_grad_()

    def loss(mean: Tensor, covariance: Tensor) -> Tensor:
        return mean.sin().sum() + covariance.sin().sum()

    ours = matrix_statistics(inputs[0], axis, seen.double(), 1)
    loss(ours.mean[0], ours.covariance[0]).backward()
    loss(*literal.mean_and_covariance(inputs[1], axis, seen)).backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-12, rtol=0)


@axes
def test_a_small_spread_far_from_zero_is_found(axis: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = 30 + 1e-3 * torch.randn(8, 16, 16, 25, generator=generator)
    _, covariance = matrix_statistics(x.contiguous(memory_format=torch.channels_last), axis, torch.ones(8, 16), 1)
    _, expected = mean_and_covariance_at_once(x.double(), axis)
    torch.testing.assert_close(covariance[0].double(), expected, atol=1e-10, rtol=1e-3)
    size = covariance.shape[-1]
    spread = Whitening(axis, size)(x).std()
    assert 0.1 < float(spread) < 2, "standard deviation of whitened features"
