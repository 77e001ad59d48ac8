"""Whitening over time: running averages and saved states."""

import copy
import pickle
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor

from stgdn.model import literal
from stgdn.model.whitening import Whitening

V = 5
KINDS = [("node", V, 1), ("frame", 4, 1), ("channel", 3, 1), ("channel", 3, 3)]
kinds = pytest.mark.parametrize(("axis", "size", "patch"), KINDS)


def features(seed: int = 0) -> Tensor:
    """Correlated features (6, 3, 4, V), float64."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 3, 4, V, generator=generator, dtype=torch.float64)
    return x.cumsum(dim=1).cumsum(dim=2).cumsum(dim=3) + seed


def trained(**options: object) -> Whitening:
    """A layer that whitens nodes and has seen three batches."""
    layer = Whitening("node", V, **options).double()  # pyright: ignore[reportArgumentType]
    for seed in range(3):
        layer(features(seed))
    return layer


def by_running_averages(layer: Whitening, x: Tensor) -> Tensor:
    """Return the result of evaluation for the present running averages, by the literal form."""
    covariance = literal.add_floor(layer.running_covariance.double(), layer.eps)
    return literal.apply_whitening(x, "node", layer.running_mean.double(), literal.newton_schulz(covariance))


@kinds
def test_running_averages_follow_the_momentum(axis: str, size: int, patch: int) -> None:
    layer = Whitening(axis, size, patch=patch, momentum=0.3).double()
    mean = torch.zeros(size * patch, dtype=torch.float64)
    covariance = torch.eye(size * patch, dtype=torch.float64)
    for seed in range(3):
        layer(features(seed))
        newest = literal.mean_and_covariance(features(seed), axis, patch=patch)
        mean, covariance = 0.7 * mean + 0.3 * newest[0], 0.7 * covariance + 0.3 * newest[1]
    torch.testing.assert_close(layer.running_mean, mean)
    torch.testing.assert_close(layer.running_covariance, covariance)


def test_evaluation_whitens_with_the_running_averages_and_leaves_them() -> None:
    layer = trained().eval()
    before = copy.deepcopy(layer.state_dict())
    x = features(7)
    torch.testing.assert_close(layer(x), by_running_averages(layer, x))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


@kinds
def test_with_momentum_one_evaluation_repeats_the_last_batch(axis: str, size: int, patch: int) -> None:
    layer, x = Whitening(axis, size, patch=patch, momentum=1).double(), features()
    in_training = layer(x)
    torch.testing.assert_close(layer.eval()(x), in_training)


def test_evaluation_ignores_other_clips_and_masks() -> None:
    layer, x = trained().eval(), features()
    mask = torch.zeros(3, 2, 4, dtype=torch.bool)
    torch.testing.assert_close(layer(x[2:3])[0], layer(x, mask)[2])


def test_gradients_pass_the_evaluated_layer() -> None:
    layer, x = trained().eval(), features().requires_grad_()
    with torch.inference_mode():
        layer(x.detach())
    assert torch.autograd.grad(layer(x).sum(), x)[0].abs().sum() > 0


def test_instance_statistics_keep_and_use_no_running_state() -> None:
    layer, x = trained(statistics="instance"), features(7)
    assert torch.equal(layer.running_mean, torch.zeros(V))
    assert torch.equal(layer.running_covariance, torch.eye(V))
    torch.testing.assert_close(layer.eval()(x), layer.train()(x))
    torch.testing.assert_close(layer(x), literal.whiten(x, "node", clips=6))


def test_evaluation_derives_the_root_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = trained().eval()
    counted = Mock(wraps=layer.root)
    monkeypatch.setattr(layer, "root", counted)
    for _ in range(3):
        layer(features())
    assert counted.call_count == 1


def test_training_on_renews_what_evaluation_uses() -> None:
    layer, x = trained().eval(), features()
    before = layer(x)
    layer.train()(features(9))
    after = layer.eval()(x)
    assert not torch.allclose(before, after, atol=1e-3)
    torch.testing.assert_close(after, by_running_averages(layer, x))


def test_loading_a_state_renews_what_evaluation_uses() -> None:
    layer, x = trained(), features()
    expected = layer.eval()(x)
    other = torch.nn.Sequential(Whitening("node", V).double()).eval()
    assert not torch.allclose(other(x), expected, atol=1e-3)
    other.load_state_dict({f"0.{name}": value for name, value in layer.state_dict().items()})
    torch.testing.assert_close(other(x), expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03), (torch.float16, 4e-3)])
def test_moving_to_another_precision_renews_what_evaluation_uses(dtype: torch.dtype, tolerance: float) -> None:
    layer, x = trained().eval(), features()
    expected = layer(x)
    layer.to(dtype)
    y = layer(x.to(dtype))
    assert y.dtype == dtype
    torch.testing.assert_close(y.double(), expected, atol=tolerance * float(expected.abs().max()), rtol=0)
    torch.testing.assert_close(layer.double()(x), by_running_averages(layer, x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bit_layers_iterate_in_float32(dtype: torch.dtype) -> None:
    layer = trained().to(dtype).eval()
    mean, root = layer.transform(features().to(dtype))
    assert mean.dtype == root.dtype == torch.float32
    expected = literal.newton_schulz(literal.add_floor(layer.running_covariance.double()))
    torch.testing.assert_close(root[0].double(), expected, atol=1e-4, rtol=1e-4)


def test_state_holds_the_running_averages_and_nothing_else() -> None:
    layer = trained()
    layer.eval()(features())
    assert set(layer.state_dict()) == {"running_mean", "running_covariance"}
    fresh = Whitening("node", V).double()
    fresh.load_state_dict(layer.state_dict())
    torch.testing.assert_close(fresh.eval()(features()), layer(features()))


def test_layers_can_be_pickled_and_copied() -> None:
    layer, x = trained().eval(), features()
    expected = layer(x)
    for twin in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        torch.testing.assert_close(twin(x), expected)
        twin.load_state_dict(Whitening("node", V).state_dict())
        assert not torch.allclose(twin(x), expected, atol=1e-3)
        torch.testing.assert_close(layer(x), expected)
