"""Signals and leftovers of a job: who handles what, and what the next run of a sweep finds."""

import os
import signal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stgdn.training.job import LEFT_BEHIND, LeaveSignal, part


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
    leave.on_train_start(cast(Any, None), None)
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_without_one_the_signal_stays_with_lightning() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    leave = LeaveSignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave.on_train_start(cast(Any, None), None)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN


@pytest.mark.parametrize(("processes", "left"), [(1, True), (2, False)])
def test_a_sweep_starts_its_next_processes_anew(monkeypatch: pytest.MonkeyPatch, processes: int, left: bool) -> None:
    for name in LEFT_BEHIND:
        monkeypatch.setenv(name, "0")
    part(cast(Any, SimpleNamespace(world_size=processes, strategy=None)))
    assert [name in os.environ for name in LEFT_BEHIND] == [left] * len(LEFT_BEHIND)
