"""Compiled networks compute what they compute otherwise."""

import copy
import pickle
from functools import partial
from typing import Any

import pytest
import torch
from tests.model.networks import clips, network, same_step, scrambled

from stgdn.errors import InputError

LAYERS = {"channels": [64, 64], "strides": [1, 2], "blocks": ["gdcn", "gdn_e"], "dropout": 0.0}


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
    ours, theirs = (scrambled("st_gdn", **LAYERS, compile=compiled) for compiled in (True, False))
    for N in (12, 9):  # 14 and 11 bodies to compute, filled up to 16
        same_step(ours, theirs, N)
    for net in (ours, theirs):
        net.eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(clips()), theirs(clips()), atol=1e-11, rtol=0)
    assert asked == [(True, None)]
    for twin in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert twin._compiled is None


def test_unknown_modes_raise() -> None:
    with pytest.raises(
        InputError, match=r"unknown mode of compiling 'reduce_overhead'.*did you mean 'reduce-overhead'"
    ):
        network("agcn_7l", compile="reduce_overhead")
    with pytest.raises(InputError, match=r"leave out model\.checkpointing"):
        network("agcn_7l", compile=True, checkpointing=True)
