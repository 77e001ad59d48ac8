"""Compiled and recomputed networks compute what they compute otherwise."""

import copy
import pickle
from functools import partial
from typing import Any

import pytest
import torch
from tests.model import weights
from tests.model.networks import NETWORKS, clips, network

from stgdn.errors import InputError
from stgdn.model.network import Network

LAYERS = {"channels": [64, 64], "strides": [1, 2], "blocks": ["gdcn", "gdn_e"], "dropout": 0.0}


def scrambled(name: str, **options: Any) -> Network:  # noqa: ANN401
    net = network(name, **options)
    weights.scramble(net)
    return net


def same_step(ours: Network, theirs: Network, N: int) -> None:
    """Scores, gradients and running statistics of one step in training."""
    x = clips(N)
    x[: N - 2, ..., 1] = 0
    scores = []
    for net in (ours, theirs):
        net.train().zero_grad()
        torch.manual_seed(1)
        scores.append(net(x))
        scores[-1].sin().sum().backward()
    torch.testing.assert_close(*scores, atol=1e-11, rtol=0)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-10, rtol=1e-8)
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-11, rtol=0)


@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor", "ignore:.*should not be instantiated"
)  # the tracer's
def test_compiled_as_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def traced(function: Any, *, fullgraph: bool, mode: str | None) -> Any:  # noqa: ANN401
        """Traced and differentiated by the compiler, but not made into code, which takes minutes on a CPU."""
        asked.append((fullgraph, mode))
        return compile_(function, fullgraph=fullgraph)

    compile_ = partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    ours, theirs = (scrambled("st_gdn", **LAYERS, compile=way) for way in (True, False))
    for N in (12, 9):  # 14 and 11 bodies to compute, filled up to 16
        same_step(ours, theirs, N)
    for net in (ours, theirs):
        net.eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(clips()), theirs(clips()), atol=1e-11, rtol=0)
    assert asked == [(True, None)]
    for twin in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert twin._compiled is None


def test_unknown_modes_are_told() -> None:
    with pytest.raises(
        InputError, match=r"unknown mode of compiling 'reduce_overhead'.*did you mean 'reduce-overhead'"
    ):
        network("agcn_7l", compile="reduce_overhead")
    with pytest.raises(InputError, match=r"leave out model\.checkpointing"):
        network("agcn_7l", compile=True, checkpointing=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_recomputed_layers_are_the_same(name: str) -> None:
    ours, theirs = scrambled(name, checkpointing=True), scrambled(name)
    for _ in range(2):  # running averages move once a step
        same_step(ours, theirs, 4)
    torch.testing.assert_close(ours.eval()(clips()), theirs.eval()(clips()), atol=1e-12, rtol=0)


def test_recomputing_keeps_less() -> None:
    def kept(net: Network) -> int:
        sizes: list[int] = []

        def count(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            net(clips())
        return sum(sizes)

    assert kept(network("st_gdn", checkpointing=True)) < kept(network("st_gdn")) / 4
