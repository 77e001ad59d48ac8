"""Interrupted and resumed, a run ends with exactly the weights of one that was left alone."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import DEVICES, TINY, RunCommand
from tests.training.test_kills import differences

from stgdn.training.callbacks.epoch_report import TIME_METRICS, EpochReport

THREE_EPOCHS = (*(option for option in TINY if not option.startswith("epochs")), "epochs=3")


def last_checkpoint(model: str) -> dict[str, Any]:
    (path,) = Path(f"outputs/demo/{model}").glob("joint/*/checkpoints/last.ckpt")
    return torch.load(path, weights_only=True)


def rows(model: str) -> list[str]:
    (path,) = Path(f"outputs/demo/{model}").glob("joint/*/metrics.csv")
    lines = path.read_text().splitlines()
    columns = lines[0].split(",")
    return [
        ",".join(cell for name, cell in zip(columns, line.split(","), strict=True) if name not in TIME_METRICS)
        for line in lines
    ]


@pytest.fixture(autouse=True)
def _any_algorithm() -> Iterator[None]:
    """Leave PyTorch as it was after trainer.deterministic=true."""
    yield
    torch.use_deterministic_algorithms(False)


# st_gdn has running covariances, st_gcn dropout.
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("model", "workers"), [("st_gdn", 2), ("st_gcn", 0)])
def test_resumed_weights_are_bit_identical(
    run_command: RunCommand, monkeypatch: pytest.MonkeyPatch, model: str, workers: int, device: str
) -> None:
    trainer = ("trainer.accelerator=gpu", "trainer.devices=1") if device == "cuda" else ()
    options = (f"model={model}", *THREE_EPOCHS, *trainer, f"workers={workers}", "trainer.deterministic=true")
    assert run_command("train", *options).code == 0
    straight, straight_rows = last_checkpoint(model), rows(model)

    start = EpochReport.on_train_epoch_start

    def interrupt(self: EpochReport, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt
        start(self, trainer, pl_module)

    with monkeypatch.context() as patched:
        patched.setattr(EpochReport, "on_train_epoch_start", interrupt)
        interrupted = run_command("train", *options, "overwrite=true")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning has switched Ctrl-C off
    assert interrupted.code == 130
    assert "resume=true" in interrupted.err
    assert last_checkpoint(model)["epoch"] == 1

    resumed = run_command("train", *options, "resume=true")
    assert resumed.code == 0, resumed.err
    assert "checkpoints/last.ckpt, after epoch 2 of 3\n" in resumed.out
    again = last_checkpoint(model)
    assert again["epoch"] == straight["epoch"] == 2
    for key, value in straight["state_dict"].items():
        assert torch.equal(again["state_dict"][key], value), key
    assert rows(model) == straight_rows


FIVE_STEPS = ("epochs=2", "batch_size=8", "trainer.limit_train_batches=5", "trainer.deterministic=true")
WHOLE_STATE = ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "loops", "epoch", "global_step")


# dropout and an average of the weights; running covariances; gradients of two batches a step
@pytest.mark.parametrize(
    ("options", "stop"),
    [
        (("model=st_gcn", "model.dropout=0.5", "callbacks=ema", "workers=0"), 3),
        (("model=st_gdn", "workers=2"), 7),
        (("model=st_gcn", "workers=0", "+trainer.accumulate_grad_batches=2"), 4),
    ],
    ids=["ema", "workers", "accumulated"],
)
def test_resumed_inside_an_epoch(
    run_command: RunCommand, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], stop: int
) -> None:
    small = [option for option in TINY if not option.startswith(("epochs", "batch_size"))]
    model, command = options[0].removeprefix("model="), (*small, *FIVE_STEPS, *options)
    assert run_command("train", *command).code == 0
    straight, straight_rows = last_checkpoint(model), rows(model)

    def interrupt(self: EpochReport, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401, ARG001
        if 5 * trainer.current_epoch + batch_idx == stop:
            raise KeyboardInterrupt

    often = (*command, "checkpoint_minutes=1e-9")
    with monkeypatch.context() as patched:
        patched.setattr(EpochReport, "on_train_batch_start", interrupt)
        assert run_command("train", *often, "overwrite=true").code == 130
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning has switched Ctrl-C off
    inside = last_checkpoint(model)
    assert inside["epoch"] == stop // 5
    resumed = run_command("train", *often, "resume=true")
    assert resumed.code == 0, resumed.err
    assert resumed.err == ""
    assert f"last.ckpt, after epoch {stop // 5} of 2 and {stop % 5} batches of the next one\n" in resumed.out
    again = last_checkpoint(model)
    assert [at for key in WHOLE_STATE for at in differences(again[key], straight[key], key)] == []
    assert rows(model) == straight_rows
