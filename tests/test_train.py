"""Claiming a run's folder when training begins, runs that are no result, and resuming where nothing is."""

import json
import math
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from stgdn.runs.result import collect_runs
from stgdn.runs.run import Run
from stgdn.runs.stored_config import read_config
from tests.conftest import TINY, Outcome, RunCommand
from tests.runs.test_lock import holder

FOLDER = Path("outputs/demo/st_gdn/joint/demo-seed1+batch_size-16+data.frames-16+epochs-1+width-0.125")
SMALL = (*TINY, "model=agcn_7l", "callbacks.over_smoothing=null")


def sentence(outcome: Outcome) -> str:
    """The one line on standard error of a command that failed."""
    assert outcome.code == 1, outcome.out
    (line,) = (line for line in outcome.err.splitlines() if line.strip())
    assert line.startswith("error: ")
    return line


class TestPartialRuns:
    """The small demo set has 84 test clips, batches are of 14."""

    @pytest.mark.parametrize(
        ("option", "scored"),
        [
            ("+trainer.fast_dev_run=true", 14),
            ("trainer.limit_test_batches=1", 14),
            ("trainer.limit_test_batches=0.7", 56),
            ("trainer.overfit_batches=1", 84),
            ("outputs=outputs/debug", 84),
        ],
    )
    def test_no_result_is_kept(self, run_command: RunCommand, option: str, scored: int) -> None:
        outcome = run_command("train", *SMALL, option)
        assert outcome.code == 0, outcome.err
        assert f"a run for debugging: {scored} of 84 test clips were scored, top-1 " in outcome.out
        assert "no result is kept" in outcome.out
        assert not list(Path("outputs").rglob("summary.json"))
        assert not list(Path("outputs").rglob("lock.json"))
        collection = collect_runs("outputs")
        assert (collection.results, collection.unusable) == ((), ())
        assert collection.notes == ("1 run is left out: for debugging, or tested on a part of the test clips",)
        (config,) = Path("outputs").rglob("config.yaml")
        run = Run(config.parent, read_config(config))
        assert not run.finished
        assert math.isnan(run.objective())

    @pytest.mark.usefixtures("trained")
    def test_a_partial_run_is_not_compared_or_fused(self, run_command: RunCommand) -> None:
        summary = json.loads((FOLDER / "summary.json").read_text())
        (FOLDER / "summary.json").write_text(json.dumps(summary | {"scored": 31, "checksums": {}}))
        outcome = run_command("compare", f"runs=[{FOLDER},{FOLDER}]")
        assert f"{FOLDER} is no result: it is for debugging, or tested on a part" in sentence(outcome)

    @pytest.mark.usefixtures("no_pictures")
    @pytest.mark.parametrize("option", ["trainer.limit_train_batches=1", "trainer.limit_test_batches=6"])
    def test_a_run_that_scores_all_clips_is_a_result(self, run_command: RunCommand, option: str) -> None:
        outcome = run_command("train", *SMALL, option)
        assert outcome.code == 0, outcome.err
        (path,) = Path("outputs").rglob("summary.json")
        summary = json.loads(path.read_text())
        assert (summary["scored"], summary["clips"]["test"]) == (84, 84)
        (result,) = collect_runs("outputs").results
        assert result.scored == 84

    @pytest.mark.usefixtures("trained")
    @pytest.mark.parametrize(
        ("key", "value"),
        [("trainer.fast_dev_run", True), ("trainer.limit_test_batches", 1), ("outputs", "outputs/debug")],
    )
    def test_a_finished_run_of_a_former_version_goes_by_its_config(self, key: str, value: object) -> None:
        summary = json.loads((FOLDER / "summary.json").read_text())
        del summary["scored"], summary["checksums"]
        (FOLDER / "summary.json").write_text(json.dumps(summary))
        assert len(collect_runs("outputs").results) == 1
        config = read_config(FOLDER / "config.yaml")
        OmegaConf.update(config, key, value, force_add=True)
        OmegaConf.save(config, FOLDER / "config.yaml")
        collection = collect_runs("outputs")
        assert (collection.results, len(collection.notes)) == ((), 1)
        assert not Run(FOLDER, config).finished


