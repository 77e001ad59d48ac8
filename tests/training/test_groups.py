"""Groups of the config that train.py takes: callbacks, loggers, debugging, tags; and former names of options."""

import csv
import functools
import shutil
from pathlib import Path

import pytest
import torch
from tests.conftest import TINY, RunCommand
from tests.runs.test_stored_run import OPTIONS, STORED

import stgdn
from stgdn.cli.notebooks import compose_config
from stgdn.errors import InputError
from stgdn.runs.run import Run, config_differences
from stgdn.runs.stored_config import read_config
from stgdn.training.callbacks.over_smoothing import OverSmoothing
from stgdn.training.recognizer import Recognizer
from stgdn.training.trainer import build_callbacks, build_recognizer

pytestmark = pytest.mark.usefixtures("no_pictures")
SMALL = (*TINY, "model=agcn_7l", "callbacks.over_smoothing=null")


def folder(*parts: str) -> Path:
    (found,) = Path("outputs", *parts).rglob("config.yaml")
    return found.parent


def test_an_average_of_the_weights_is_tested_and_stored(run_command: RunCommand) -> None:
    outcome = run_command("train", *SMALL, "callbacks=ema", "callbacks.ema.decay=0.5", "epochs=2")
    assert outcome.code == 0, outcome.err
    content = torch.load(folder() / "checkpoints" / "last.ckpt", weights_only=True)
    key = "network.classifier.weight"
    assert not torch.equal(content["state_dict"][key], content["current_model_state"][key])
    found = stgdn.load(folder()).network.get_parameter("classifier.weight")
    torch.testing.assert_close(found.detach(), content["state_dict"][key])
    before = (folder() / "scores.npz").read_bytes()
    assert run_command("evaluate", f"run='{folder()}'", "accelerator=cpu").code == 0
    assert len(before) == len((folder() / "scores.npz").read_bytes())


def test_training_ends_early_and_is_finished(run_command: RunCommand) -> None:
    stopping = ("callbacks=early_stopping", "data.holdout=[2]", "epochs=6", "optimizer.lr=0")
    outcome = run_command("train", *SMALL, *stopping, "callbacks.early_stopping.patience=1")
    assert outcome.code == 0, outcome.err
    rows = list(csv.DictReader((folder() / "metrics.csv").read_text().splitlines()))
    assert 1 < len(rows) < 6
    assert stgdn.load(folder()).finished


def test_early_stopping_needs_held_out_subjects(run_command: RunCommand) -> None:
    outcome = run_command("train", *SMALL, "callbacks=early_stopping")
    assert outcome.code == 1
    assert "callbacks.early_stopping watches val/top1, and no subjects are held out" in outcome.err
    assert "data.holdout=[38]" in outcome.err


def test_callbacks_are_made_by_their_entries() -> None:
    (callback,) = build_callbacks(compose_config("train", "callbacks.over_smoothing.clips=8"))
    assert isinstance(callback, OverSmoothing)
    assert callback.clips == 8
    assert not build_callbacks(compose_config("train", "callbacks.over_smoothing=null"))
    with pytest.raises(InputError, match=r"callbacks\.mine is no callback of Lightning"):
        build_callbacks(compose_config("train", "+callbacks.mine.a=1"))


def test_loggers(run_command: RunCommand) -> None:
    options = [option for option in SMALL if not option.startswith("logger")]
    outcome = run_command("train", *options, "logger=csv")
    assert outcome.code == 0, outcome.err
    (path,) = (folder() / "csv").rglob("metrics.csv")
    assert "train/loss" in path.read_text().splitlines()[0]
    assert not (folder() / "wandb").exists()
    outcome = run_command("train", *options, "logger=none", "+logger.mine.a=1", "seed=2")
    assert outcome.code == 1
    assert "logger.mine is no logger of Lightning: name its class with _target_" in outcome.err


