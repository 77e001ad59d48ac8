"""Whitening put into a network that is there: the same as building it with the row and loading the weights."""

import pytest
import torch
from tests.model.networks import clips, network, parts, scramble
from tests.model.test_fold import Gated, Scaled
from torch import nn

import stgdn
from stgdn.errors import InputError
from stgdn.model.backbone import Backbone
from stgdn.model.block import BLOCKS, Filters
from stgdn.model.network import Network
from stgdn.model.spatial import GDN, MaskedGCN
from stgdn.model.whitened_filters import WHITEN, Whitened
from stgdn.model.whitening import Whitening


def weights_of(net: Network) -> dict[str, torch.Tensor]:
    """Return the weights and BatchNorm's statistics by the names that they have without wrappers."""
    return {
        name.replace(".filter.", "."): value for name, value in net.state_dict().items() if ".whitening." not in name
    }


@pytest.mark.parametrize("word", WHITEN)
@pytest.mark.parametrize("name", ["agcn_7l", "st_gcn", "ctr_gcn", "own"])
def test_it_is_the_network_of_the_row_with_the_weights(name: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BLOCKS, "own", Filters(MaskedGCN, Scaled))
    options = {"blocks": "own"} if name == "own" else {"dropout": 0.0}
    plain, row = (network("agcn_7l" if name == "own" else name, whiten=one, **options) for one in ("none", word))
    scramble(plain)
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    ours = stgdn.deconvolve(plain, word)
    assert ours.block_names == row.block_names
    assert list(ours.state_dict()) == list(row.state_dict())
    weights = weights_of(plain)
    row.load_state_dict(
        {key: weights.get(key.replace(".filter.", "."), value) for key, value in row.state_dict().items()}
    )
    for training in (True, True, False):
        torch.testing.assert_close(ours.train(training)(clips(4)), row.train(training)(clips(4)), atol=1e-12, rtol=0)
    expected = row(clips())
    scale = max(1, float(expected.detach().abs().max()) / 10)  # scores of ctr_gcn with such weights are large
    torch.testing.assert_close(stgdn.fold(ours)(clips()), expected, atol=scale * 1e-12, rtol=0)
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())
    assert not parts(plain, Whitening)


def test_a_word_for_every_layer_and_options_of_whitening() -> None:
    plain = network("agcn_7l").eval()
    ours = stgdn.deconvolve(plain, ["none"] * 5 + ["node", "frame"], iterations=3, eps=0.1)
    assert ours.block_names == ["gcn"] * 5 + ["gdn2", "gdn_t"]
    found = [(part.axis, part.size, part.iterations, part.eps) for part in parts(ours, Whitening)]
    assert found == [("node", 20, 3, 0.1), ("frame", 3, 3, 0.1)]
    assert not any(part.training for part in ours.modules())
    assert ours.classifier.weight.dtype == parts(ours, Whitening)[0].running_covariance.dtype == torch.float64


def test_statistics_of_each_clip_let_no_body_be_left_out() -> None:
    ours = stgdn.deconvolve(network("agcn_7l"), "node", statistics="instance")
    assert not ours.independent_bodies
    row = network("agcn_7l", whiten="node", whitening={"statistics": "instance"})
    torch.testing.assert_close(ours(clips()), row(clips()), atol=1e-12, rtol=0)


def test_a_backbone_stays_one_and_a_second_call_adds() -> None:
    small = {"num_classes": 5, "frames": 9, "layout": "kinect20"}
    plain = Backbone([8, 8], [1, 2], ["gcn", "st_gcn"], **small)
    ours = stgdn.deconvolve(stgdn.deconvolve(plain, "node"), "frame")
    assert type(ours) is Backbone
    assert ours.block_names == ["gdn_e", "st_gcn+node+frame"]
    assert isinstance(ours.layers[0].spatial, GDN)
    assert isinstance(ours.layers[1].spatial, Whitened)
    assert ours(clips().float()).isfinite().all()


@pytest.mark.parametrize(
    ("name", "arguments", "options", "message"),
    [
        ("agcn_7l", ["nodes"], {}, "unknown choice of whiten 'nodes', allowed: none, node"),
        ("agcn_7l", [["node"] * 3], {}, "model.whiten has 3 entries and model.channels 7"),
        ("st_gdn", ["node"], {}, "nodes in front of a GDCN, which whitens nodes itself"),
        ("agcn_7l", ["channel"], {"patch": 3}, "build the network with model.whiten=channel instead"),
        ("agcn_7l", ["node"], {"floor": "none"}, "unknown whitening floor 'none'"),
    ],
)
def test_mistakes_raise(name: str, arguments: list, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stgdn.deconvolve(network(name), *arguments, **options)


def test_a_folded_network_is_refused() -> None:
    net = network("agcn_7l")
    net(clips())
    with pytest.raises(InputError, match="network is folded, for inference only: give deconvolve the network before"):
        stgdn.deconvolve(stgdn.fold(net), "node")


def test_a_filter_of_a_class_of_its_own_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BLOCKS, "own", Filters(Gated, Scaled))
    ours = stgdn.deconvolve(network("agcn_7l", blocks="own"), "frame")
    assert all(isinstance(layer.temporal.filter, Scaled) for layer in ours.layers)  # pyright: ignore
    ours(clips())
    torch.testing.assert_close(stgdn.fold(ours)(clips()), ours.eval()(clips()), atol=1e-12, rtol=0)
    assert isinstance(ours, nn.Module)
