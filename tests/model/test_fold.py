"""Folded networks: the same scores without statistics."""

import pytest
import torch
from tests.model.networks import NETWORKS, V, clips, network, parts, scramble
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.block import BLOCKS, Filters
from stgdn.model.empty_bodies import Counts
from stgdn.model.fold import fold
from stgdn.model.network import Network
from stgdn.model.norm import Affine, BatchNorm
from stgdn.model.spatial import GCN, GDN
from stgdn.model.temporal import TCN
from stgdn.model.whitening import Whitening

CASES: dict[str, tuple[str, dict]] = {
    **{name: (name, {}) for name in NETWORKS},
    "gdn_c": ("agcn_7l", {"blocks": "gdn_c"}),
    "patches": ("agcn_7l", {"blocks": "gdn_c", "whitening": {"patch": 3}}),
    "whiten any filter": ("st_gcn", {"whiten": "node+frame"}),
    "whiten filters with norms of their own": ("ctr_gcn", {"whiten": "node+frame"}),
    "whiten mixed branches": ("st_gcn_pp", {"whiten": "node+frame"}),
    "whiten channels": ("st_gcn", {"whiten": "channel", "whitening": {"patch": 3}}),
    "whiten both": ("st_gdcn", {"whiten": ["channel", "frame"] * 3 + ["none"]}),
    "pair_norm": ("agcn_7l", {"blocks": "pair_norm"}),
    "two graphs": ("st_gdcn", {"graphs": "separate"}),
    "no attention": ("st_gdn", {"terms": ("physical", "learned")}),
    "one body": ("st_gdn", {"bodies": 1}),
}


def trained(case: str) -> Network:
    """A network that has seen two batches."""
    name, options = CASES[case]
    net = network(name, **options)
    scramble(net)
    for seed in range(2):
        net(clips(4, seed=seed)[..., : net.clip_shape[3]])
    return net


@pytest.mark.parametrize("case", CASES)
def test_scores_are_those_of_evaluation(case: str) -> None:
    net = trained(case)
    x = clips(5, seed=7)[..., : net.clip_shape[3]]
    folded = fold(net)
    assert net.training  # the network is left as it was
    expected = net.eval()(x)
    assert float(expected.detach().std()) > 1e-2
    scale = max(1, float(expected.detach().abs().max()) / 10)  # scores of ctr_gcn with such weights are large
    torch.testing.assert_close(folded(x), expected, atol=scale * 1e-12, rtol=0)
    torch.testing.assert_close(fold(net.float())(x.float()).double(), expected, atol=scale * 3e-5, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_the_statistics_is_left(case: str) -> None:
    folded = fold(trained(case))
    assert not parts(folded, BatchNorm)
    assert not parts(folded, Whitening)
    assert not [name for name, _ in folded.named_buffers() if "running" in name]
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_features_are_the_same_in_every_layer() -> None:
    net, seen, expected = trained("st_gdn").eval(), {}, {}
    fold(net).features(clips(), watch=seen.__setitem__)
    net.features(clips(), watch=expected.__setitem__)
    for layer, features in expected.items():
        torch.testing.assert_close(seen[layer], features, atol=1e-12, rtol=0)


def test_states_carry_the_folded_network() -> None:
    net, other = fold(trained("st_gdn")), fold(network("st_gdn"))
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(clips()), net(clips()))


def test_training_mode_changes_nothing() -> None:
    net = fold(trained("st_gdn"))
    scores = net(clips())
    torch.testing.assert_close(net.train()(clips()), scores)


def test_networks_that_cannot_be_folded_raise() -> None:
    with pytest.raises(InputError, match="statistics=instance"):
        fold(network("st_gdn", whitening={"statistics": "instance"}))
    with pytest.raises(InputError, match="folded already"):
        fold(fold(network("st_gdn")))


class Scaled(TCN):
    """A temporal filter with a learned factor behind it, with its own folded form."""

    def __init__(self, channels: int, *, kernel_size: int = 9, stride: int = 1) -> None:
        super().__init__(channels, kernel_size=kernel_size, stride=stride)
        self.factor = nn.Parameter(torch.tensor(3.0))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.factor * super().forward(x, mask)

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        return self.theta.folded(self.factor * scale, shift)


class Gated(nn.Module):
    """A spatial filter that no factor of a channel can be moved into; its graph filter is the suite's."""

    def __init__(self, in_channels: int, out_channels: int, physical: Tensor, *, terms: tuple[str, ...]) -> None:
        super().__init__()
        self.graph = GDN(in_channels, out_channels, physical, terms=terms)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.graph(x, mask).tanh()

    def folded(self, scale: Tensor, shift: Tensor) -> nn.Module:
        return nn.Sequential(
            self.graph.folded(torch.ones_like(scale), torch.zeros_like(shift)), nn.Tanh(), Affine(scale, shift)
        )


class Shifted(nn.Module):
    """A norm with constants only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.linspace(-1, 1, channels))

    def forward(self, x: Tensor, counts: Counts | None = None) -> Tensor:  # noqa: ARG002
        return 2 * x + self.bias.view(-1, *[1] * (x.ndim - 2))

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        return torch.full_like(self.bias, 2).double(), self.bias.double()


@pytest.fixture
def own_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BLOCKS, "own", Filters(Gated, Scaled))


@pytest.mark.usefixtures("own_blocks")
def test_filters_and_norms_of_a_user_are_folded_by_their_own_forms() -> None:
    net = network("agcn_7l", blocks=["gdcn", "own"] * 3 + ["gdn_e"])
    net.input_norm = Shifted(2 * V * 3)
    net.layers[1].spatial_norm = Shifted(net.channels[1])
    net.double()
    scramble(net)
    net(clips(4))
    folded, x = fold(net), clips(5, seed=7)
    assert not parts(folded, BatchNorm)
    assert not parts(folded, Whitening)
    assert not parts(folded, Gated)
    torch.testing.assert_close(folded(x), net.eval()(x), atol=1e-12, rtol=0)
    exported = torch.export.export(folded, (clips(2),), dynamic_shapes={"clips": {0: torch.export.Dim("batch")}})
    torch.testing.assert_close(exported.module()(x), net(x), atol=1e-12, rtol=0)


class Louder(GCN):
    """It has the folded form of another function, its parent's."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return 2 * super().forward(x, mask)


class Quiet(GCN):
    """It computes what its parent computes."""


def test_filters_and_norms_without_a_folded_form_of_their_own_raise() -> None:
    net = network("agcn_7l")
    (filter_, *_) = parts(net, GCN)
    filter_.__class__ = Quiet
    fold(net)
    filter_.__class__ = Louder
    with pytest.raises(InputError, match=r"^Louder cannot be folded: it has no method folded beside its forward"):
        fold(net)
    net = network("agcn_7l")
    net.layers[2].temporal_norm = nn.BatchNorm2d(8)
    with pytest.raises(InputError, match=r"^BatchNorm2d cannot be folded: it has no method scale_and_shift"):
        fold(net)


def test_an_affine_layer_stands_for_the_input_norm() -> None:
    folded = fold(trained("st_gdn"))
    assert not isinstance(folded.input_norm, nn.modules.batchnorm._BatchNorm)