@pytest.mark.parametrize("debug", ["fast", "overfit", "profile"])
def test_debugging(run_command: RunCommand, debug: str) -> None:
    options = [option for option in SMALL if not option.startswith(("logger", "epochs"))]
    shorter = {"overfit": ["epochs=3"], "profile": ["trainer.limit_train_batches=2", "trainer.limit_test_batches=2"]}
    for _ in range(2 if debug == "fast" else 1):  # again without a word on what is there
        outcome = run_command("train", *options, f"debug={debug}", *shorter.get(debug, []))
        assert outcome.code == 0, outcome.err
    config = Run.open(folder("debug")).config
    assert config.overwrite
    assert config.logger.wandb == "off"
    assert bool(list(folder("debug").glob("*profile-pytorch*"))) == (debug == "profile")
    assert {path.name for path in Path("outputs").iterdir()} == {"debug"}


def test_balanced_classes_and_a_checkpoint_of_all_parts(run_command: RunCommand) -> None:
    outcome = run_command(
        "train", *SMALL, "loss.class_weights=balanced", "optimizer=adamw", "scheduler=step", "tags=[x]"
    )
    assert outcome.code == 0, outcome.err
    recognizer = Recognizer.load_from_checkpoint(folder() / "checkpoints" / "last.ckpt")
    assert recognizer.loss.balanced
    assert isinstance(recognizer.optimizer(recognizer.parameters()), torch.optim.AdamW)
    assert isinstance(recognizer.scheduler, functools.partial)
    assert recognizer.scheduler.keywords["milestones"] == [0.6, 0.8]
    assert recognizer.hparams["tags"] == ["x"]
    assert recognizer.batch_size == 16


class TestFormerNames:
    """Version 0.1 had `optimisation` and `oversmoothing`; its stored run had these."""

    def test_a_stored_config_has_present_names(self) -> None:
        now = compose_config("train", *(option for option in OPTIONS if not option.startswith("oversmoothing")))
        before = read_config(STORED / "config.yaml")
        differing = {key.split(".")[0] for key, old, new in config_differences(before, now) if old is not None}
        assert differing <= {"data", "data_root", "outputs", "folder", "workers", "callbacks", "logger", "trainer"}
        for group in ("optimizer", "scheduler", "loss"):
            assert before[group] == now[group]

    def test_options_are_taken_with_a_word(self, run_command: RunCommand) -> None:
        short = [option for option in SMALL if not option.startswith("callbacks")]
        outcome = run_command("train", *short, "optimisation.lr=0.05", "oversmoothing.clips=4")
        assert outcome.code == 0, outcome.err
        assert "note: the option optimisation.lr is now called optimizer.lr" in outcome.err
        assert "note: the option oversmoothing.clips is now called callbacks.over_smoothing.clips" in outcome.err
        config = Run.open(folder()).config
        assert config.optimizer.lr == 0.05
        assert config.callbacks.over_smoothing.clips == 4
        assert folder().name.endswith("+optimizer.lr-0.05+width-0.125")
        assert "finished before" in run_command("train", "-m", *short, "optimizer.lr=0.05").out

    def test_a_run_of_before_is_found_under_its_name(self, run_command: RunCommand) -> None:
        assert run_command("train", *SMALL, "optimizer.lr=0.05").code == 0
        former = folder().with_name(folder().name.replace("optimizer", "optimisation"))
        shutil.move(folder(), former)
        for name in ("optimisation.lr", "optimizer.lr"):
            outcome = run_command("train", "-m", *SMALL, f"{name}=0.05")
            assert outcome.code == 0, outcome.err
            assert f"finished before: {former}\n" in outcome.out


def test_a_recognizer_for_a_notebook(run_command: RunCommand) -> None:
    assert run_command("train", "experiment=table1", "model=st_gnd").code == 1  # what it leaves does not matter
    config = compose_config("train", "data=nw_ucla", "data.frames=8", "width=0.125")
    assert config.folder.startswith("outputs/nw_ucla/st_gdn/joint/nw_ucla-seed1")
    assert config.experiment_name is None
    assert build_recognizer(config).hparams["data"]["frames"] == 8
