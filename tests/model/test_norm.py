"""BatchNorm by counted rows, against torch's on rows that are really repeated."""

import pytest
import torch
from torch import Tensor, nn

from stgdn.model.empty_bodies import Counts
from stgdn.model.norm import BatchNorm, Normalise

ROW_COUNTS = torch.tensor([1.0, 1.0, 1.0, 3.0, 0.0])
ROWS = torch.tensor([0, 1, 2, 3, 3, 3])


def norms(channels: int = 3) -> tuple[BatchNorm, nn.BatchNorm2d]:
    """Ours and torch's with the same weights, in float64."""
    ours, theirs = BatchNorm(channels).double(), nn.BatchNorm2d(channels).double()
    with torch.no_grad():
        ours.weight.copy_(torch.tensor([0.5, -2.0, 1.0]))
        ours.bias.copy_(torch.tensor([0.1, 0.2, -0.3]))
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def features(offset: float = 3.0) -> Tensor:
    """Five rows (5, C, T, V), far from zero mean."""
    generator = torch.Generator().manual_seed(0)
    return offset + torch.randn(5, 3, 4, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("num_single", [0, 3])
@pytest.mark.parametrize("channels_last", [False, True])
def test_counted_rows_are_repeated_rows(num_single: int, channels_last: bool) -> None:
    x = features()
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    (ours, theirs), inputs = norms(), (x.clone().requires_grad_(), x.clone().requires_grad_())
    ours(x, Counts(ROW_COUNTS, num_single))
    theirs(x[ROWS])  # running averages of two batches
    y, expected = ours(inputs[0], Counts(ROW_COUNTS, num_single)), theirs(inputs[1][ROWS])
    torch.testing.assert_close(y[ROWS], expected, atol=1e-12, rtol=0)
    weight = features(0)
    (y[ROWS] * weight[ROWS]).sum().backward()
    (expected * weight[ROWS]).sum().backward()
    for mine, other in zip((inputs[0], *ours.parameters()), (inputs[1], *theirs.parameters()), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-11, rtol=0)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, atol=1e-12, rtol=0)
    assert y.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_gradients_of_rows_are_sums_over_the_bodies_they_represent() -> None:
    x, (ours, _) = features().requires_grad_(), norms()
    inputs = (x, ours.weight, ours.bias)
    row_counts = torch.tensor([1.0, 1.0, 1.0, 3.0, 2.0])  # without 0, which has no inverse root

    def scaled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return Normalise.apply(x, weight, bias, row_counts, 3, 1e-5, False)[0] * row_counts.sqrt()[:, None, None, None]  # pyright: ignore

    y = scaled(*inputs)
    g = torch.autograd.grad((y * features(0)).sum(), x)[0]
    repeated = x.detach()[torch.repeat_interleave(torch.arange(5), row_counts.long())].requires_grad_()
    spread = torch.repeat_interleave(row_counts.rsqrt()[:, None, None, None] * features(0), row_counts.long(), dim=0)
    z = nn.functional.batch_norm(repeated, None, None, ours.weight, ours.bias, training=True)
    h = torch.autograd.grad((z * spread).sum(), repeated)[0]
    rows = torch.repeat_interleave(torch.arange(5), row_counts.long())
    torch.testing.assert_close(g, torch.zeros_like(g).index_add_(0, rows, h), atol=1e-12, rtol=0)


def test_without_counts_and_in_evaluation_equals_torch() -> None:
    ours, theirs = norms()
    for training in (True, False):
        y = ours.train(training)(features()), theirs.train(training)(features())
        assert torch.equal(*y)
    assert torch.equal(ours(features(), Counts(ROW_COUNTS, 3)), theirs(features()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_are_summed_in_thirty_two(dtype: torch.dtype) -> None:
    x = features().to(dtype).requires_grad_()
    ours = BatchNorm(3)
    y = ours(x, Counts(ROW_COUNTS, 3))
    y.float().square().sum().backward()
    assert x.grad is not None
    assert y.dtype == x.grad.dtype == dtype
    expected = BatchNorm(3)(x.detach().float(), Counts(ROW_COUNTS, 3))
    torch.testing.assert_close(y.float(), expected, atol=0.02, rtol=0.02)
    torch.testing.assert_close(ours.running_mean, 0.1 * x.detach().float()[ROWS].mean(dim=(0, 2, 3)), atol=1e-4, rtol=0)


def test_one_value_a_channel_stays_finite() -> None:
    y = BatchNorm(3)(torch.ones(2, 3, 1, 1), Counts(torch.tensor([1.0, 5.0]), 1))
    assert y.isfinite().all()
