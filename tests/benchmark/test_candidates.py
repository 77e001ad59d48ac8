"""What is measured is what it is called: published networks compute the same, others lack nothing but whitening."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from tests.conftest import ROOT
from tests.model.networks import clips, network, parts, scramble

from stgdn.benchmark.candidates import Candidate, candidates, compose, published_form
from stgdn.benchmark.unwhitened import without_whitening
from stgdn.errors import InputError
from stgdn.model.fold import fold
from stgdn.model.network import Network
from stgdn.model.spatial import GCN, GDN
from stgdn.model.temporal import TDN
from stgdn.model.whitening import Whitening

SMALL = ("data=nw_ucla", "data.bodies=2", "data.frames=9", "width=0.125")
NOTHING = {"literal": [], "variants": [], "unwhitened": [], "module": [], "module_options": None}


@functools.cache
def small_config(name: str) -> dict[str, Any]:
    """Return the config of a narrow network for short clips of 20 joints."""
    return compose(name, SMALL)


@pytest.fixture(autouse=True, scope="module")
def _configs() -> Iterator[None]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield


@pytest.mark.parametrize("name", ["agcn", "agcn_7l", "st_gcn", "st_gcn_pp", "ctr_gcn"])
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_published_networks_compute_the_same(name: str, training: bool) -> None:
    config: dict[str, Any] = small_config(name) | {"dropout": 0.0}
    ours: Any = Candidate(name, "variant", config).build().double().train(training)
    scramble(ours)
    theirs = published_form(ours, config["layout"]).double().train(training)
    x = clips()
    x += 1e-3 * torch.randn(
        x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype
    )  # no two frames are equal
    inputs = x.clone().requires_grad_(), x.clone().requires_grad_()
    scores = ours(inputs[0]), theirs(inputs[1])
    assert float(scores[0].detach().std()) > 1e-2
    torch.testing.assert_close(*scores, atol=1e-9, rtol=0)
    gradients = [torch.autograd.grad(y.sin().sum(), x)[0] for x, y in zip(inputs, scores, strict=True)]
    torch.testing.assert_close(*gradients, atol=1e-8 * float(gradients[0].abs().max()), rtol=1e-8)


@pytest.mark.parametrize("name", ["agcn", "agcn_7l", "ctr_gcn"])
def test_literal_rows_have_the_weights_of_ours(name: str) -> None:
    config, x = small_config(name), clips().float()
    ours, theirs = (Candidate(name, kind, config).build().eval() for kind in ("variant", "literal"))
    assert type(theirs).__module__ == "stgdn.model.literal_networks"
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-5)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_only_what_was_published_is_literal() -> None:
    with pytest.raises(InputError, match="block 'gdcn' has no published form; give agcn"):
        Candidate("st_gdn", "literal", small_config("st_gdn")).build()


def identity_whitening(net: Network) -> Network:
    """Let every whitening be the identity in evaluation, but for the diagonal's floor and five iterations."""
    for part in parts(net, Whitening):
        part.running_transform = lambda size=part.size: (torch.zeros(1, size).double(), torch.eye(size)[None].double())
    return net


@pytest.mark.parametrize(
    ("name", "whiten"),
    [*((name, "none") for name in ("st_gdn", "st_gdn2", "st_gdn_t", "st_gdn_e", "st_gdcn")), ("st_gcn", "node+frame")],
)
def test_without_whitening_is_whitening_by_the_identity(name: str, whiten: str) -> None:
    whitened = network(name, whiten=whiten).eval()
    scramble(whitened)
    bare = network(name, whiten=whiten).eval()
    bare.load_state_dict(whitened.state_dict())
    without_whitening(bare)
    assert not parts(bare, Whitening)
    assert not parts(bare, GDN)
    assert not parts(bare, TDN)
    expected = identity_whitening(whitened)(clips())
    torch.testing.assert_close(bare(clips()), expected)
    torch.testing.assert_close(fold(bare)(clips()), expected)
    sizes = [sum(parameter.numel() for parameter in net.parameters()) for net in (bare, whitened)]
    assert sizes[0] == sizes[1]


def test_two_branches_stay_two() -> None:
    bare = Candidate("st_gdn", "unwhitened", small_config("st_gdn")).build()
    filters = [part.theta.weight.shape[1] for part in bare.modules() if isinstance(part, GCN)]
    assert filters == [6, 6, 6, 6, 3, 3, 3]


def test_without_whitening_where_there_is_none() -> None:
    with pytest.raises(InputError, match="whitens no joints and no frames"):
        without_whitening(network("agcn_7l"))
    with pytest.raises(InputError, match="graphs=shared"):
        without_whitening(network("st_gdcn", graphs="separate"))


def test_rows_in_the_order_of_the_table() -> None:
    given = NOTHING | {
        "literal": ["agcn"],
        "variants": ["agcn", "agcn model.terms=[learned]"],
        "unwhitened": ["st_gdn"],
        "module": ["a.py:Net", "b.py:Net", "b.py:Other"],
        "module_options": [{"a": 1}, {}, {"b": 2}],
    }
    chosen = candidates(given, SMALL)
    assert [one.name for one in chosen] == [
        *("literal agcn", "agcn", "agcn model.terms=[learned]", "st_gdn without whitening"),
        *("a.py:Net", "b.py:Net", "Other"),
    ]
    assert [one.kind for one in chosen] == ["literal", "variant", "variant", "unwhitened", *["module"] * 3]
    assert chosen[2].config["terms"] == ["learned"]
    assert chosen[-1].config == {"place": "b.py:Other", "options": {"b": 2}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing to measure"),
        ({"variants": ["agnc"]}, "unknown network 'agnc'.*did you mean 'agcn'"),
        ({"variants": ["agcn model.blokcs=gcn"]}, "model.blokcs"),
        ({"variants": ["agcn", "agcn"]}, "'agcn' is to be measured twice"),
        ({"module": ["net.py"]}, "net.py is not PATH:CLASS"),
        ({"module": ["a.py:A"], "module_options": 3}, "module_options=3 is not"),
        ({"module": ["a.py:A"], "module_options": [{}, {}]}, "has 2 entries and module 1"),
    ],
)
def test_mistakes_get_one_sentence(given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        candidates(NOTHING | given, SMALL)


def test_networks_are_the_same_every_time() -> None:
    candidate = Candidate("st_gdn", "variant", small_config("st_gdn"))
    first, second = (candidate.build().state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
