"""`launcher=gpus`: the runs of a sweep share the GPUs of this machine, one run a GPU, as each becomes free.

Hydra takes launchers from `hydra_plugins` only. Every run is a process of its own that sees one GPU
(`CUDA_VISIBLE_DEVICES`), so that one that crashes costs nothing but itself.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NamedTuple

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus

from stgdn.cli.launcher import RunLauncher, failed, run_title, take_state
from stgdn.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOG = "log.txt"  # in a run's folder
PATIENCE = 60  # seconds in which runs end after an interrupt


class Started(NamedTuple):
    """Hold a run's process."""

    number: int  # of the run in the sweep
    name: str
    gpu: str
    log: Path
    begun: float  # time.monotonic()
    process: SpawnProcess
    result: Connection


class GpuLauncher(RunLauncher):
    """Runs as many runs at a time as there are GPUs, and reports how each ended."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run what is missing and return what came out of every run.

        Raises:
            InputError: no GPU, or a number of runs a GPU that is none.
            KeyboardInterrupt: interrupted; all runs have ended and can be resumed.
        """
        per_gpu = self.config.launcher.per_gpu
        if type(per_gpu) is not int or per_gpu < 1:
            raise InputError(f"launcher.per_gpu={per_gpu} must be a whole number from 1 up")
        free = deque(visible_gpus() * per_gpu)
        waiting = deque((initial_job_idx + i, list(overrides)) for i, overrides in enumerate(job_overrides))
        print(f"{len(waiting)} runs, {len(free)} at a time; `make watch` shows the newest ones", flush=True)
        results: dict[int, JobReturn] = {}
        running: list[Started] = []
        with ended_at_last(running):
            while waiting or running:
                while waiting and free:
                    number, overrides = waiting.popleft()
                    config, folder = self.load(overrides)
                    if self.finished(config, folder):
                        results[number] = self.run(overrides, number)
                    else:
                        running.append(self._start(run_title(config), folder, (overrides, number), free.popleft()))
                ready = wait([one.process.sentinel for one in running]) if running else []
                for one in [one for one in running if one.process.sentinel in ready]:
                    running.remove(one)
                    free.append(one.gpu)
                    results[one.number] = _result(one)
        return [results[number] for number in sorted(results)]

    def _start(self, name: str, folder: Path, run: tuple[list[str], int], gpu: str) -> Started:
        """Start the process of a run, its overrides and its number in the sweep, on a GPU."""
        folder.mkdir(parents=True, exist_ok=True)
        receiver, sender = multiprocessing.Pipe(duplex=False)
        task = cloudpickle.dumps((self, *run, Singleton.get_state()))  # takes functions of __main__ by value
        arguments = (task, gpu, folder / LOG, sender)
        process = multiprocessing.get_context("spawn").Process(target=run_on, args=arguments)
        process.start()
        sender.close()
        print(f"GPU {gpu}: {name}, log {folder / LOG}", flush=True)
        return Started(run[1], name, gpu, folder / LOG, time.monotonic(), process, receiver)


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them.

    Raises:
        InputError: there is none.
    """
    if VISIBLE in os.environ:
        found = [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    else:
        import torch

        found = [str(number) for number in range(torch.cuda.device_count())]
    if not found:
        raise InputError("launcher=gpus: PyTorch finds no GPU here, take launcher=local or launcher=joblib")
    return found


def run_on(task: bytes, gpu: str, log: Path, sender: Connection) -> None:
    """In a run's own process: run it on one GPU, its output into its log, and send what came out."""
    os.environ[VISIBLE] = gpu
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the launcher ends runs
    with log.open("a", buffering=1, encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    launcher, overrides, number, singletons = pickle.loads(task)
    take_state(singletons)
    returned = launcher.run(overrides, number)
    sender.send((returned.status, returned._return_value))


@contextlib.contextmanager
def ended_at_last(running: list[Started]) -> Iterator[None]:
    """End the runs that are going on when the launcher is interrupted or fails: as Ctrl-C does, they can be resumed.

    Raises:
        KeyboardInterrupt: interrupted, also by SIGTERM.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except BaseException:
        for one in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.process.pid or 0, signal.SIGTERM)
        until = time.monotonic() + PATIENCE
        for one in running:
            one.process.join(max(0, until - time.monotonic()))
            one.process.kill()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _result(one: Started) -> JobReturn:
    """Return what came out of a run whose process has ended; prints how it ended."""
    one.process.join()
    minutes = (time.monotonic() - one.begun) / 60
    status, value = JobStatus.FAILED, f"its process ended with code {one.process.exitcode}"
    with contextlib.suppress(EOFError):  # it has sent nothing
        status, value = one.result.recv()
    if status is not JobStatus.COMPLETED:
        failure = f"{one.name}: {value}, its log is {one.log}"
        print(f"error: GPU {one.gpu}: {failure}", file=sys.stderr, flush=True)
        return failed(failure)
    print(f"GPU {one.gpu}: finished after {minutes:.0f} min: {one.name}", flush=True)
    returned = JobReturn(status=status)
    returned.return_value = value
    return returned
