"""Spatial filters against 2s-AGCN's, one subset at a time, and against whitening first."""

import itertools
import math
from functools import partial
from typing import Any

import pytest
import torch
from tests.model.networks import scramble
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model import literal, literal_networks, literal_weights
from stgdn.model.graph import TERMS
from stgdn.model.spatial import GCN, GDCN, GDN, ChannelGDN, MaskedGCN, PairNormGCN
from stgdn.model.whitening import Whitening

C, T, V = 4, 5, 6
PHYSICAL = torch.rand(3, V, V, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SOURCES: dict[type[GCN], tuple[str, ...]] = {
    GCN: ("plain",),
    GDN: ("node",),
    GDCN: ("plain", "node"),
    ChannelGDN: ("channel",),
}
filters = pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.__name__)


def features(seed: int = 0) -> Tensor:
    """Four bodies (4, C, T, V) in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(4, C, T, V, generator=generator, dtype=torch.float64).cumsum(dim=3).cumsum(dim=2)


def some_seen() -> Tensor:
    """A mask of two clips with two bodies."""
    mask = torch.ones(2, 2, T, dtype=torch.bool)
    mask[0, 1] = False
    mask[1, :, 3:] = False
    return mask


def scrambled(kind: type[GCN], out_channels: int = 8, **options: Any) -> GCN:  # noqa: ANN401
    """A filter in float64 whose weights all matter."""
    ours = kind(C, out_channels, PHYSICAL, **options).double()
    scramble(ours)
    return ours


def literal_filter(ours: GCN, **options: Any) -> literal_networks.SpatialFilter:  # noqa: ANN401
    """The published filter with the same weights."""
    theirs = literal_networks.SpatialFilter(C, 8, PHYSICAL, SOURCES[type(ours)], **options).double()
    literal_weights.copy_spatial_filter(theirs, ours)
    return theirs


@filters
@pytest.mark.parametrize("masked", [False, True])
def test_filters_are_2s_agcns_on_x_or_on_whitened_x(kind: type[GCN], masked: bool) -> None:
    ours = scrambled(kind)
    theirs = literal_filter(ours)
    mask = some_seen() if masked else None
    seen = mask.flatten(0, 1) if mask is not None else None
    for training in (True, True, False):  # evaluation after two batches
        ours.train(training)
        theirs.train(training)
        torch.testing.assert_close(ours(features(), mask), theirs(features(), seen), atol=1e-12, rtol=0)


@filters
def test_gradients_are_those_of_whitening_first(kind: type[GCN]) -> None:
    ours, mask = scrambled(kind), some_seen()
    theirs = literal_filter(ours)
    inputs = [features().requires_grad_(), features().requires_grad_()]
    ours(inputs[0], mask).square().sum().backward()
    theirs(inputs[1], mask.flatten(0, 1)).square().sum().backward()
    found = [inputs[0].grad, ours.adjacency.learned.grad, ours.theta.weight.grad, ours.adjacency.embedding.weight.grad]
    branches = theirs.conv_d[SOURCES[kind][0]]
    embeddings = [conv.weight.grad for conv in (*theirs.conv_a, *theirs.conv_b)]
    assert isinstance(branches, nn.ModuleList)
    expected = [
        inputs[1].grad,
        theirs.PA.grad,
        torch.stack([conv.weight.grad[:, :, 0, 0] for conv in branches], dim=1),  # pyright: ignore
        torch.cat(embeddings),  # pyright: ignore[reportArgumentType]
    ]
    for ours_part, their_part in zip(found, expected, strict=True):
        assert ours_part is not None
        assert their_part is not None
        torch.testing.assert_close(ours_part, their_part, atol=1e-12 * float(their_part.abs().max()), rtol=1e-10)


@filters
@pytest.mark.parametrize("terms", [t for r in (1, 2) for t in itertools.combinations(TERMS, r)], ids="-".join)
def test_each_term_of_the_graph_can_be_switched_off(kind: type[GCN], terms: tuple[str, ...]) -> None:
    ours = scrambled(kind, terms=terms)
    theirs = literal_filter(ours, terms=terms)
    torch.testing.assert_close(ours(features()), theirs(features()), atol=1e-12, rtol=0)
    assert ("learned" in terms) == any("learned" in name for name, _ in ours.named_parameters())
    assert ("attention" in terms) == any("embedding" in name for name, _ in ours.named_parameters())


def test_channels_with_a_patch() -> None:
    ours = scrambled(ChannelGDN, whitening=partial(Whitening, patch=3))
    theirs = literal_filter(ours, patch=3)
    mask = some_seen()
    torch.testing.assert_close(ours(features(), mask), theirs(features(), mask.flatten(0, 1)), atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", [GDN, GDCN, ChannelGDN], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("masked", [False, True])
def test_instance_statistics_whiten_every_clip_by_itself(kind: type[GCN], masked: bool) -> None:
    ours = scrambled(kind, whitening=partial(Whitening, statistics="instance"))
    x, mask = features(), some_seen() if masked else None
    clips = [slice(0, 2), slice(2, 4)] if masked else [slice(n, n + 1) for n in range(4)]
    parts = []
    for number, clip in enumerate(clips):
        theirs = literal_filter(ours)  # in training mode: the statistics of what it is given
        parts.append(theirs(x[clip], mask[number] if mask is not None else None))
    torch.testing.assert_close(ours(x, mask), torch.cat(parts), atol=1e-12, rtol=0)
    torch.testing.assert_close(ours.eval()(x, mask), torch.cat(parts), atol=1e-12, rtol=0)


def test_folding_equals_whitening_first() -> None:
    ours, x, mask = scrambled(GDN), features(), some_seen()
    plain = scrambled(GCN)
    plain.load_state_dict(ours.state_dict(), strict=False)
    whitened = literal.whiten(x, "node", mask.flatten(0, 1))
    expected = plain.theta((whitened[:, None].flatten(2, 3) @ ours.adjacency(x)).reshape(4, 3 * C, T, V))
    torch.testing.assert_close(ours(x, mask), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("graphs", ["shared", "separate"])
def test_union_is_the_sum_of_both(graphs: str) -> None:
    union, gcn, gdn = scrambled(GDCN, graphs=graphs), scrambled(GCN), scrambled(GDN)
    gcn.load_state_dict(union.state_dict(), strict=False)
    gdn.load_state_dict(union.state_dict(), strict=False)
    gdn.theta = union.theta_deconvolution  # pyright: ignore[reportAttributeAccessIssue]
    if graphs == "separate":
        gdn.adjacency = union.own_adjacency  # pyright: ignore[reportAttributeAccessIssue]
    torch.testing.assert_close(union(features()), gcn(features()) + gdn(features()), atol=1e-12, rtol=0)


def test_an_unknown_choice_of_graphs_raises() -> None:
    with pytest.raises(InputError, match="did you mean 'separate'"):
        GDCN(C, 8, PHYSICAL, graphs="seperate")


def test_columns_of_the_attention_sum_to_one() -> None:
    graph = scrambled(GCN, terms=("attention",)).adjacency(features())
    assert graph.shape == (4, 3, V, V)
    torch.testing.assert_close(graph.sum(dim=2), torch.ones(4, 3, V, dtype=torch.float64))


@pytest.mark.parametrize("kind", [GCN, GDN, GDCN], ids=lambda kind: kind.__name__)
def test_joints_can_be_renumbered(kind: type[GCN]) -> None:
    order = torch.randperm(V, generator=torch.Generator().manual_seed(0))
    ours, renumbered = scrambled(kind), scrambled(kind)
    renumbered.adjacency.physical = PHYSICAL[:, order][:, :, order]
    renumbered.adjacency.learned.data = ours.adjacency.learned.data[:, order][:, :, order]
    torch.testing.assert_close(renumbered(features()[..., order]), ours(features())[..., order], atol=1e-12, rtol=0)


def test_pair_norm_is_computed_graph_by_graph() -> None:
    """All joints of a body and frame: mean zero, mean squared length one, directions as from the graph convolution."""
    ours, plain = scrambled(PairNormGCN), scrambled(GCN)
    y, found = plain(features()).detach(), ours(features()).detach()
    for body in range(4):
        for t in range(T):
            joints = [y[body, :, t, joint] for joint in range(V)]
            mean = sum(joints) / V
            size = sum(float((joint - mean).square().sum()) for joint in joints) / V
            for number, joint in enumerate(joints):
                expected = (joint - mean) / (size + 1e-5) ** 0.5
                torch.testing.assert_close(found[body, :, t, number], expected, atol=1e-12, rtol=0)


def test_pair_norm_of_equal_joints_is_zero_and_has_a_gradient() -> None:
    ours, x = scrambled(PairNormGCN, terms=("physical",)), torch.zeros(4, C, T, V, dtype=torch.float64)
    y = ours(x.requires_grad_())
    assert not y.any()
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_pair_norm_in_16_bits_does_not_overflow() -> None:
    ours = scrambled(PairNormGCN).float()
    ours.theta.weight.data *= 1e3
    with torch.autocast("cpu", torch.float16):
        y = ours(features().float())
    assert y.isfinite().all()
    lengths = y.float().square().sum(dim=1).mean(dim=2)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=0.02, rtol=0)


def test_masked_gcn_is_st_gcns() -> None:
    ours = MaskedGCN(C, 8, PHYSICAL).double()
    scramble(ours)
    x = features()
    mixed = ours.theta(x)
    expected = torch.zeros(4, 8, T, V, dtype=torch.float64)
    for k in range(3):
        expected = expected + mixed[:, 8 * k : 8 * (k + 1)] @ (PHYSICAL[k] * ours.edge_mask[k])
    torch.testing.assert_close(ours(x), expected)


@filters
def test_bf16_stays_finite(kind: type[GCN]) -> None:
    ours = kind(C, 8, PHYSICAL.float())
    x = (features().float() * torch.tensor([1, 0, 1, 1])[:, None, None, None]).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = ours(x, some_seen())
    y.float().square().sum().backward()
    assert y.isfinite().all()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in (x, *ours.parameters()))


def test_embeddings_start_by_their_own_fan_out() -> None:
    torch.manual_seed(0)
    embedding = GCN(128, 256, PHYSICAL).adjacency.embedding
    single = nn.Conv2d(128, 64, 1)
    nn.init.kaiming_normal_(single.weight, mode="fan_out")
    assert embedding.weight.shape == (2 * 3 * 64, 128, 1, 1)
    assert math.isclose(float(embedding.weight.detach().std()), math.sqrt(2 / 64), rel_tol=0.02)
    assert math.isclose(float(embedding.weight.detach().std()), float(single.weight.detach().std()), rel_tol=0.04)
    assert embedding.bias is not None
    assert not embedding.bias.any()


def test_unknown_terms_raise() -> None:
    with pytest.raises(InputError, match=r"unknown adjacency term 'learnt'.*did you mean 'learned'"):
        GCN(C, 8, PHYSICAL, terms=("physical", "learnt"))
    with pytest.raises(InputError, match="without terms"):
        GCN(C, 8, PHYSICAL, terms=())
