"""Folded networks: the same scores without statistics."""

import pytest
import torch
from tests.model.networks import NETWORKS, clips, network, parts, scramble
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.fold import fold
from stgdn.model.network import Network
from stgdn.model.norm import BatchNorm
from stgdn.model.spatial import GCN
from stgdn.model.whitening import Whitening

CASES: dict[str, tuple[str, dict]] = {
    **{name: (name, {}) for name in NETWORKS},
    "gdn_c": ("agcn_7l", {"blocks": "gdn_c"}),
    "patches": ("agcn_7l", {"blocks": "gdn_c", "whitening": {"patch": 3}}),
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
    torch.testing.assert_close(folded(x), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(fold(net.float())(x.float()).double(), expected, atol=1e-5, rtol=0)


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


def test_unknown_filters_raise() -> None:
    class Louder(GCN):
        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return 2 * super().forward(x, mask)

    net = network("agcn_7l")
    (filter_, *_) = parts(net, GCN)
    filter_.__class__ = Louder
    with pytest.raises(InputError, match=r"has a filter Louder, only GCN, GDN, .* can be folded"):
        fold(net)


def test_an_affine_layer_stands_for_the_input_norm() -> None:
    folded = fold(trained("st_gdn"))
    assert not isinstance(folded.input_norm, nn.modules.batchnorm._BatchNorm)
