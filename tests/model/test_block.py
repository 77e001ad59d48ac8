"""One layer: against the published layers, and every block there is."""

from typing import Any

import pytest
import torch
from tests.model.networks import scramble
from torch import Tensor, nn

from stgdn.model import literal_networks, literal_weights
from stgdn.model.block import BLOCKS, Block, drop_features, make_projection, options_of
from stgdn.model.convolution import FrameConvolution
from stgdn.model.ctr_gcn import MixedMultiScaleTCN, MultiScaleTCN, RefinedGCN
from stgdn.model.empty_bodies import Counts
from stgdn.model.norm import BatchNorm
from stgdn.model.spatial import GCN, GDCN, GDN, ChannelGDN, LearnedGCN, MaskedGCN, PairNormGCN
from stgdn.model.temporal import TCN, TDN

T, V = 7, 5
PHYSICAL = torch.rand(3, V, V, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LITERAL = {
    "gcn": (("plain",), None),
    "gdn2": (("node",), None),
    "gdcn": (("plain", "node"), None),
    "gdn_t": (("plain",), T),
    "gdn_e": (("node",), T),
    "gdn_c": (("channel",), None),
}  # what a block's spatial filter sums, and how many frames its temporal one whitens
blocks = pytest.mark.parametrize("name", BLOCKS)
shapes = pytest.mark.parametrize(
    ("C_in", "C_out", "stride", "residual"),
    [(8, 8, 1, True), (8, 8, 2, True), (4, 8, 1, True), (4, 8, 2, True), (3, 8, 1, False)],
)


def features(channels: int = 8, dtype: torch.dtype = torch.float64) -> Tensor:
    """Four bodies (4, C, T, V)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, channels, T, V, generator=generator, dtype=torch.float64).cumsum(dim=3).to(dtype)


def seen() -> Tensor:
    """A mask of two clips with two bodies."""
    mask = torch.ones(2, 2, T, dtype=torch.bool)
    mask[0, 1] = False
    mask[1, 0, 4:] = False
    return mask


def block(name: str, C_in: int = 8, C_out: int = 8, stride: int = 1, **options: Any) -> Block:  # noqa: ANN401
    """A block in float64 whose weights all matter."""
    filters = BLOCKS[name]
    temporal: dict[str, Any] = {"frames": T} if filters.temporal is TDN else {}
    made = Block(
        filters.spatial(C_in, C_out, PHYSICAL),
        filters.temporal(C_out, stride=stride, **temporal),
        C_in,
        C_out,
        stride,
        **options,
    ).double()
    scramble(made)
    return made


def same_function(
    ours: Block, theirs: nn.Module, inputs: tuple[Tensor, Tensor], arguments: tuple[tuple, tuple]
) -> None:
    """Outputs and gradients agree in training, and in evaluation after it."""
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        outputs = ours(inputs[0], *arguments[0]), theirs(inputs[1], *arguments[1])
        torch.testing.assert_close(*outputs, atol=1e-11, rtol=0)
        weight = torch.arange(outputs[0].numel(), dtype=torch.float64).view_as(outputs[0]).cos()
        gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for x, y in zip(inputs, outputs, strict=True)]
        torch.testing.assert_close(*gradients, atol=1e-10, rtol=0)


@pytest.mark.parametrize("name", LITERAL)
@shapes
def test_blocks_are_2s_agcns_layer(name: str, C_in: int, C_out: int, stride: int, residual: bool) -> None:
    ours = block(name, C_in, C_out, stride, residual=residual)
    sources, frames = LITERAL[name]
    theirs = literal_networks.Unit(
        C_in, C_out, PHYSICAL, stride, residual=residual, sources=sources, frames=frames
    ).double()
    literal_weights.copy_unit(theirs, ours)
    inputs = features(C_in).requires_grad_(), features(C_in).requires_grad_()
    same_function(ours, theirs, inputs, ((seen(),), (seen().flatten(0, 1),)))


@shapes
def test_st_gcn_block_is_st_gcns_layer(C_in: int, C_out: int, stride: int, residual: bool) -> None:
    ours = block("st_gcn", C_in, C_out, stride, residual=residual, spatial_residual=False)
    theirs = literal_networks.STGCNUnit(C_in, C_out, PHYSICAL, stride, residual=residual).double()
    literal_weights.copy_st_gcn_unit(theirs, ours)
    same_function(ours, theirs, (features(C_in).requires_grad_(), features(C_in).requires_grad_()), ((), ()))


@shapes
def test_ctr_gcn_block_is_ctr_gcns_layer(C_in: int, C_out: int, stride: int, residual: bool) -> None:
    ours = block("ctr_gcn", C_in, C_out, stride, residual=residual)
    theirs = literal_networks.CTRUnit(C_in, C_out, PHYSICAL, stride, residual=residual).double()
    literal_weights.copy_ctr_gcn_unit(theirs, ours)
    same_function(ours, theirs, (features(C_in).requires_grad_(), features(C_in).requires_grad_()), ((), ()))


@shapes
def test_st_gcn_pp_block_is_st_gcn_pps_layer(C_in: int, C_out: int, stride: int, residual: bool) -> None:
    ours = block("st_gcn_pp", C_in, C_out, stride, residual=residual)
    theirs = literal_networks.STGCNPPUnit(C_in, C_out, PHYSICAL, stride, residual=residual).double()
    literal_weights.copy_st_gcn_pp_unit(theirs, ours)
    same_function(ours, theirs, (features(C_in).requires_grad_(), features(C_in).requires_grad_()), ((), ()))


def test_a_filter_that_takes_counts_is_given_them_and_others_are_not() -> None:
    counts = Counts(torch.tensor([1.0, 1.0, 1.0, 5.0]), 3)
    ours, x = block("ctr_gcn"), features()
    repeated = torch.cat([x, x[3:].expand(4, -1, -1, -1)])
    torch.testing.assert_close(ours(x, None, counts), ours(repeated)[:4], atol=1e-11, rtol=0)
    torch.testing.assert_close(block("gcn")(x, None, counts), block("gcn")(repeated)[:4], atol=1e-11, rtol=0)


def test_blocks_are_those_of_the_letter() -> None:
    assert {name: (filters.spatial, filters.temporal) for name, filters in BLOCKS.items()} == {
        "gcn": (GCN, TCN),
        "gdn2": (GDN, TCN),
        "gdcn": (GDCN, TCN),
        "gdn_t": (GCN, TDN),
        "gdn_e": (GDN, TDN),
        "gdn_c": (ChannelGDN, TCN),
        "st_gcn": (MaskedGCN, TCN),
        "st_gcn_pp": (LearnedGCN, MixedMultiScaleTCN),
        "ctr_gcn": (RefinedGCN, MultiScaleTCN),
        "pair_norm": (PairNormGCN, TCN),
    }


def test_options_of_a_filter_are_those_of_its_signature() -> None:
    class Own(GDCN):
        def __init__(self, *args: Any, heads: int = 2, **options: Any) -> None:  # noqa: ANN401
            super().__init__(*args, **options)
            self.heads = heads

    class Closed(GDCN):
        def __init__(self, in_channels: int, out_channels: int, physical: Tensor, *, heads: int) -> None:
            super().__init__(in_channels, out_channels, physical)
            self.heads = heads

    assert {kind: options_of(kind) for kind in (GCN, GDN, ChannelGDN, MaskedGCN, TCN)} == {
        GCN: {"terms"},
        GDN: {"terms", "whitening"},
        ChannelGDN: {"terms", "whitening"},
        MaskedGCN: set(),
        TCN: {"kernel_size", "stride"},
    }
    assert options_of(TDN) == {"kernel_size", "stride", "frames", "whitening"}
    assert options_of(GDCN) == {"terms", "whitening", "graphs"}
    assert options_of(Own) == {"terms", "whitening", "graphs", "heads"}
    assert options_of(Closed) == {"heads"}


@blocks
def test_every_weight_learns_and_one_step_lowers_the_loss(name: str) -> None:
    ours, x = block(name), features()
    target = features().roll(1, 0)
    before = (ours(x, seen()) - target).square().mean()
    before.backward()
    for part, parameter in ours.named_parameters():
        assert parameter.grad is not None, part
        assert parameter.grad.isfinite().all(), part
        assert part.endswith("bias") or parameter.grad.any(), part  # a bias in front of BatchNorm has no effect
    torch.optim.SGD(ours.parameters(), lr=1e-3).step()
    assert (ours(x, seen()) - target).square().mean() < before


@blocks
def test_bf16_stays_finite(name: str) -> None:
    ours, x = block(name).float(), features(dtype=torch.float32) * torch.tensor([1, 0, 1, 1])[:, None, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        y = ours(x, seen())
    y.float().square().sum().backward()
    assert y.isfinite().all()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in ours.parameters())


def test_dropout_acts_in_training_only() -> None:
    ours, x = block("gcn", dropout=0.5), features()
    plain = block("gcn")
    assert not torch.allclose(ours(x), plain(x))
    plain.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropped_features_are_as_many_as_asked_for_and_the_others_make_up_for_them(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.full((20, 8, 50, 25), 3.0, dtype=dtype, requires_grad=True)
    y = drop_features(x, 0.3)
    kept = y != 0
    assert y.dtype == dtype
    torch.testing.assert_close(y[kept], torch.full_like(y[kept], 3 / 0.7))
    share = 1 - kept.double().mean(dim=(0, 2, 3))  # 25,000 draws a channel: a standard deviation of 0.003
    torch.testing.assert_close(share, torch.full_like(share, 0.3), atol=0.015, rtol=0)
    y.sum().backward()
    torch.testing.assert_close(x.grad, kept.to(dtype) / 0.7)


def test_dropout_does_not_change_the_residual() -> None:
    ours, x = block("gcn", dropout=1.0), features()
    torch.testing.assert_close(ours(x), x.relu())


def test_projection_is_the_identity_where_shapes_agree() -> None:
    assert isinstance(make_projection(8, 8), nn.Identity)
    for shape in ((8, 4, 1), (8, 8, 2)):
        convolution, norm = make_projection(*shape).children()
        assert isinstance(convolution, FrameConvolution)
        assert (convolution.stride, convolution.frame_step) == ((1, 1), shape[2])  # oneDNN miscounts with a stride
        assert isinstance(norm, BatchNorm)
