"""Records of runs at W&B: what they are called, and that a run has one."""

import os
from itertools import product
from pathlib import Path

import pytest
import torch
import wandb
from lightning import Trainer
from tests.wandb_stand_in import open_record, record, run_config
from wandb.errors import AuthenticationError, CommError, UsageError

from stgdn.errors import InputError
from stgdn.training.callbacks.checkpoints import Checkpoint
from stgdn.wandb_tools import logger as wandb_logger
from stgdn.wandb_tools.local import display_name, find_records, records_of_run
from stgdn.wandb_tools.logger import RunLogger, add_loggers, build_loggers, check_logger


def test_a_sweep_is_grouped_by_experiment_and_data_and_named_by_what_differs(tmp_path: Path) -> None:
    folder = tmp_path / "demo" / "st_gdn" / "joint" / "letter-seed3+epochs-5"
    run = open_record(folder, experiment_name="table1", seed=3, tags=["long"]).experiment
    assert (run.group, run.job_type, run.name) == ("table1/demo", "train", "st_gdn joint seed3+epochs-5 letter demo")
    assert set(run.tags) == {"demo", "st_gdn", "joint", "letter", "table1", "long"}
    assert run.config["data"]["stream"] == "joint"
    assert run.config["variant"] == "st_gdn/joint/letter+epochs-5"
    alone = open_record(tmp_path / "alone").experiment
    assert alone.group == "demo"
    alone.finish()


def test_names_tell_the_runs_of_a_sweep_apart_at_their_beginning() -> None:
    folders = [f"demo-seed{seed}+epochs-{epochs}+width-0.25" for seed in (1, 12) for epochs in (8, 30)]
    runs = list(product(("demo", "nw_ucla_dev"), ("st_gdn", "st_gdn2"), ("joint", "bone_motion"), folders))
    names = [display_name(*run) for run in runs]
    assert len(set(names)) == len(runs)
    of_one_data_set = [name[:40] for name, run in zip(names, runs, strict=True) if run[0] == "demo"]
    assert len(set(of_one_data_set)) == len(runs) // 2


def test_watched_layers_have_the_same_names_in_every_run_of_a_process(tmp_path: Path) -> None:
    config = run_config(tmp_path, logger={"watch": "all"}, trainer={"log_every_n_steps": 1})
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        trainer, layer = Trainer(logger=False, accelerator="cpu"), torch.nn.Linear(3, 1)
        add_loggers(trainer, config, tmp_path / name, layer)
        layer(torch.ones(2, 3)).sum().backward()
        (logger,) = trainer.loggers
        assert isinstance(logger, RunLogger)
        logger.log_metrics({"train/loss_step": 1.0}, 1)
        shown = {key for key in dict(logger.experiment.summary) if not key.startswith("_")}
        logger.experiment.finish()
        assert shown == {"gradients/weight", "gradients/bias", "parameters/weight", "parameters/bias"}


def test_nothing_is_watched_unless_told(tmp_path: Path) -> None:
    trainer, layer = Trainer(logger=False, accelerator="cpu"), torch.nn.Linear(3, 1)
    add_loggers(trainer, run_config(tmp_path), tmp_path, layer)
    layer(torch.ones(2, 3)).sum().backward()
    (logger,) = trainer.loggers
    assert isinstance(logger, RunLogger)
    logger.log_metrics({"train/loss_step": 1.0}, 1)
    assert not [key for key in dict(logger.experiment.summary) if "/" in key]
    logger.experiment.finish()


@pytest.mark.parametrize(("log_model", "versions"), [(False, 0), (True, 1), ("all", 2)])
def test_checkpoints_are_artifacts_if_told(tmp_path: Path, log_model: bool | str, versions: int) -> None:
    logger = open_record(tmp_path, logger={"log_model": log_model})
    saved = Checkpoint(tmp_path / "checkpoints", filename="last", save_top_k=1)
    for epoch in range(2):  # last.ckpt is written anew
        saved.best_model_path = str(tmp_path / "checkpoints" / "last.ckpt")
        Path(saved.best_model_path).parent.mkdir(exist_ok=True)
        Path(saved.best_model_path).write_text(f"weights of epoch {epoch}")
        os.utime(saved.best_model_path, (epoch, epoch))
        logger.after_save_checkpoint(saved)
    logger.finalize("success")
    logger.experiment.finish()
    staged = [path.read_text() for path in (tmp_path / "wandb" / "staged").rglob("*") if path.is_file()]
    assert sorted(staged) == [f"weights of epoch {epoch}" for epoch in range(2)][2 - versions :]


