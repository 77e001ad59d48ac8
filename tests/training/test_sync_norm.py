"""Two processes with half the batch each against torch's BatchNorm with all of it."""

import subprocess
import sys

import pytest
import torch
from tests.training import norm_ranks
from torch import Tensor, nn

from stgdn.training.sync_norm import BatchNormOverRanks


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """Return the results of each of two processes."""
    folder = tmp_path_factory.mktemp("ranks")
    outs = [folder / f"{rank}.pt" for rank in range(2)]
    commands = [
        [sys.executable, norm_ranks.__file__, str(rank), str(folder / "store"), str(out)]
        for rank, out in enumerate(outs)
    ]
    for process in [subprocess.Popen(command) for command in commands]:
        assert process.wait(timeout=240) == 0
    return [torch.load(out, weights_only=True) for out in outs]


def test_two_processes_compute_what_one_does(halves: list[dict[str, Tensor]]) -> None:
    alone = norm_ranks.steps(torchs(), *norm_ranks.batch())
    assert alone.keys() == halves[0].keys()
    for name, expected in alone.items():
        joined = name in ("outputs", "gradient of x")
        found = torch.cat([half[name] for half in halves]) if joined else halves[0][name]
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
        if not joined:
            torch.testing.assert_close(halves[1][name], found)


def torchs() -> norm_ranks.Norms:
    """The same with torch's BatchNorms."""
    model = norm_ranks.norms()
    flat, deep = nn.BatchNorm1d(len(model.flat.weight)).double(), nn.BatchNorm2d(len(model.deep.weight)).double()
    flat.load_state_dict(model.flat.state_dict())
    deep.load_state_dict(model.deep.state_dict())
    model.flat, model.deep = flat, deep  # pyright: ignore[reportAttributeAccessIssue]
    return model


def test_alone_and_in_evaluation_nothing_changes() -> None:
    plain, ranked = torchs(), BatchNormOverRanks().apply(norm_ranks.norms())
    x, _ = norm_ranks.batch()
    for training in (True, False):
        torch.testing.assert_close(ranked.train(training)(x), plain.train(training)(x), rtol=0, atol=0)


def test_names_and_tensors_stay_and_revert_undoes_it() -> None:
    model = norm_ranks.norms()
    before = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    assert before.keys() == torchs().state_dict().keys()
    sync = BatchNormOverRanks()
    sync.apply(model)
    assert model.flat.over_ranks
    assert model.deep.over_ranks
    assert {name: tensor.data_ptr() for name, tensor in model.state_dict().items()} == before
    sync.revert(model)
    assert not model.flat.over_ranks
    assert not model.deep.over_ranks
