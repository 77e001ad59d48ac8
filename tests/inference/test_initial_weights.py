"""Training that starts from the weights of another run: what fits is taken, the rest is listed."""

import shutil
from pathlib import Path

import pytest
import torch
from tests.conftest import TINY, RunCommand
from tests.inference.conftest import MakeRun, config
from tests.training.test_groups import folder

from stgdn.errors import InputError
from stgdn.inference.initial_weights import start_from
from stgdn.runs.weights_file import read_weights
from stgdn.training.recognizer import Recognizer
from stgdn.training.trainer import build_recognizer

SMALL = (*TINY, "model=agcn_7l", "callbacks.over_smoothing=null")


@pytest.fixture
def untrained(tiny_data: Path) -> Recognizer:
    return build_recognizer(config(tiny_data, "model=agcn_7l", "seed=5"))


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return read_weights(run / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.mark.parametrize("place", ["run", "run/checkpoints/last.ckpt", "net"])
def test_all_that_fits_is_taken(
    make_run: MakeRun, untrained: Recognizer, run_command: RunCommand, tmp_path: Path, place: str
) -> None:
    run = make_run("model=agcn_7l")
    shutil.move(run, tmp_path / "run")
    if place == "net":
        assert run_command("export", "run=run", "format=safetensors", "write=net").code == 0
    told = start_from(untrained, place)
    expected = weights_of(tmp_path / "run")
    assert told.startswith(f"{len(expected)} of {len(expected)} weights are those of {place}")
    assert "\n" not in told
    for name, tensor in untrained.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_of_other_classes_all_but_the_classifier_is_taken(make_run: MakeRun, tiny_data: Path) -> None:
    run = make_run("model=agcn_7l")
    network = build_recognizer(config(tiny_data, "model=agcn_7l")).network
    network.classifier = torch.nn.Linear(network.classifier.in_features, 3)
    other = Recognizer(network, 3)
    before = network.classifier.weight.clone()
    told = start_from(other, run).splitlines()
    width = network.classifier.in_features
    assert told[1:] == [
        f"  classifier.weight: (14, {width}) there, (3, {width}) here",
        "  classifier.bias: (14,) there, (3,) here",
    ]
    assert torch.equal(network.classifier.weight, before)
    assert torch.equal(
        network.state_dict()["layers.3.temporal.theta.weight"],
        weights_of(run)["network.layers.3.temporal.theta.weight"],
    )


def test_of_another_network_the_rest_is_listed(make_run: MakeRun, untrained: Recognizer) -> None:
    told = start_from(untrained, make_run("model=st_gcn"))
    taken = int(told.split()[0])
    assert 0 < taken < len(untrained.state_dict())
    assert "none there, (12,) here" in told
    assert "more" in told.splitlines()[-1]


def test_training_starts_there_and_resumes_without_it(
    run_command: RunCommand, make_run: MakeRun, tmp_path: Path
) -> None:
    shutil.move(make_run("model=agcn_7l"), tmp_path / "trained")
    options = (*SMALL, "init=trained", "optimizer.lr=1e-12", "optimizer.weight_decay=0", "epochs=1")
    outcome = run_command("train", *options)
    assert outcome.code == 0, outcome.err
    assert "weights are those of trained/checkpoints/last.ckpt" in outcome.out
    made = folder()
    assert "init-trained" in made.name
    found, expected = weights_of(made), weights_of(tmp_path / "trained")
    for name in (key for key in expected if key.endswith("weight")):
        torch.testing.assert_close(found[name], expected[name], atol=1e-6, rtol=0)
    assert run_command("reproduce", f"run='{made}'").code == 0
    shutil.rmtree(tmp_path / "trained")
    (made / "summary.json").unlink()
    outcome = run_command("train", *options, "resume=true")
    assert outcome.code == 0, outcome.err
    assert "after epoch 1 of 1" in outcome.out


def test_mistakes(run_command: RunCommand, make_run: MakeRun, untrained: Recognizer) -> None:
    outcome = run_command("train", *SMALL, "init=nothing")
    assert outcome.code == 1
    assert "nothing" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not list(Path("outputs").rglob("config.yaml"))
    run = make_run("model=agcn_7l")
    assert run_command("export", f"run={run}", "format=safetensors", "write=net", "folded=true").code == 0
    with pytest.raises(InputError, match=r"init=net holds folded weights, .* folded=false"):
        start_from(untrained, "net")
    with pytest.raises(InputError, match=r"none of its \d+ weights fits Linear"):
        start_from(Recognizer(torch.nn.Linear(2, 2), 2), run)