def test_files_are_staged_where_wandbs_own_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "scratch"))
    open_record(tmp_path / "run").experiment.finish()
    assert os.environ["WANDB_DATA_DIR"] == str(tmp_path / "scratch")
    monkeypatch.delenv("WANDB_DATA_DIR")
    for name in ("a", "b"):
        open_record(tmp_path / name).experiment.finish()
        assert os.environ["WANDB_DATA_DIR"] == str(tmp_path / name / "wandb" / "staged")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"wandb": "on"}, r"unknown logger.wandb 'on', allowed: auto, online, offline, off"),
        ({"watch": "gradient"}, r"unknown logger.watch 'gradient', .* did you mean 'gradients'"),
        ({"log_model": "every"}, r"logger.log_model=every is unknown: give false, true or all"),
        ({"player": -1}, r"logger.player=-1 is no number of clips: give 1 or more, or 0 for none"),
    ],
)
def test_options_are_checked(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_logger(run_config(tmp_path, logger=changed).logger)


def test_long_names_are_tags_that_wandb_takes(tmp_path: Path) -> None:
    run = open_record(tmp_path, data={"name": "n" * 100}).experiment
    assert max(map(len, run.tags)) == 64
    run.finish()


def test_a_resumed_run_goes_on_with_its_record(tmp_path: Path) -> None:
    first = record(tmp_path, range(3))
    assert record(tmp_path, range(3, 5)) == first
    assert [part.run_id for part in records_of_run(tmp_path)] == [first, first]


def test_a_run_trained_anew_has_a_new_record_and_the_old_one_is_forgotten(tmp_path: Path) -> None:
    first = record(tmp_path, range(2))
    second = record(tmp_path, range(2), overwrite=True)
    assert second != first
    assert [part.run_id for part in find_records(tmp_path.parent) if part.run == tmp_path] == [second]


def test_without_a_checkpoint_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    first = record(tmp_path, range(1))
    (tmp_path / "checkpoints" / "last.ckpt").unlink()
    assert record(tmp_path, range(1)) != first


def test_a_failed_run_is_closed_and_the_next_of_the_sweep_has_its_own(tmp_path: Path) -> None:
    failed = open_record(tmp_path / "a")
    failed.log_metrics({"train/loss": 1.0}, 0)
    failed.finalize("failed")
    assert wandb.run is None
    following = open_record(tmp_path / "b").experiment
    assert following.id != failed.experiment.id
    unclosed = open_record(tmp_path / "c").experiment
    assert unclosed.id != following.id
    unclosed.finish()


def test_success_leaves_the_record_open_for_results(tmp_path: Path) -> None:
    logger = open_record(tmp_path)
    logger.finalize("success")
    assert wandb.run is logger.experiment
    logger.experiment.finish()


@pytest.mark.parametrize("error", [AuthenticationError("no route to host"), CommError("timed out")])
def test_a_key_without_a_network_records_offline_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def refuse() -> bool:
        raise error

    monkeypatch.setattr(wandb_logger, "logged_in", refuse)
    run = open_record(tmp_path, logger={"wandb": "auto"}).experiment
    assert run.offline
    run.finish()
    assert f"W&B is not reached ({error})" in capsys.readouterr().out


def test_online_without_a_login_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("No API key configured")

    monkeypatch.setattr(wandb_logger, "open_wandb_run", refuse)
    config = run_config(tmp_path, logger={"wandb": "online"})
    with pytest.raises(InputError, match=r"=online .* \(No API key configured\): .*`wandb login`.*`make sync`"):
        build_loggers(config, tmp_path)


def test_off_records_nothing(tmp_path: Path) -> None:
    assert build_loggers(run_config(tmp_path, logger={"wandb": "off"}), tmp_path) == []
    assert not (tmp_path / "wandb").exists()


@pytest.mark.parametrize(("variable", "mode"), [("disabled", None), ("offline", "offline"), ("online", "online")])
def test_wandbs_own_variable_decides_what_is_left_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, mode: str | None
) -> None:
    monkeypatch.setenv("WANDB_MODE", variable)
    started: list[str] = []
    monkeypatch.setattr(wandb_logger, "open_wandb_run", lambda _config, _folder, mode: started.append(mode))
    monkeypatch.setattr(wandb_logger, "RunLogger", lambda **_: "record")
    config = run_config(tmp_path)
    config.logger.wandb = "auto"
    assert build_loggers(config, tmp_path) == ([] if mode is None else ["record"])
    assert started == ([] if mode is None else [mode])
    config.logger.wandb = "off"
    assert build_loggers(config, tmp_path) == []
