"""Two processes a run, in a sweep on one machine, and several runs at a time: the same runs as one after the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import DEVICES, ROOT, TINY, RunCommand

from stgdn.runs.scores import Scores

SMALL = (*TINY, "callbacks.over_smoothing=null", "model=agcn_7l", "optimizer.lr=0.01")


def scores(folder: str) -> dict[str, Scores]:
    """Score files of the runs below a folder, by the run's name."""
    return {path.parent.name: Scores.load(path) for path in Path(folder).rglob("scores.npz")}


@pytest.mark.parametrize("device", DEVICES)
def test_a_sweep_of_two_processes_a_run_trains_what_one_process_does(
    run_command: RunCommand, tiny_data: Path, device: str
) -> None:
    if device == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("one GPU only: two processes need two")
    where = f"trainer.accelerator={'gpu' if device == 'cuda' else 'cpu'}"
    assert run_command("train", *SMALL, where, "trainer.devices=1", "outputs=alone").code == 0
    command = [sys.executable, str(ROOT / "src" / "train.py"), "-m", *SMALL, where]
    options = ["trainer=ddp", "trainer.devices=2", "seed=2,1", "outputs=ranks"]
    environment = os.environ | {"STGDN_DATA": str(tiny_data), "OMP_NUM_THREADS": "1"}
    swept = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    assert swept.returncode == 0, swept.stderr
    assert swept.stderr == "" or device == "cuda"  # where NCCL tells about the machine
    assert swept.stdout.count("epoch 1/1") == 2  # one process of each run prints
    ranks, ((name, alone),) = scores("ranks"), scores("alone").items()
    assert len(ranks) == 2
    assert not list(Path("ranks").rglob("*lock*"))
    summaries = [json.loads(path.read_text()) for path in Path("ranks").rglob("summary.json")]
    assert [summary["scored"] for summary in summaries] == [len(alone.names)] * 2
    np.testing.assert_array_equal(ranks[name].names, alone.names)
    np.testing.assert_allclose(ranks[name].scores, alone.scores, atol=0.01 * np.abs(alone.scores).max())


def test_joblib_trains_several_at_a_time(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    outcome = run_command(
        "train", "launcher=joblib", "launcher.jobs=2", *SMALL[:-1], "optimizer.lr=0.01,1e30", "outputs=several"
    )
    assert outcome.code == 1
    assert len(scores("several")) == 1
    assert "optimizer.lr-1e+30+width-0.125: the loss is" in outcome.err
    assert "not every run of the sweep has finished" in outcome.err
