"""Parts of a network that training leaves as they are."""

import pytest
import torch
from tests.conftest import TINY, RunCommand
from tests.training.test_groups import folder
from torch import nn

import stgdn
from stgdn.errors import InputError
from stgdn.model.clip_check import evaluating
from stgdn.runs.weights_file import read_weights
from stgdn.training.freeze import freeze
from stgdn.training.recognizer import Recognizer

pytestmark = pytest.mark.usefixtures("no_pictures")
FROZEN = ("input_norm", "layers.0", "layers.6")  # the last one whitens, with running covariances


def test_frozen_parts_are_bit_for_bit_as_before(run_command: RunCommand) -> None:
    """Also behind the measures of over-smoothing, which switch modes after every epoch."""
    options = (*TINY, "model=st_gdn", "callbacks.over_smoothing.clips=2", "checkpoint_every=1", "epochs=2")
    outcome = run_command("train", *options, f"freeze=[{','.join(FROZEN)}]")
    assert outcome.code == 0, outcome.err
    first, last = (read_weights(path)["state_dict"] for path in sorted((folder() / "checkpoints").glob("*.ckpt"))[:2])
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    kept = {name for name in first if name.removeprefix("network.").startswith(tuple(f"{part}." for part in FROZEN))}
    assert any("running_covariance" in name for name in kept)
    assert not changed & kept
    assert {name for name in first if name.endswith(("weight", "running_covariance"))} <= changed | kept
    assert stgdn.load(folder()).finished


def test_frozen_parts_stay_in_evaluation_mode() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2))
    recognizer = Recognizer(network, 2, freeze=["0", "1"])
    assert [module.training for module in network] == [False, False, True]
    assert [parameter.requires_grad for parameter in recognizer.parameters()] == [False, False, True, True]
    optimizer = recognizer.optimizer([each for each in recognizer.parameters() if each.requires_grad])
    assert sum(map(len, (group["params"] for group in optimizer.param_groups))) == 2


def test_a_network_that_is_tried_keeps_its_modes() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    freeze(network, ["0"])
    with evaluating(network):
        assert not any(part.training for part in network.modules())
    assert [part.training for part in network] == [False, True]
    assert network.training


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["clasifier"], r"no part 'clasifier'; did you mean 'classifier'\? it has norm, classifier and the parts"),
        (["norm", "classifier"], r"freeze=\['norm', 'classifier'\] leaves no weight to train"),
    ],
)
def test_mistakes(names: list[str], told: str) -> None:
    network = nn.ModuleDict({"norm": nn.BatchNorm1d(3), "classifier": nn.Linear(3, 2)})
    with pytest.raises(InputError, match=told):
        freeze(network, names)


def test_a_run_with_frozen_parts_is_another_run(run_command: RunCommand) -> None:
    assert run_command("train", *TINY, "freeze=[layer.0]").code == 1
    outcome = run_command("train", *TINY, "model=agcn_7l", "freeze=[input_norm,layers.0]")
    assert outcome.code == 0
    assert outcome.out.count("'freeze=[input_norm,layers.0]'") == 2  # in the commands to try next
    assert "freeze-_input_norm+layers.0_" in folder().name
