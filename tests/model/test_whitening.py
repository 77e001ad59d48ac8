"""Whitening as a function: against eqs (2)-(6) written out, against eigendecompositions, at its edges."""

import pytest
import torch
from torch import Tensor

from stgdn.errors import InputError
from stgdn.model import literal
from stgdn.model.whitening import Whitening, inverse_sqrt

AXES = ("node", "frame", "channel")
C, T, V = 3, 4, 5
SIZES = {"node": V, "frame": T, "channel": C}
KINDS = [("node", 1), ("frame", 1), ("channel", 1), ("channel", 3)]
kinds = pytest.mark.parametrize(("axis", "patch"), KINDS)
axes = pytest.mark.parametrize("axis", AXES)


def features(bodies: int = 4, *, seed: int = 0, shape: tuple[int, int, int] = (C, T, V)) -> Tensor:
    """Features (bodies, C, T, V) in float64, correlated along every axis, with a mean of their own everywhere."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(bodies, *shape, generator=generator, dtype=torch.float64)
    for axis in (1, 2, 3):
        size = x.shape[axis]
        mix = torch.eye(size, dtype=torch.float64) + torch.randn(size, size, generator=generator, dtype=torch.float64)
        x = torch.tensordot(x.movedim(axis, -1), mix / size**0.5, dims=1).movedim(-1, axis)
    return x + torch.randn(shape, generator=generator, dtype=torch.float64)


def some_seen(clips: int = 2, bodies: int = 2, frames: int = T) -> Tensor:
    """A mask (N, M, T): the last frames of the first clip and the second body of the last are not there."""
    mask = torch.ones(clips, bodies, frames, dtype=torch.bool)
    mask[0, 0, 2:] = False
    mask[0, 1, 1:] = False
    mask[-1, 1] = False
    return mask


def covariance_of(eigenvalues: list[float]) -> tuple[Tensor, Tensor]:
    """A covariance with these eigenvalues and no axis of its own, and its eigenvectors as columns."""
    generator = torch.Generator().manual_seed(1)
    size = len(eigenvalues)
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
    return basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T, basis


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_inverse_sqrt_is_eq_6(iterations: int) -> None:
    covariance, _ = covariance_of([5.0, 1.0, 0.3, 0.01])
    torch.testing.assert_close(inverse_sqrt(covariance, iterations), literal.newton_schulz(covariance, iterations))


def test_many_iterations_give_the_exact_inverse_root() -> None:
    covariance, basis = covariance_of([4.0, 2.0, 1.0, 0.5])
    exact = basis @ torch.diag(torch.tensor([0.5, 2**-0.5, 1.0, 2**0.5], dtype=torch.float64)) @ basis.T
    torch.testing.assert_close(inverse_sqrt(covariance, 25), exact, atol=1e-12, rtol=0)


def test_inverse_sqrt_takes_a_stack() -> None:
    stack = torch.stack([covariance_of([3.0, 1.0])[0], covariance_of([0.2, 0.1])[0]])
    torch.testing.assert_close(inverse_sqrt(stack)[1], inverse_sqrt(stack[1]))


@pytest.mark.parametrize(
    ("relative", "after_five", "digits"), [(0.1, "0.997", 3), (0.01, "0.66", 2), (0.001, "0.24", 2)]
)
def test_how_far_five_and_fifteen_iterations_whiten(relative: float, after_five: str, digits: int) -> None:
    small = [0.1, 0.01, 0.001]
    covariance, basis = covariance_of([(1 - sum(value**2 for value in small)) ** 0.5, *small])  # ‖Σ‖_F = 1
    direction = basis[:, 1 + small.index(relative)]

    def deviation(iterations: int) -> float:
        root = inverse_sqrt(covariance, iterations)
        return float((direction @ root @ covariance @ root @ direction).sqrt())

    assert f"{deviation(5):.{digits}f}" == after_five
    assert f"{deviation(15):.3f}" == "1.000"


@kinds
@pytest.mark.parametrize("statistics", ["batch", "instance"])
@pytest.mark.parametrize("floor", ["relative", "absolute"])
@pytest.mark.parametrize("masked", [False, True])
def test_whitening_is_the_letter_sample_by_sample(
    axis: str, patch: int, statistics: str, floor: str, masked: bool
) -> None:
    x, mask = features(), some_seen() if masked else None
    seen = mask.flatten(0, 1) if mask is not None else None
    clips = 1 if statistics == "batch" else 2 if masked else 4  # without a mask every body is a clip
    layer = Whitening(axis, SIZES[axis], statistics=statistics, floor=floor, eps=0.03, patch=patch)
    expected = literal.whiten(x, axis, seen, clips=clips, patch=patch, eps=0.03, floor=floor)
    torch.testing.assert_close(layer(x, mask), expected, atol=1e-12, rtol=0)


@kinds
def test_gradients_are_the_letters(axis: str, patch: int) -> None:
    x, mask = features().requires_grad_(), some_seen()
    weight = features(seed=9, shape=(C * patch, T, V))
    layer = Whitening(axis, SIZES[axis], patch=patch)
    (ours,) = torch.autograd.grad((layer(x, mask) * weight).sum(), x)
    (expected,) = torch.autograd.grad((literal.whiten(x, axis, mask.flatten(0, 1), patch=patch) * weight).sum(), x)
    torch.testing.assert_close(ours, expected, atol=1e-11, rtol=0)


@kinds
def test_many_samples_come_out_white(axis: str, patch: int) -> None:
    x = features(400) if patch == 1 else torch.randn(400, C, T, V, dtype=torch.float64)
    layer = Whitening(axis, SIZES[axis], patch=patch, iterations=30, eps=1e-5)
    mean, covariance = literal.mean_and_covariance(layer(x), axis)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-12, rtol=0)
    torch.testing.assert_close(covariance, torch.eye(len(mean), dtype=torch.float64), atol=2e-2, rtol=0)


def test_many_iterations_whiten_as_the_eigendecomposition_does() -> None:
    x = features(50)
    mean, covariance = literal.mean_and_covariance(x, "node")
    values, basis = torch.linalg.eigh(covariance + 0.05 * covariance.trace() / V * torch.eye(V, dtype=torch.float64))
    expected = (x - mean) @ (basis @ torch.diag(values**-0.5) @ basis.T)
    layer = Whitening("node", V, iterations=30, eps=0.05)
    torch.testing.assert_close(layer(x), expected, atol=1e-10, rtol=0)


@kinds
@pytest.mark.parametrize("statistics", ["batch", "instance"])
@pytest.mark.parametrize("masked", [False, True])
def test_gradcheck(axis: str, patch: int, statistics: str, masked: bool) -> None:
    sizes = {"node": 3, "frame": 3, "channel": 2}
    layer = Whitening(axis, sizes[axis], statistics=statistics, patch=patch)
    x = features(4, shape=(2, 3, 3)).requires_grad_()
    mask = some_seen(frames=3) if masked else None
    assert torch.autograd.gradcheck(lambda x: layer(x, mask), x)
    assert torch.autograd.gradcheck(lambda x: layer.transform(x, mask), x)


@axes
def test_detach_stops_gradients_through_the_statistics(axis: str) -> None:
    x = features().requires_grad_()
    layer = Whitening(axis, SIZES[axis], detach=True)
    mean, root = layer.transform(x)
    assert not mean.requires_grad
    assert not root.requires_grad
    (gradient,) = torch.autograd.grad(layer(x).sum(), x)
    constant = literal.apply_whitening(x, axis, mean[0], root[0])
    torch.testing.assert_close(gradient, torch.autograd.grad(constant.sum(), x)[0])


@kinds
@pytest.mark.parametrize("masked", [False, True])
def test_every_second_sample_gives_the_statistics(axis: str, patch: int, masked: bool) -> None:
    x, mask = features(), some_seen() if masked else None
    seen = torch.ones(len(x), T, dtype=torch.bool) if mask is None else mask.flatten(0, 1)
    layer = Whitening(axis, SIZES[axis], patch=patch, sample_every=2)
    samples = literal.patches(x * seen[:, None, :, None] if patch > 1 else x, patch)
    samples, chosen = (samples[:, ::2], seen) if axis == "frame" else (samples[:, :, ::2], seen[:, ::2])
    mean, covariance = literal.mean_and_covariance(samples, axis, chosen)
    expected = literal.apply_whitening(x, axis, mean, literal.newton_schulz(literal.add_floor(covariance)), patch)
    torch.testing.assert_close(layer(x, mask), expected, atol=1e-12, rtol=0)


@axes
def test_relative_floor_does_not_see_the_scale(axis: str) -> None:
    x = features()
    relative = Whitening(axis, SIZES[axis], eps=0.1)
    absolute = Whitening(axis, SIZES[axis], eps=0.1, floor="absolute")
    torch.testing.assert_close(relative(10 * x), relative(x), atol=1e-12, rtol=0)
    assert not torch.allclose(absolute(10 * x), absolute(x), atol=1e-2)


EDGES = {
    "empty second bodies": (features() * torch.tensor([1, 0, 1, 0])[:, None, None, None], True),
    "the same, not masked": (features() * torch.tensor([1, 0, 1, 0])[:, None, None, None], False),
    "no body at all": (torch.zeros(4, C, T, V), True),
    "no body at all, not masked": (torch.zeros(4, C, T, V), False),
    "constant clips": (torch.full((4, C, T, V), 3.0), False),
    "two equal joints": (features()[..., [0, 1, 2, 3, 3]], False),
    "one body that does not move": (
        features(2)[:, :, :1].expand(2, C, T, V) * torch.tensor([1, 0])[:, None, None, None],
        True,
    ),
    "far from zero": (features() + 1e3, False),
}


@kinds
@pytest.mark.parametrize("statistics", ["batch", "instance"])
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("autocast", [False, True])
def test_edges_stay_finite(axis: str, patch: int, statistics: str, edge: str, autocast: bool) -> None:
    values, masked = EDGES[edge]
    x = values.float().clone().requires_grad_()
    mask = (values != 0).any(dim=3).any(dim=1).unflatten(0, (-1, 2)) if masked else None
    layer = Whitening(axis, SIZES[axis], statistics=statistics, patch=patch)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y = layer(x, mask)
    (y.float() ** 2).sum().backward()
    assert x.grad is not None
    assert y.isfinite().all()
    assert x.grad.isfinite().all()
    assert layer.running_covariance.isfinite().all()


@pytest.mark.parametrize(("axis", "shape"), [("node", (1, 2, 25)), ("frame", (2, 30, 3)), ("channel", (16, 2, 2))])
@pytest.mark.parametrize("floor", ["relative", "absolute"])
def test_fewer_samples_than_entries_stay_finite(axis: str, shape: tuple[int, int, int], floor: str) -> None:
    x = features(1, shape=shape).float().requires_grad_()
    y = Whitening(axis, max(shape), floor=floor)(x)
    (gradient,) = torch.autograd.grad((y**2).sum(), x)
    assert y.isfinite().all()
    assert gradient.isfinite().all()


@axes
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_are_float32_under_autocast(axis: str, dtype: torch.dtype) -> None:
    x = features(20).to(dtype)
    layer = Whitening(axis, SIZES[axis])
    with torch.autocast("cpu", torch.bfloat16):
        mean, root = layer.transform(x)
        assert layer(x).dtype == torch.bfloat16
    expected = literal.mean_and_covariance(x.double(), axis)
    assert mean.dtype == root.dtype == torch.float32
    torch.testing.assert_close(mean[0].double(), expected[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        root[0].double(), literal.newton_schulz(literal.add_floor(expected[1])), atol=1e-4, rtol=1e-4
    )


@kinds
def test_values_under_the_mask_do_not_matter(axis: str, patch: int) -> None:
    x, mask = features(), some_seen()
    unseen = ~mask.flatten(0, 1)[:, None, :, None].expand_as(x)
    changed = torch.where(unseen, 100 * features(seed=5), x)
    layer = Whitening(axis, SIZES[axis], patch=patch)
    for ours, other in zip(layer.transform(x, mask), layer.transform(changed, mask), strict=True):
        assert torch.equal(ours, other)


@kinds
def test_masked_bodies_are_as_if_they_were_not_there(axis: str, patch: int) -> None:
    x = features(6)
    mask = torch.tensor([[True, True], [True, False], [False, False]])
    layer = Whitening(axis, SIZES[axis], patch=patch)
    left = layer.transform(x[mask.flatten()])
    for ours, expected in zip(layer.transform(x, mask[:, :, None].expand(3, 2, T)), left, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("axis", "patch"), [("node", 1), ("channel", 1), ("channel", 3)])
def test_masked_frames_are_as_if_they_were_not_there(axis: str, patch: int) -> None:
    x = features(4)
    mask = torch.ones(2, 2, T, dtype=torch.bool)
    mask[:, :, 3:] = False
    layer = Whitening(axis, SIZES[axis], patch=patch)
    for ours, expected in zip(layer.transform(x, mask), layer.transform(x[:, :, :3]), strict=True):
        torch.testing.assert_close(ours, expected)


def test_a_frame_not_seen_counts_as_being_at_its_mean() -> None:
    x, mask = features(4), torch.ones(2, 2, T, dtype=torch.bool)
    mask[0, 1, 2] = False
    filled = x.clone()
    filled[1, :, 2] = x[[0, 2, 3], :, 2].mean()
    layer = Whitening("frame", T)
    for ours, expected in zip(layer.transform(x, mask), layer.transform(filled), strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(("axis", "dimension"), [("node", 3), ("frame", 2), ("channel", 1)])
def test_permuting_the_whitened_axis_permutes_the_output(axis: str, dimension: int) -> None:
    x = features()
    order = torch.randperm(SIZES[axis], generator=torch.Generator().manual_seed(0))
    layer = Whitening(axis, SIZES[axis])
    permuted = layer(x.index_select(dimension, order))
    torch.testing.assert_close(permuted, layer(x).index_select(dimension, order), atol=1e-12, rtol=0)


@axes
def test_a_clip_is_whitened_by_itself_with_instance_statistics(axis: str) -> None:
    x, mask = features(), some_seen()
    layer = Whitening(axis, SIZES[axis], statistics="instance")
    together = layer(x, mask)
    other = torch.cat([x[:2], 7 * features(2, seed=3)])
    torch.testing.assert_close(layer(other, mask)[:2], together[:2], atol=1e-12, rtol=0)
    torch.testing.assert_close(layer(x[:2], mask[:1]), together[:2], atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("axis", "given"), [("node", "5 nodes and was given 6"), ("frame", "4 frames and was given 7")]
)
def test_wrong_size_names_both_lengths(axis: str, given: str) -> None:
    with pytest.raises(InputError, match=given):
        Whitening(axis, SIZES[axis])(torch.zeros(2, C, 7, 6))


def test_wrong_size_counts_channels_not_patches() -> None:
    with pytest.raises(InputError, match="3 channels and was given 2"):
        Whitening("channel", C, patch=3)(torch.zeros(2, 2, T, V))


@pytest.mark.parametrize(
    ("axis", "options", "message"),
    [
        ("joint", {}, "unknown whitening axis 'joint', allowed: node, frame, channel"),
        ("node", {"floor": "relativ"}, "unknown whitening floor 'relativ'.*did you mean 'relative'"),
        ("node", {"statistics": "clip"}, "unknown whitening statistics 'clip', allowed: batch, instance"),
        ("frame", {"patch": 3}, "patch 3 on axis 'frame'"),
        ("channel", {"patch": 2}, "patch 2 on axis 'channel': a patch is odd"),
        ("node", {"iterations": 0}, "0 iterations: at least 1"),
        ("node", {"sample_every": 0}, "sample_every=0: 1 takes all"),
    ],
)
def test_bad_options_raise(axis: str, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Whitening(axis, 4, **options)
