"""What a run's report plays at W&B."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import Outcome

from stgdn.data.build import build_data
from stgdn.errors import InputError
from stgdn.reports.run_report import player_page
from stgdn.runs.run import Run
from stgdn.runs.scores import Scores

CPU = torch.device("cpu")


@pytest.fixture
def run(trained: Outcome) -> Run:  # noqa: ARG001
    (summary,) = Path("outputs").rglob("summary.json")
    return Run.open(summary.parent)


@pytest.fixture
def scores(run: Run) -> Scores:
    return Scores.load(run.folder / "scores.npz")


def test_a_run_without_mistakes_plays_its_first_clips(run: Run, scores: Scores) -> None:
    right = replace(scores, scores=np.eye(len(scores.classes), dtype=np.float32)[scores.labels])
    page = player_page(run, build_data(run.config), right, CPU) or ""
    assert [name for name in scores.names if f'"name":"{name}"' in page] == scores.names[:3].tolist()


def test_a_network_that_cannot_be_loaded_is_a_note(
    run: Run, scores: Scores, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Path, **_options: object) -> None:
        raise InputError("its class is not of this suite")

    monkeypatch.setattr("stgdn.reports.run_report.load", refuse)
    assert player_page(run, build_data(run.config), scores, CPU) is None
    assert "no clips are played at W&B: its class is not of this suite" in capfd.readouterr().out


def test_no_clips_are_played_if_none_are_wanted(run: Run, scores: Scores) -> None:
    run.config.logger.player = 0
    assert player_page(run, build_data(run.config), scores, CPU) is None
