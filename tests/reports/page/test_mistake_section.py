"""Mistakes that a page plays: those of the scores, the surest first, and runs of which nothing can be played."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import Outcome, RunCommand
from tests.reports.page.pages import results

from stgdn.reports.mistakes import mistakes
from stgdn.reports.page.mistake_section import played_mistakes
from stgdn.runs.scores import Scores

CPU = torch.device("cpu")


@pytest.fixture
def folder(trained: Outcome) -> Path:  # noqa: ARG001
    """A finished run that was trained for an epoch: it is often wrong."""
    (found,) = (path.parent for path in Path("outputs").rglob("summary.json"))
    return found


def test_the_surest_first(folder: Path) -> None:
    told = []
    played, problems = played_mistakes(results(Path("outputs")), 2, None, CPU, lambda: told.append(1))
    assert problems == []
    assert told == [1]
    scores = Scores.load(folder / "scores.npz")
    wrong = mistakes(scores)
    content = played[folder]
    assert (content["wrong"], content["clips"]) == (len(wrong), len(scores.names))
    player = content["player"]
    assert [clip["name"] for clip in player["clips"]] == [each.clip for each in wrong[:2]]
    for clip, each in zip(player["clips"], wrong, strict=False):
        (reading,) = clip["readings"]
        classes = player["classes"][clip["classes"]]
        assert classes[clip["label"]] == each.true
        assert classes[reading["shown"][0]] == each.predicted
        assert reading["course"][0][-1] == pytest.approx(each.probability, abs=6e-4)


def test_a_run_without_mistakes(folder: Path) -> None:
    scores = Scores.load(folder / "scores.npz")
    replace(scores, scores=np.eye(len(scores.classes), dtype=np.float32)[scores.labels]).save(folder / "scores.npz")
    played, problems = played_mistakes(results(Path("outputs")), 2, None, CPU)
    assert problems == []
    assert played == {folder: {"wrong": 0, "clips": len(scores.names), "player": None}}


def test_a_run_that_cannot_be_played_does_not_hide_the_others(folder: Path) -> None:
    other = folder.with_name(f"{folder.name}-seed2")
    shutil.copytree(folder, other)
    shutil.rmtree(other / "checkpoints")
    played, (problem,) = played_mistakes(results(Path("outputs")), 1, None, CPU)
    assert [*played] == [folder]
    assert problem.startswith(f"no mistakes of {other} are played: ")


def test_scores_of_another_network_are_told(folder: Path) -> None:
    scores = Scores.load(folder / "scores.npz")
    replace(scores, scores=np.roll(scores.scores, 1, axis=1)).save(folder / "scores.npz")
    _, (problem,) = played_mistakes(results(Path("outputs")), 2, None, CPU)
    assert "2 of these clips are no longer taken for what scores.npz says" in problem


def test_the_command(run_command: RunCommand, folder: Path) -> None:
    outcome = run_command("report", "page=report.html", "mistakes=2", "missing=false")
    assert outcome.code == 0, outcome.err
    html = Path("report.html").read_text(encoding="utf-8")
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    content = json.loads(text)
    assert len(content["runs"][0]["mistakes"]["player"]["clips"]) == 2
    assert "{{data}}" in content["player"]
    shutil.rmtree(folder / "checkpoints")
    outcome = run_command("report", "page=report.html", "mistakes=2", "missing=false")
    assert outcome.code == 0, outcome.err
    told = f"no mistakes of {folder} are played"
    assert told in outcome.err
    assert told in Path("report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["mistakes=2"], "mistakes=2 are played in a page: name it, such as page=report.html"),
        (["page=a.html", "mistakes=-1"], "mistakes=-1 must be a whole number from 1 up"),
        (["page=a.html", "mistake=2"], "did you mean 'mistakes'?"),
        (["page=a.html", "mistakes=1", "accelerator=cuda"], "accelerator"),
    ],
)
def test_wrong_options(run_command: RunCommand, folder: Path, options: list[str], told: str) -> None:
    assert folder.exists()
    outcome = run_command("report", *options)
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert told in outcome.err
    assert not Path("a.html").exists()