class TestClaiming:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (["trainer.accelerator=gpu"], "this machine cannot run"),
            (["epochs=0"], "epochs=0 must be a whole number from 1 up"),
            (["epochs=-1"], "epochs=-1 must be a whole number from 1 up"),
            (["trainer.precision=17-true"], "this machine cannot run"),
            (["+trainer.gradient_clip_algorithm=none"], "this machine cannot run"),
            (["logger.wandb=on"], "unknown logger.wandb 'on'"),
            (["logger.wandb=online"], "logger.wandb=online does not work here"),
            (["batch_size=15", "trainer.devices=2", "trainer.strategy=ddp"], "does not divide among 2 processes"),
        ],
    )
    def test_a_run_that_cannot_begin_leaves_no_folder(
        self, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: str
    ) -> None:
        monkeypatch.delenv("WANDB_MODE")
        monkeypatch.setenv("WANDB_API_KEY", "")
        monkeypatch.setenv("HOME", str(Path.cwd() / "home"))
        assert expected in sentence(run_command("train", *SMALL, *options))
        assert not list(Path("outputs").rglob("*"))

    @pytest.mark.usefixtures("trained")
    @pytest.mark.parametrize(
        ("option", "expected"),
        [
            ("logger.wandb=on", "unknown logger.wandb 'on'"),
            ("trainer.accelerator=gpu", "this machine cannot run"),
            ("trainer.strategy=dpp", "this machine cannot run"),
        ],
    )
    def test_a_finished_run_does_not_hide_wrong_options(
        self, run_command: RunCommand, option: str, expected: str
    ) -> None:
        assert expected in sentence(run_command("train", *TINY, option))

    def test_a_second_process_ends_and_a_sweep_passes_over(self, run_command: RunCommand) -> None:
        FOLDER.mkdir(parents=True)
        process = holder(FOLDER)
        assert f"{FOLDER} is in use: process {process.pid} on " in sentence(run_command("train", *TINY))
        outcome = run_command("train", "-m", *TINY)
        assert outcome.code == 0, outcome.err
        assert f"passed over: {FOLDER} is in use: process {process.pid} on " in outcome.out
        assert [path.name for path in FOLDER.iterdir()] == ["lock.json"]
        process.kill()
        process.join()
        assert run_command("train", *TINY).code == 0
        assert not (FOLDER / "lock.json").exists()

    def test_a_run_that_fails_gives_its_folder_back(self, run_command: RunCommand) -> None:
        outcome = run_command("train", *SMALL, "optimizer.lr=1e30", "epochs=3")
        assert "diverged" in sentence(outcome)
        assert not list(Path("outputs").rglob("lock.json"))


@pytest.mark.usefixtures("trained")
class TestResuming:
    def test_a_finished_run_has_nothing_left_to_do(self, run_command: RunCommand) -> None:
        before = (FOLDER / "summary.json").read_bytes()
        outcome = run_command("train", *TINY, "resume=true")
        assert outcome.code == 0, outcome.err
        assert f"nothing left to do, finished before: {FOLDER}" in outcome.out
        assert (FOLDER / "summary.json").read_bytes() == before

    def test_the_nearest_run_is_named_where_there_is_nothing(self, run_command: RunCommand) -> None:
        farther = FOLDER.with_name("farther")
        shutil.copytree(FOLDER, farther)
        config = (farther / "config.yaml").read_text()
        (farther / "config.yaml").write_text(config.replace("lr: 0.1", "lr: 0.5"))
        line = sentence(run_command("train", *TINY, "epochs=2", "resume=true"))
        assert f"the nearest run is {FOLDER} (epochs=1, not 2): leave out resume=true" in line
        assert {path.name for path in FOLDER.parent.iterdir()} == {FOLDER.name, "farther"}

    @pytest.mark.usefixtures("no_pictures")
    def test_another_seed_begins_and_says_so(self, run_command: RunCommand) -> None:
        outcome = run_command("train", *TINY, "seed=2", "resume=true")
        assert outcome.code == 0, outcome.err
        assert "nothing to resume in outputs/demo/st_gdn/joint/demo-seed2" in outcome.out
