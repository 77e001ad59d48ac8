"""The lock of a run's folder: second processes, owners that are killed, on other hosts, requeued, and clocks."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from stgdn.runs import lock
from stgdn.runs.folder import LOCK
from stgdn.runs.lock import LockedError, Owner, locked, start_time

CONTEXT = multiprocessing.get_context("forkserver")
HOUR = 3600.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no /proc, which says when a process began")


def hold(folder: Path, ready: "Queue[str]", seconds: float) -> None:
    with locked(folder):
        ready.put("held")
        time.sleep(seconds)


def attempt(folder: Path, together: Barrier, results: "Queue[bool]") -> None:
    together.wait()
    try:
        with locked(folder):
            results.put(True)
            together.wait()  # nobody leaves before all have tried
    except LockedError:
        results.put(False)
        together.wait()


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    process = CONTEXT.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def holder(folder: Path, seconds: float = 60) -> BaseProcess:
    """Return a process that holds the lock of a folder."""
    ready = CONTEXT.Queue()
    process = start(hold, folder, ready, seconds)
    assert ready.get(timeout=60) == "held"
    return process


def write(folder: Path, owner: Owner, age: float = 0) -> Path:
    """Write a lock of another owner that was renewed `age` seconds ago."""
    path = folder / LOCK
    path.write_text(json.dumps(asdict(owner)))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def elsewhere(**changed: object) -> Owner:
    """Return an owner on another host."""
    owner = replace(Owner.of_this_process(), host="node7", machine="another", process=12, job="345")
    return replace(owner, **changed)  # pyright: ignore[reportArgumentType]


def test_a_second_process_is_told_who_is_there(tmp_path: Path) -> None:
    process = holder(tmp_path)
    owner = Owner.read(tmp_path / LOCK)
    assert owner is not None
    with (
        pytest.raises(
            LockedError, match=rf"is in use: process {process.pid} on {owner.host}, since 20..-..-.. ..:..; wait"
        ),
        locked(tmp_path),
    ):
        pass
    assert Owner.read(tmp_path / LOCK) == owner
    process.kill()
    process.join()


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    process = holder(tmp_path)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with locked(tmp_path):
        assert Owner.read(tmp_path / LOCK).process == os.getpid()  # pyright: ignore[reportOptionalMemberAccess]
    assert not list(tmp_path.iterdir())


def test_a_number_that_another_process_has_now_is_no_owner(tmp_path: Path) -> None:
    parent = os.getppid()
    own = replace(Owner.of_this_process(), process=parent, started=start_time(parent) - 100)
    write(tmp_path, own)
    with locked(tmp_path):
        pass
    write(tmp_path, replace(own, started=start_time(parent)), age=HOUR)  # it lives, though it was stopped for an hour
    with pytest.raises(LockedError), locked(tmp_path):
        pass


@pytest.mark.parametrize(("age", "free"), [(0, False), (240, False), (320, True), (HOUR, True)])
def test_a_lock_of_another_host_goes_by_its_age(tmp_path: Path, age: float, free: bool) -> None:
    write(tmp_path, elsewhere(), age)
    if free:
        with locked(tmp_path):
            pass
        return
    with pytest.raises(LockedError, match="process 12 of Slurm job 345 on node7"), locked(tmp_path):
        pass


@pytest.mark.parametrize("shift", [-2 * HOUR, 2 * HOUR])
def test_the_clock_of_this_host_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + shift)
    write(tmp_path, elsewhere())
    os.utime(tmp_path / LOCK, (now() - 100, now() - 100))  # as the file system says it
    with pytest.raises(LockedError), locked(tmp_path):
        pass
    os.utime(tmp_path / LOCK, (now() - 400, now() - 400))
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("alive", [True, False])
def test_after_a_clock_was_set_back_a_further_renewal_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alive: bool
) -> None:
    path = write(tmp_path, elsewhere(), age=-HOUR)
    monkeypatch.setattr(lock.time, "sleep", lambda _: os.utime(path) if alive else None)
    if alive:
        with pytest.raises(LockedError), locked(tmp_path):
            pass
    else:
        with locked(tmp_path):
            pass


def test_a_requeued_job_takes_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "345")
    for restarts, job in (("0", "345"), ("1", "344")):
        monkeypatch.setenv("SLURM_RESTART_COUNT", restarts)
        write(tmp_path, elsewhere(job=job, restarts=0))
        with pytest.raises(LockedError), locked(tmp_path):
            pass
    write(tmp_path, elsewhere(job="345", restarts=0))
    with locked(tmp_path):
        assert Owner.read(tmp_path / LOCK).restarts == 1  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"token": 1}', json.dumps(asdict(elsewhere(process="1"))), "[" * 100_000],
    ids=["empty", "list", "little", "word", "deep"],
)
@pytest.mark.parametrize("age", [0, HOUR])
def test_a_lock_that_cannot_be_read_goes_by_its_age(tmp_path: Path, age: float, content: str) -> None:
    path = write(tmp_path, elsewhere())
    path.write_text(content)
    os.utime(path, (time.time() - age, time.time() - age))
    if age:
        with locked(tmp_path):
            pass
    else:
        with pytest.raises(LockedError, match="a process that does not say its name"), locked(tmp_path):
            pass


def test_a_planted_lock_names_no_other_file(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write(folder, elsewhere(token="/../../planted"), HOUR)
    with locked(folder):
        assert {path.name for path in tmp_path.iterdir()} == {"run"}
    write(folder, elsewhere(host="node\x1b[2J"))
    with pytest.raises(LockedError, match="a process that does not say its name"), locked(folder):
        pass


def test_of_several_that_take_over_a_stale_lock_at_once_one_wins(tmp_path: Path) -> None:
    count, results = 4, CONTEXT.Queue()
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder, elsewhere(), HOUR)
        together = CONTEXT.Barrier(count)
        processes = [start(attempt, folder, together, results) for _ in range(count)]
        assert sorted(results.get(timeout=60) for _ in processes) == [False] * (count - 1) + [True]
        for process in processes:
            process.join(60)
        assert not list(folder.iterdir())


def test_it_is_renewed_while_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT", 0.02)
    with locked(tmp_path):
        os.utime(tmp_path / LOCK, (1, 1))
        end = time.monotonic() + 10
        while (tmp_path / LOCK).stat().st_mtime == 1 and time.monotonic() < end:
            time.sleep(0.01)
        assert time.time() - (tmp_path / LOCK).stat().st_mtime < 100
    assert not (tmp_path / LOCK).exists()


def test_an_owner_whose_lock_was_taken_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT", 0.02)
    other = elsewhere()
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        time.sleep(write(tmp_path, other).exists() * 10)
    assert "has been taken over: process 12 of Slurm job 345 on node7" in capfd.readouterr().err
    assert Owner.read(tmp_path / LOCK) == other


def test_folders_that_stay_empty_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "demo" / "run"
    with locked(folder):
        assert folder.is_dir()
    assert not list(tmp_path.iterdir())
    with locked(folder):
        (folder / "config.yaml").touch()
    assert [path.name for path in folder.iterdir()] == ["config.yaml"]
