"""A run that version 0.1.0 stored, before files moved to where they are now: it stays readable, and finished."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import RunCommand

import stgdn
from stgdn.data.store.store import Store
from stgdn.runs.run import Run
from stgdn.runs.scores import Scores

STORED = Path(__file__).parent / "stored_run"
SUMMARY = json.loads((STORED / "summary.json").read_text())
OPTIONS = shlex.split(SUMMARY["command"])[2:]


@pytest.fixture
def stored_run(tmp_path: Path) -> Path:
    """Return the run's folder below `outputs`, under the name that it had."""
    config = Run.open(STORED).config
    folder = tmp_path / config.folder
    shutil.copytree(STORED, folder)
    return folder


def test_its_command_in_a_sweep_finds_it_finished(run_command: RunCommand, stored_run: Path) -> None:
    outcome = run_command("train", "-m", *OPTIONS)
    assert outcome.code == 0, outcome.err
    assert f"finished before: {stored_run.relative_to(Path.cwd())}\n" in outcome.out


def test_it_is_evaluated_anew_with_the_same_result(run_command: RunCommand, stored_run: Path, tiny_data: Path) -> None:
    before = Scores.load(stored_run / "scores.npz")
    outcome = run_command("evaluate", f"run='{stored_run}'", f"data_root='{tiny_data}'", "accelerator=cpu")
    assert outcome.code == 0, outcome.err
    assert "9.52" in outcome.out
    after = Scores.load(stored_run / "scores.npz")
    assert after.names.tolist() == before.names.tolist()
    np.testing.assert_allclose(after.scores, before.scores, atol=1e-4)


def test_it_recognises_clips_as_it_did(stored_run: Path, tiny_store: Store) -> None:
    network, scores = stgdn.load(stored_run), Scores.load(stored_run / "scores.npz")
    indices = [tiny_store.clips["name"].tolist().index(name) for name in scores.names[:4]]
    found = network.scores([tiny_store.joints(index) for index in indices])
    np.testing.assert_allclose(found, scores.scores[:4], atol=1e-4)


def test_it_is_a_row_of_the_report(run_command: RunCommand, stored_run: Path) -> None:
    outcome = run_command("report", "only.data=demo", "missing=false")
    assert outcome.code == 0, outcome.err
    assert stored_run.name.removeprefix("demo-seed1+")[:12] in outcome.out
    assert "9.5" in outcome.out
