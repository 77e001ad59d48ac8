"""`launcher=gpus` with pretended GPUs: a run a GPU, others when one is free, failures and interrupts."""

import os
import signal
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY, RunCommand

WITNESS = ("+callbacks.witness._target_=tests.gpu_witness.Witness", "+callbacks.witness.seed=${seed}")
SWEEP = (*TINY, "model=agcn_7l", "callbacks.over_smoothing=null", "launcher=gpus", *WITNESS)

pytestmark = pytest.mark.xdist_group("gpus")


class Work:
    """A folder in which sweeps run as commands of their own."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.seen = folder, folder / "seen"
        path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
        self.environment = {**os.environ, "STGDN_DATA": str(data), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}

    def start(self, *options: str, gpus: str = "3,GPU-7") -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "src" / "train.py"), *SWEEP, f"+callbacks.witness.folder={self.seen}"]
        environment = self.environment | {"CUDA_VISIBLE_DEVICES": gpus}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*command, *options], cwd=self.folder, env=environment, text=True, **pipes)  # pyright: ignore

    def run(self, *options: str, gpus: str = "3,GPU-7") -> tuple[int, str, str]:
        process = self.start(*options, gpus=gpus)
        out, err = process.communicate(timeout=280)
        return process.returncode, out, err

    def lines(self) -> dict[int, tuple[str, float, float]]:
        """Return GPU, begin and end by seed."""
        found = {}
        for path in self.seen.glob("[0-9]*"):
            gpu, begin, end = path.read_text().split()
            found[int(path.name)] = gpu, float(begin), float(end)
        return found


@pytest.fixture
def work(tmp_path: Path, tiny_data: Path) -> Work:
    return Work(tmp_path, tiny_data)


def test_a_run_a_gpu_and_others_as_one_becomes_free(work: Work) -> None:
    code, out, err = work.run("seed=1,2,3")
    assert code == 0, err
    found = work.lines()
    assert {gpu for gpu, _, _ in found.values()} == {"3", "GPU-7"}
    assert sorted(found) == [1, 2, 3]
    for (gpu, begin, end), (other, its_begin, its_end) in combinations(found.values(), 2):
        assert gpu != other or end <= its_begin or its_end <= begin
    assert any(a[0] != b[0] and a[1] < b[2] and b[1] < a[2] for a, b in combinations(found.values(), 2))  # side by side
    assert out.count("log.txt") == 3
    assert out.count(": demo/agcn_7l/joint/seed") == 6
    assert "epoch 1/1" not in out
    (log,) = work.folder.glob("outputs/demo/agcn_7l/joint/demo-seed2*/log.txt")
    assert "epoch 1/1" in log.read_text()
    assert len(list(work.folder.rglob("summary.json"))) == 3


def test_a_crashed_run_frees_its_gpu_and_is_told(work: Work) -> None:
    code, out, err = work.run("seed=1,2", "+callbacks.witness.crashes=[1]", gpus="5")
    assert code == 1
    assert "error: GPU 5: demo/agcn_7l/joint/seed1: its process" in err
    assert "ended with code 3, its log is " in err
    assert "the same command does only what is missing" in err
    assert sorted(work.lines()) == [2]
    assert out.count("finished after") == 1


def test_an_interrupt_ends_all_and_leaves_all_resumable(work: Work) -> None:
    sweep = work.start("seed=1,2", "epochs=2", "checkpoint_every=1", "+callbacks.witness.seconds=5")
    until = time.monotonic() + 120
    while not all((work.seen / f"begun{seed}").exists() for seed in (1, 2)):
        assert time.monotonic() < until, sweep.poll()
        time.sleep(0.2)
    sweep.send_signal(signal.SIGINT)
    _, err = sweep.communicate(timeout=100)
    assert sweep.returncode == 130
    assert "interrupted" in err
    assert not list(work.folder.rglob("lock.json"))  # its processes have ended
    assert not work.lines()
    code, out, err = work.run("seed=1,2", "epochs=2", "checkpoint_every=1", "+callbacks.witness.seconds=0")
    assert code == 0, err + out
    assert sorted(work.lines()) == [1, 2]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["launcher=gpus"], "launcher=gpus: PyTorch finds no GPU here, take launcher=local or launcher=joblib"),
        (["launcher=gpus", "launcher.per_gpu=0"], "launcher.per_gpu=0 must be a whole number from 1 up"),
    ],
)
def test_mistakes(run_command: RunCommand, options: list[str], told: str) -> None:
    outcome = run_command("train", *TINY, *options)
    assert outcome.code == 1
    assert told in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not list(Path().rglob("config.yaml"))
