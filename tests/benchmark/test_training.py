"""Steps that are fed from a store, and the benchmark of GPUs, which is tried on the CPU."""

import shlex
import subprocess
from pathlib import Path

import pytest
import torch
from tests.conftest import ROOT, RunCommand
from torch import nn

from stgdn.benchmark import training as fed
from stgdn.benchmark.candidates import Candidate
from stgdn.benchmark.workload import Workload

TINY = ("frames=8", "threads=1", 'overrides="width=0.0625"', "clips=120", "workers=1")
# What a CPU does not have, or not in the time of a test.
ON_CPU = {"device=cuda": "device=cpu", "compile=true,reduce-overhead": "compile=false", "batch=64": "batch=4"}


class Counting(nn.Module):
    """A network that counts its steps and keeps the shape and the labels that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.seen = nn.Linear(3, 60), []

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(clips.shape))
        return self.classifier(clips.mean(dim=(2, 3, 4)))


def test_steps_are_fed_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = Counting()
    before = net.classifier.weight.detach().clone()
    monkeypatch.setattr(Candidate, "build", lambda _: net)
    whole, asked = iter([0.0, 80.0]), iter(value for n in range(40) for value in (n, n + 0.5))  # half a second a batch
    monkeypatch.setattr(fed, "timer", lambda: next(whole))
    monkeypatch.setattr(fed, "perf_counter", lambda: next(asked))
    workload = Workload((3, 8, 25, 2), 60, 4, 0.25)
    text = fed.training(tmp_path, 200, Candidate("counting", "variant", {}), workload, steps=40, workers=1)
    assert net.seen == [(4, 3, 8, 25, 2)] * (fed.WARM_UP + 40)  # more than an epoch of about 100 clips
    assert not torch.equal(net.classifier.weight, before)
    assert "| seconds | 80.0 |\n| clips/s | 2.0 |\n| of it waiting for batches | 25% |" in text
    assert f"| {50 * 40_091 / 2 / 60:,.0f} min |" in text
    assert "**counting, 40 training steps, T = 8, batches of 4, float32, cpu.** 200 synthetic clips, 1 worker" in text


def test_the_benchmark_of_gpus_runs(run_command: RunCommand) -> None:
    recipe = subprocess.run(["make", "-n", "bench-gpu"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [line for line in recipe.replace("\\\n", " ").splitlines() if "src/benchmark.py" in line]
    assert len(lines) == 5
    assert sum("frames=64" in line for line in lines) == 3
    for line in lines:
        words = [ON_CPU.get(word, word) for word in shlex.split(line)[2:]]
        words = [word.replace(",tf32", "").replace("=64,300", "=8") for word in words]
        own = [] if "what=report" in words else [*TINY, "rounds=1"]
        options = [word for word in words if not word.startswith(("frames=", "rounds="))] + own
        outcome = run_command("benchmark", *options)
        assert outcome.code == 0, outcome.err
        assert ("| st_gdn |" in outcome.out) or ("**st_gdn, 1 training steps" in outcome.out)
