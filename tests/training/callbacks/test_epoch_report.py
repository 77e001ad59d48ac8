"""The row of `metrics.csv` that an epoch leaves."""

import csv
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stgdn.training.callbacks.epoch_report import COLUMNS, EpochReport


class Epochs:
    """As much of a trainer and a module as the callback asks for."""

    def __init__(self, path: Path, world_size: int = 1) -> None:
        self.report = EpochReport(path)
        self.trainer: Any = SimpleNamespace(
            current_epoch=0, max_epochs=9, num_training_batches=2, world_size=world_size, is_global_zero=True
        )
        self.logged: dict[str, float] = {}
        self.module: Any = SimpleNamespace(log_dict=self.logged.update)

    def run(self, epoch: int, metrics: dict[str, float], sizes: tuple[int, ...] = (4, 4)) -> None:
        self.trainer.current_epoch = epoch - 1
        self.trainer.callback_metrics = {"train/loss": 1.0, "train/top1": 0.5} | metrics
        self.report.on_train_epoch_start(self.trainer, self.module)
        for number, size in enumerate(sizes):
            batch: Any = {"labels": torch.zeros(size)}
            self.report.on_train_batch_start()
            self.report.on_train_batch_end(self.trainer, self.module, None, batch, number)
        self.report.on_train_epoch_end(self.trainer, self.module)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_an_epoch_with_over_smoothing_in_columns_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    epochs = Epochs(path)
    epochs.run(1, {})
    epochs.run(2, {"smoothing/mad/layer1": 0.25, "test/other": 3.0})
    epochs.run(3, {"smoothing/mad/layer1": 0.125})
    found = rows(path)
    assert list(found[0]) == ["epoch", *COLUMNS, "smoothing/mad/layer1"]
    assert [row["smoothing/mad/layer1"] for row in found] == ["", "0.25", "0.125"]
    assert [row["val/top1"] for row in found] == ["", "", ""]


def test_a_resumed_run_keeps_the_rows_before_and_replaces_those_after(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = Epochs(path)
    for epoch in (1, 2, 3):
        first.run(epoch, {"smoothing/mad/layer1": float(epoch)})
    Epochs(path).run(2, {"smoothing/mad/layer1": 7.0})
    assert [(row["epoch"], row["smoothing/mad/layer1"]) for row in rows(path)] == [("1", "1"), ("2", "7")]


def test_throughput_and_waiting_are_of_training_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([10.0, 10.5, 12.0, 12.5, 14.0, 99.0])  # start, two batches that come and end, what is measured after
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    epochs = Epochs(tmp_path / "metrics.csv", world_size=2)
    epochs.run(1, {}, sizes=(8, 6))
    assert epochs.logged["train/clips_per_second"] == pytest.approx(2 * 14 / 4.0)  # of all processes
    assert epochs.logged["train/waiting"] == pytest.approx(1 / 4.0)
    assert "7 clips/s  25% of it waiting for data" in capsys.readouterr().out


def test_a_short_wait_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.01, 1.0, 1.01, 2.0, 2.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    Epochs(tmp_path / "metrics.csv").run(1, {})
    assert rows(tmp_path / "metrics.csv")[0]["train/waiting"] == "0.01"
    assert "waiting" not in capsys.readouterr().out
