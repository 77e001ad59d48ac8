"""The row `whiten`: its words, pairs that have names of their own, and any filter of whitened features."""

from functools import partial

import pytest
import torch
from tests.model.networks import clips, network, parts, scramble
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model import literal_networks
from stgdn.model.block import BLOCKS, Filters, make_filters, whitened_name
from stgdn.model.convolution import FrameConvolution
from stgdn.model.network import Network
from stgdn.model.spatial import GCN, GDN, MaskedGCN
from stgdn.model.temporal import TCN
from stgdn.model.whitened_filters import WHITEN, Whitened
from stgdn.model.whitening import Whitening

C, T, V = 4, 5, 6
PHYSICAL = torch.rand(3, V, V, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
SIZES = {"node": V, "frame": T, "channel": C}
NAMED = {"none": "gcn", "node": "gdn2", "frame": "gdn_t", "node+frame": "gdn_e", "channel": "gdn_c"}


def features() -> Tensor:
    """Four bodies (4, C, T, V) in float64."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, C, T, V, generator=generator, dtype=torch.float64).cumsum(dim=3).cumsum(dim=2)


def some_seen() -> Tensor:
    """A mask of two clips with two bodies."""
    mask = torch.ones(2, 2, T, dtype=torch.bool)
    mask[0, 1] = False
    mask[1, :, 3:] = False
    return mask


class Gate(nn.Module):
    """A filter of a user: spatial or temporal, it sees the mask and has an option of its own."""

    def __init__(self, channels: int, *_: object, factor: float = 2.0) -> None:
        super().__init__()
        self.theta, self.factor = nn.Conv2d(channels, C, 1), factor

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        assert mask is not None
        return self.factor * self.theta(x) * mask.flatten(0, 1)[:, None, :, None]


@pytest.mark.parametrize("word", WHITEN)
def test_graph_convolutions_with_whitening_are_the_blocks_that_have_names(word: str) -> None:
    assert whitened_name("gcn", word) == NAMED[word]
    row, named = network("agcn_7l", whiten=word), network("agcn_7l", blocks=NAMED[word])
    assert row.block_names == named.block_names == [NAMED[word]] * 7
    assert [type(part) for part in row.modules()] == [type(part) for part in named.modules()]
    assert list(row.state_dict()) == list(named.state_dict())
    assert torch.equal(row(clips()), named(clips()))


def test_a_list_has_a_word_for_every_layer() -> None:
    words = ["none", "node", "frame", "node+frame", "channel", "none", "none"]
    assert network("agcn_7l", whiten=words).block_names == ["gcn", "gdn2", "gdn_t", "gdn_e", "gdn_c", "gcn", "gcn"]
    assert network("st_gdn2", whiten="frame").block_names == ["gdn_e"] * 7
    assert network("st_gcn", whiten="node+frame").block_names == ["st_gcn+node+frame"] * 10


def test_a_patch_of_frames_in_front_of_a_graph_convolution_and_of_another_filter() -> None:
    patch = {"whiten": "channel", "whitening": {"patch": 3}}
    row, named = network("agcn_7l", **patch), network("agcn_7l", blocks="gdn_c", whitening={"patch": 3})
    assert torch.equal(row(clips()), named(clips()))
    spatial = parts(network("st_gcn", **patch), Whitened)[1]
    assert spatial.filter.theta.in_channels == spatial.whitening.size == 3 * 8


@pytest.mark.parametrize("axis", ["node", "channel", "frame"])
@pytest.mark.parametrize("kind", [MaskedGCN, Gate])
def test_any_filter_gets_features_that_are_whitened_sample_by_sample(axis: str, kind: type[nn.Module]) -> None:
    filter = kind(C, C, PHYSICAL).double()
    scramble(filter)
    ours, theirs = (
        Whitened(Whitening(axis, SIZES[axis]).double(), filter),
        literal_networks.Deconvolution(axis, SIZES[axis]).double(),
    )
    mask = some_seen()
    for training in (True, True, False):  # evaluation after two batches
        ours.train(training)
        theirs.train(training)
        inputs = [features().requires_grad_(), features().requires_grad_()]
        found, expected = ours(inputs[0], mask), filter(theirs(inputs[1], mask.flatten(0, 1)), mask)
        torch.testing.assert_close(found, expected, atol=1e-11, rtol=0)
        gradients = [torch.autograd.grad(y.sin().sum(), x)[0] for x, y in zip(inputs, (found, expected), strict=True)]
        torch.testing.assert_close(*gradients, atol=1e-10, rtol=0)


def test_filters_of_a_user_know_their_options_and_the_frames_behind_the_strides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Strided(TCN):
        """A temporal filter of a user."""

    monkeypatch.setitem(BLOCKS, "own", Filters(Gate, Strided))
    options = {"channels": [C, C], "strides": [2, 1], "blocks": "own", "width": 1.0, "kernel_size": 3, "factor": 3.0}
    net = network("agcn_7l", **options, whiten="node+frame")
    assert net.block_names == ["own+node+frame"] * 2
    assert [part.factor for part in parts(net, Gate)] == [3.0, 3.0]
    assert [part.size for part in parts(net, Whitening)] == [20, 9, 20, 5]
    assert {part.kernel_size for part in parts(net, FrameConvolution) if part.kernel_size[0] > 1} == {(3, 1)}
    net(clips()).sum().backward()
    assert all(part.running_mean.any() for part in parts(net, Whitening))


@pytest.mark.parametrize("name", ["st_gcn", "ctr_gcn"])
def test_empty_bodies_computed_once_give_the_same_scores(name: str) -> None:
    once, each = (network(name, dropout=0.0, whiten="node+frame", empty_bodies=mode) for mode in ("dedup", "padded"))
    x = clips(4)
    x[1:, ..., 1] = 0
    for net in (once, each):
        scramble(net)
    for training in (True, True, False):
        torch.testing.assert_close(once.train(training)(x), each.train(training)(x), atol=1e-11, rtol=0)


@pytest.mark.parametrize(
    ("name", "whiten", "message"),
    [
        ("agcn_7l", "nodes", "unknown choice of whiten 'nodes', allowed: none, node, .*did you mean 'node'"),
        ("agcn_7l", "frame+node", "unknown choice of whiten 'frame\\+node', allowed: .*node\\+frame"),
        ("agcn_7l", None, "unknown choice of whiten 'None', allowed: none, .*did you mean 'none'"),
        ("agcn_7l", ["node"] * 6, "model.whiten has 6 entries and model.channels 7: give 7 entries"),
        ("st_gdn2", "node", "nodes in front of a GDN, which whitens nodes itself: give none for its layer, or a block"),
        ("st_gdcn", "node", "nodes in front of a GDCN"),
        ("st_gdn_t", "frame", "frames in front of a TDN"),
        ("st_gdn_e", ["none"] * 6 + ["node+frame"], "nodes in front of a GDN"),
    ],
)
def test_mistakes_raise(name: str, whiten: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        network(name, whiten=whiten)


def test_two_axes_of_one_filter_may_be_whitened_one_after_the_other() -> None:
    net = network("st_gdn2", whiten="channel")
    assert net.block_names == ["gdn2+channel"] * 7
    assert [part.axis for part in parts(net.layers[0], Whitening)] == ["channel", "node"]  # pyright: ignore
    with pytest.raises(InputError, match="channels in front of a Whitened"):
        Whitened(Whitening("channel", C), Whitened(Whitening("channel", C), nn.Identity()))


def test_filters_of_a_whitened_name_are_those_of_the_pair() -> None:
    settings = {"whitening": partial(Whitening, iterations=3), "frames": T, "stride": 1}
    spatial, temporal = make_filters("st_gcn+node", C, C, PHYSICAL, settings)
    assert isinstance(spatial, Whitened)
    assert isinstance(spatial.filter, MaskedGCN)
    assert spatial.whitening.iterations == 3
    assert type(temporal) is TCN
    spatial, _ = make_filters("gdn2", C, C, PHYSICAL, settings)
    assert isinstance(spatial, GDN)
    assert issubclass(GDN, GCN)


def test_bf16_stays_finite() -> None:
    net: Network = network("st_gcn", whiten="node+frame").float()
    with torch.autocast("cpu", torch.bfloat16):
        scores = net(clips().float())
    scores.float().square().sum().backward()
    assert scores.isfinite().all()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in net.parameters())
