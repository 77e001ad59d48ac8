"""Empty bodies computed once, or left out: against the network that computes every body."""

from typing import Any

import pytest
import torch
from tests.model.networks import NETWORKS, clips, network, scramble
from torch import Tensor

from stgdn.errors import InputError
from stgdn.model.empty_bodies import pack, pack_present, seen_frames
from stgdn.model.network import Network
from stgdn.model.norm import BatchNorm

PRESENT = torch.tensor([[1, 0], [1, 1], [1, 0], [0, 0], [1, 1], [1, 0]]).bool()


def some_with_one_body(N: int = 6) -> Tensor:
    """Return clips of which every second has one body, and the last has none."""
    x = clips(N)
    x[::2, ..., 1] = 0
    x[-1] = 0
    return x


def twins(name: str, **options: Any) -> tuple[Network, Network]:  # noqa: ANN401
    """The same network twice: empty bodies computed once, and every body computed."""
    nets = [network(name, dropout=0.0, empty_bodies=mode, **options) for mode in ("dedup", "padded")]
    for net in nets:
        scramble(net)
    return nets[0], nets[1]


def rows_of(net: Network, x: Tensor) -> int:
    """Return the number of bodies that the layers of a network compute."""
    found = []
    hook = net.layers[0].register_forward_hook(lambda _layer, inputs, _output: found.append(len(inputs[0])))
    net(x)
    hook.remove()
    return found[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_empty_bodies_computed_once_give_the_same(name: str) -> None:
    deduplicated, padded = twins(name)
    x, labels = some_with_one_body(), torch.tensor([0, 3, 1, 2, 2, 4])
    for training in (True, True, False):
        scores = []
        for net in (deduplicated, padded):
            net.train(training).zero_grad()
            scores.append(net(x))
            torch.nn.functional.cross_entropy(scores[-1], labels).backward()
        scale = max(1, float(scores[1].detach().abs().max()) / 10)  # scores of ctr_gcn with such weights are large
        torch.testing.assert_close(scores[0], scores[1], atol=scale * 1e-12, rtol=0)
        for (part, ours), (_, theirs) in zip(deduplicated.named_parameters(), padded.named_parameters(), strict=True):
            assert ours.grad is not None
            torch.testing.assert_close(
                ours.grad, theirs.grad, atol=scale * 1e-11, rtol=1e-9, msg=lambda text, p=part: p + text
            )
    for (part, ours), (_, theirs) in zip(deduplicated.named_buffers(), padded.named_buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=0, msg=lambda text, p=part: p + text)


def test_fewer_bodies_are_computed() -> None:
    deduplicated, padded = twins("st_gdn")
    x = some_with_one_body()  # six clips: one without a body, so one empty first body and four empty second ones
    assert rows_of(padded, x) == 12
    assert rows_of(deduplicated, x) == 12 - 3


def test_without_empty_bodies_nothing_is_packed() -> None:
    deduplicated, padded = twins("st_gdn")
    x = clips(4)[1:]
    assert pack(seen_frames(x).any(dim=2)) is None
    assert rows_of(deduplicated, x) == rows_of(padded, x) == 6


def test_every_body_is_computed_if_packing_is_not_exact() -> None:
    net = network("st_gdn", whitening={"statistics": "instance"})
    assert rows_of(net, some_with_one_body()) == 12


def test_dropout_with_the_same_mask_for_all_bodies_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    deduplicated, padded = (network("st_gcn", empty_bodies=mode) for mode in ("dedup", "padded"))
    for net in (deduplicated, padded):
        scramble(net)
    every_third = lambda y, _share: y * (torch.arange(y[0].numel()).view(y.shape[1:]) % 3 > 0)  # noqa: E731
    monkeypatch.setattr("stgdn.model.block.drop_features", every_third)
    x = some_with_one_body()
    assert rows_of(deduplicated, x) == 9
    scores = [net(x) for net in (deduplicated, padded)]
    torch.testing.assert_close(scores[0], scores[1], atol=1e-12, rtol=0)
    for y in scores:
        y.square().sum().backward()
    for ours, theirs in zip(deduplicated.parameters(), padded.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-11, rtol=1e-9)


def test_dropout_leaves_the_distribution_of_a_clips_scores() -> None:
    rows = {"channels": [8, 8, 8], "strides": 1}
    nets = [network("st_gcn", empty_bodies=mode, **rows) for mode in ("dedup", "padded")]
    x, draws = some_with_one_body(), []
    for net in nets:
        scramble(net)
        for norm in (part for part in net.modules() if isinstance(part, BatchNorm)):
            norm.eval()  # statistics of a batch would couple its clips
        torch.manual_seed(1)
        draws.append(torch.stack([net(x) for _ in range(400)]).detach())
    means, deviations = ([values(part, 0) for part in draws] for values in (torch.mean, torch.std))
    assert deviations[1].min() > 1e-4
    assert ((means[0] - means[1]).abs() < 5 * deviations[1] / 400**0.5 * 2**0.5).all()
    torch.testing.assert_close(deviations[0], deviations[1], atol=0, rtol=0.25)  # its own error is 1/√800 = 4 %


@pytest.mark.parametrize("multiple", [1, 2])
def test_packing_of_an_example(multiple: int) -> None:
    packing = pack(PRESENT, multiple)
    assert packing is not None
    assert packing.counts is not None
    assert packing.rows[:9].tolist() == [0, 2, 3, 4, 8, 9, 10, 6, 1]  # seen ones, then an empty first and second body
    assert packing.counts.row_counts.tolist() == [1.0] * 7 + [1.0, 4.0] + [0.0] * (0 if multiple == 1 else 1)
    assert packing.counts.num_single == (7 if multiple == 1 else 0)
    assert packing.positions.tolist() == [0, 8, 1, 2, 3, 8, 7, 8, 4, 5, 6, 8]


def test_nothing_is_packed_if_filling_up_costs_as_much_as_is_saved() -> None:
    assert pack(PRESENT, 3) is not None  # saves three of five empty bodies
    assert pack(PRESENT, 4) is None


def test_masked_bodies_do_not_count() -> None:
    net = network("st_gdn", empty_bodies="masked", bodies=2)
    scramble(net)
    net.train()(clips(4))
    net.eval()
    x = clips(4)
    single = x.clone()
    single[..., 1] = 0
    scores = net(single)
    features = net.features(single).unflatten(0, (4, 2)).mean(dim=(3, 4))
    torch.testing.assert_close(scores, net.classifier(features[:, 0]))
    torch.testing.assert_close(net(x)[1:], net.classifier(net.features(x).unflatten(0, (4, 2)).mean(dim=(1, 3, 4)))[1:])


def test_masked_clips_without_any_body() -> None:
    net = network("agcn_7l", empty_bodies="masked")
    torch.testing.assert_close(net(torch.zeros_like(clips())), net.classifier.bias.expand(3, -1))
    assert pack_present(torch.zeros(2, 2, dtype=torch.bool)).positions.tolist() == [0] * 4


def test_an_unknown_mode_raises() -> None:
    with pytest.raises(InputError, match=r"unknown treatment of empty bodies 'dedupe'.*did you mean 'dedup'"):
        network("agcn_7l", empty_bodies="dedupe")
