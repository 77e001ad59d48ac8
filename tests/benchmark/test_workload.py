"""The call that is timed does what its name says, on batches as described."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import yaml
from tests.conftest import ROOT
from tests.model.networks import CLASSES, clips, network, scramble
from torch import nn

from stgdn.benchmark.workload import SGD, Batch, Workload, timed_call
from stgdn.model.fold import fold

WORKLOAD = Workload((3, 9, 20, 2), CLASSES, 3, 0.25)
GIVEN = [Batch(clips().float(), torch.tensor([0, 3, 1])), Batch(clips(seed=1).float(), torch.tensor([1, 2, 4]))]


def small(name: str = "st_gdn") -> Any:  # noqa: ANN401
    net = network(name).float()
    scramble(net)
    return net


@pytest.mark.parametrize(("share", "counts"), [(0.25, [4, 5, 3]), (0.0, [0, 0, 0]), (1.0, [16, 16, 16])])
def test_batches_have_the_share_of_pairs(share: float, counts: list[int]) -> None:
    workload = Workload((3, 8, 25, 2), 60, 16, share)
    made = workload.batches()
    assert [int((batch.clips[..., 1] != 0).flatten(1).any(1).sum()) for batch in made] == counts
    assert all((batch.clips[..., 0] != 0).all() for batch in made)
    assert all(0 <= int(batch.labels.min()) <= int(batch.labels.max()) < 60 for batch in made)
    assert torch.equal(made[0].clips, workload.batches()[0].clips)
    assert (Workload((3, 8, 25, 1), 60, 4, 0.25).batches()[0].clips != 0).all()  # single bodies are whole


def test_the_optimizer_is_the_recipes() -> None:
    recipe = yaml.safe_load((ROOT / "conf" / "optimizer" / "sgd.yaml").read_text())
    for name in ("momentum", "nesterov", "weight_decay", "fused"):
        assert SGD[name] == recipe[name]


def test_forward_is_training_mode_with_a_graph() -> None:
    net, twin = small(), small().train()
    scores = timed_call("forward", net, WORKLOAD, GIVEN)(1)
    assert scores.requires_grad
    torch.testing.assert_close(scores, twin(GIVEN[1].clips))


def test_backward_leaves_gradients_and_weights() -> None:
    net, twin = small(), small().train()
    before = [parameter.clone() for parameter in net.parameters()]
    call = timed_call("backward", net, WORKLOAD, GIVEN)
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
    net = small("agcn_7l")
    call = timed_call("step", net, WORKLOAD, GIVEN[:1])

    def loss() -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(net(GIVEN[0].clips), GIVEN[0].labels))

    before = loss()
    for n in range(20):
        call(n)
    assert loss() < before


def test_inference_is_folded_evaluation() -> None:
    net, twin = small(), small().eval()
    scores = timed_call("inference", net, WORKLOAD, GIVEN)(0)
    assert not scores.requires_grad
    torch.testing.assert_close(scores, fold(twin)(GIVEN[0].clips))
    torch.testing.assert_close(scores, twin(GIVEN[0].clips), rtol=1e-3, atol=1e-4)


def test_other_networks_are_evaluated_as_they_are() -> None:
    other = nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 20 * 2, CLASSES), nn.Dropout())
    scores = timed_call("inference", other, WORKLOAD, GIVEN)(1)
    torch.testing.assert_close(scores, other[1](GIVEN[1].clips.flatten(1)).detach())


def test_bf16_is_autocast() -> None:
    workload, net = replace(WORKLOAD, precision="bf16"), small("agcn_7l")
    assert timed_call("forward", net, workload, GIVEN)(0).dtype == torch.bfloat16
    timed_call("backward", net, workload, GIVEN)(0)
    assert all(parameter.grad.dtype == torch.float32 for parameter in net.parameters())


def test_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[nn.Module, str | None]] = []
    monkeypatch.setattr(torch, "compile", lambda module, mode: asked.append((module, mode)) or module)
    net, other = small("agcn_7l"), nn.Flatten()
    for compile, mode in ((True, None), (False, None), ("reduce-overhead", "reduce-overhead")):
        assert replace(WORKLOAD, compile=compile).compiled(net) is net  # compiles its layers itself
        assert (net.compiles, net.compile_mode) == (bool(compile), mode)
        replace(WORKLOAD, compile=compile).compiled(other)
    assert asked == [(other, None), (other, "reduce-overhead")]


@pytest.mark.parametrize(("precision", "allowed"), [("float32", False), ("tf32", True), ("bf16", True)])
def test_convolutions_are_in_tf32_only_if_asked_for(precision: str, allowed: bool) -> None:
    before, seen = torch.backends.cudnn.allow_tf32, []
    net = small("agcn_7l")
    net.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    for measure in ("forward", "step"):
        timed_call(measure, net, replace(WORKLOAD, precision=precision), GIVEN)(0)
    assert seen == [allowed] * 2
    assert torch.backends.cudnn.allow_tf32 == before
