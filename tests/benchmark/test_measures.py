"""What is done while the clock runs is what its name says."""

from typing import Any

import pytest
import torch
from tests.model.networks import CLASSES, clips, network, scramble
from torch import nn

from stgdn.benchmark.measures import MOMENTUM, WEIGHT_DECAY, Batch, Setting, batches, folded, fused_sgd, measure
from stgdn.model.fold import fold
from stgdn.training.recognizer import Optimisation

SETTING = Setting("cpu", "float32", compile=False, threads=1)
GIVEN = [Batch(clips().float(), torch.tensor([0, 3, 1])), Batch(clips(seed=1).float(), torch.tensor([1, 2, 4]))]


def small(name: str = "st_gdn") -> Any:  # noqa: ANN401
    net = network(name).float()
    scramble(net)
    return net


@pytest.mark.parametrize(("share", "counts"), [(0.25, [4, 5, 3]), (0.0, [0, 0, 0]), (1.0, [16, 16, 16])])
def test_batches_have_the_share_of_pairs(share: float, counts: list[int]) -> None:
    made = batches((3, 8, 25, 2), 16, share, 60, "cpu")
    assert [int((batch.clips[..., 1] != 0).flatten(1).any(1).sum()) for batch in made] == counts
    assert all((batch.clips[..., 0] != 0).flatten(1).any(1).all() for batch in made)
    assert all(0 <= int(batch.labels.min()) <= int(batch.labels.max()) < 60 for batch in made)
    again = batches((3, 8, 25, 2), 16, share, 60, "cpu")
    assert torch.equal(made[0].clips, again[0].clips)


def test_single_bodies_are_whole() -> None:
    assert (batches((3, 8, 25, 1), 4, 0.25, 60, "cpu")[0].clips != 0).all()


def test_the_optimiser_is_the_recipes() -> None:
    recipe, group = Optimisation(), fused_sgd(small()).param_groups[0]
    assert (recipe.momentum, recipe.weight_decay) == (MOMENTUM, WEIGHT_DECAY)
    assert (group["momentum"], group["weight_decay"]) == (recipe.momentum, recipe.weight_decay)
    assert group["nesterov"]
    assert group["fused"]


def test_forward_is_training_mode_with_a_graph() -> None:
    net, twin = small(), small().train()
    scores = measure("forward", net, GIVEN, SETTING)(1)
    assert scores.requires_grad
    torch.testing.assert_close(scores, twin(GIVEN[1].clips))


def test_backward_leaves_gradients_and_weights() -> None:
    net, twin = small(), small().train()
    before = [parameter.clone() for parameter in net.parameters()]
    call = measure("backward", net, GIVEN, SETTING)
    call(1)
    nn.functional.cross_entropy(twin(GIVEN[1].clips), GIVEN[1].labels).backward()
    for own, other, old in zip(net.parameters(), twin.parameters(), before, strict=True):
        torch.testing.assert_close(own.grad, other.grad)
        assert torch.equal(own, old)
    first = [parameter.grad.clone() for parameter in net.parameters()]
    net.load_state_dict(twin.state_dict())
    call(1)
    for own, old in zip(net.parameters(), first, strict=True):
        torch.testing.assert_close(own.grad, old)  # not added to what was there


def test_steps_learn() -> None:
    net = small()
    call = measure("step", net, GIVEN[:1], SETTING)

    def loss() -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(net(GIVEN[0].clips), GIVEN[0].labels))

    before = loss()
    for n in range(20):
        call(n)
    assert loss() < before


def test_inference_is_folded_evaluation() -> None:
    net, twin = small(), small().eval()
    scores = measure("inference", net, GIVEN, SETTING)(0)
    assert not scores.requires_grad
    torch.testing.assert_close(scores, fold(twin)(GIVEN[0].clips))
    torch.testing.assert_close(scores, twin(GIVEN[0].clips), rtol=1e-3, atol=1e-4)


def test_others_are_not_folded() -> None:
    other = nn.Sequential(nn.Flatten(), nn.Linear(6, CLASSES))
    assert folded(other) is other
    assert not other.training


def test_bf16_is_autocast() -> None:
    setting = Setting("cpu", "bf16", compile=False, threads=1)
    assert measure("forward", small("agcn_7l"), GIVEN, setting)(0).dtype == torch.bfloat16
    net = small("agcn_7l")
    measure("backward", net, GIVEN, setting)(0)
    assert all(parameter.grad.dtype == torch.float32 for parameter in net.parameters())
