"""Signals and leftovers of a job: who handles what, and what the next run of a sweep finds."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import pytest

from stgdn.errors import InputError
from stgdn.training.fit import (
    DDP_ENVIRONMENT,
    STARTED_BY,
    LeaveSignal,
    advise_precision,
    interruptible,
    leave_process_group,
)


def trainer(processes: int, *, received_sigterm: bool = False) -> Any:  # noqa: ANN401
    """As much of a trainer as is asked for."""
    return SimpleNamespace(
        world_size=processes, callbacks=[], received_sigterm=received_sigterm, is_global_zero=True, strategy=None
    )


ALONE, TWO = trainer(1), trainer(2)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Any:  # noqa: ANN401
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_handler_from_before_training_is_put_back() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    leave = LeaveSignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as Lightning takes it
    leave.on_train_start(TWO, None)
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_without_one_the_signal_stays_with_lightning() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    leave = LeaveSignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave.on_train_start(ALONE, None)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN


@pytest.mark.parametrize("stage", ["train", "test"])
def test_of_several_processes_each_ends_at_its_next_batch(stage: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    leave = LeaveSignal(signal.SIGTERM)
    getattr(leave, f"on_{stage}_start")(TWO, None)
    getattr(leave, f"on_{stage}_batch_start")()
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        getattr(leave, f"on_{stage}_batch_start")()


class TestEnd:
    """Errors that `interruptible` raises for a trainer's errors."""

    def test_of_a_signal(self) -> None:
        for raised in (SystemExit(), RuntimeError("DataLoader worker (pid 1) is killed by signal: Terminated.")):
            with pytest.raises(KeyboardInterrupt), interruptible(trainer(1, received_sigterm=True)):
                raise raised

    def test_of_ctrl_c(self) -> None:
        left = SystemExit(1)
        left.__context__ = KeyboardInterrupt()  # as where Lightning handles it
        with pytest.raises(KeyboardInterrupt), interruptible(ALONE):
            raise left

    @pytest.mark.parametrize(
        "raised",
        [
            RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"),
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
            ConnectionResetError(104, "Connection reset by peer"),
            ConnectionRefusedError(111, "Connection refused"),
            EOFError(),
        ],
    )
    def test_of_a_killed_data_worker(self, raised: Exception) -> None:
        with pytest.raises(InputError, match=r"killed.*resume=true goes on; workers=0"), interruptible(ALONE):
            raise raised
        with pytest.raises(KeyboardInterrupt), interruptible(trainer(1, received_sigterm=True)):
            raise raised

    @pytest.mark.parametrize("raised", [SystemExit(3), RuntimeError("a bug"), BrokenPipeError(), OSError(28, "full")])
    def test_of_anything_else(self, raised: BaseException) -> None:
        with pytest.raises(type(raised)), interruptible(ALONE):
            raise raised

    def test_where_another_process_has_ended_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(STARTED_BY, "")  # as it is afterwards
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

        def train() -> None:
            TWO.callbacks[-1].on_train_start(TWO, None)
            os.kill(os.getpid(), signal.SIGTERM)
            raise RuntimeError("Connection closed by peer")

        with pytest.raises(KeyboardInterrupt), interruptible(TWO):
            train()


@pytest.mark.parametrize(("processes", "left"), [(1, True), (2, False)])
def test_a_sweep_starts_its_next_processes_anew(monkeypatch: pytest.MonkeyPatch, processes: int, left: bool) -> None:
    for name in DDP_ENVIRONMENT:
        monkeypatch.setenv(name, "0")
    leave_process_group(trainer(processes))
    assert [name in os.environ for name in DDP_ENVIRONMENT] == [left] * len(DDP_ENVIRONMENT)


@pytest.mark.parametrize(
    ("flags", "precision", "advice"),
    [
        ("avx2 avx512f", "32-true", ""),
        ("avx2 avx512_bf16", "32-true", "this processor has avx512_bf16: trainer.precision=bf16-mixed trains up to"),
        ("avx512_bf16 amx_tile amx_bf16", "32-true", "this processor has amx_bf16: trainer.precision=bf16-mixed"),
        ("amx_bf16", "bf16-mixed", ""),
    ],
)
def test_bfloat16_is_recommended_where_it_is_fast(tmp_path: Path, flags: str, precision: str, advice: str) -> None:
    trainer = lightning.Trainer(accelerator="cpu", precision=precision, logger=False, enable_checkpointing=False)  # pyright: ignore
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor: 0\nflags\t: fpu {flags} sse\n")
    found = advise_precision(trainer, cpuinfo)
    assert found.startswith(advice)
    assert bool(found) == bool(advice)
    assert not advise_precision(trainer, tmp_path / "none")
