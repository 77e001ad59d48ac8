"""`launcher=slurm`: every run of a sweep is a Slurm job of its own, by submitit.

Hydra takes launchers from `hydra_plugins` only. hydra-submitit-launcher makes one job array of a sweep, with one name
and one folder; here a job is called after its run, its log lies in the run's folder, a run that is finished or queued
already is not submitted again, and a job that fails does not keep the others from being waited for.
"""

import shlex
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from stgdn.cli.launcher import RunLauncher, failed, run_title, take_state
from stgdn.environment import COMMIT, git_state
from stgdn.errors import InputError
from stgdn.files import write_json
from stgdn.slurm import HOPELESS, RunJob, ask, check_partition, copy_code, queue, sbatch_options

PATIENCE = 20  # seconds in which a job's result may come after the job has left the queue


class SlurmLauncher(RunLauncher):
    """Submits every run as a job, waits for all, and reports how each ended."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit what is missing, wait, and return what came out of every run.

        Raises:
            InputError: no Slurm, no such partition, or resources that the cluster refuses.
            KeyboardInterrupt: interrupted; the jobs go on.
        """
        check_partition(self.config.launcher.partition)
        queued = {job.comment: job.job for job in queue()}
        self.code = copy_code(Path(self.config.outputs))
        if (state := git_state()) is not None:
            write_json(self.code / COMMIT, state)
        at_once = most_at_once(self.config.launcher, len(job_overrides))
        waiting = deque((initial_job_idx + i, list(overrides)) for i, overrides in enumerate(job_overrides))
        runs: list[RunJob | JobReturn] = []

        def submit(active: int) -> list[RunJob]:
            """Submit runs while fewer than `at_once` are active; return their jobs."""
            jobs: list[RunJob] = []
            while waiting and active + len(jobs) < at_once:
                number, overrides = waiting.popleft()
                runs.append(run := self._start(overrides, number, queued))
                jobs += [run] if isinstance(run, RunJob) else []
            return jobs

        if not self.config.launcher.wait:
            submit(0)
            print("not waiting: `squeue --me` shows the jobs, the same command later tells how they ended", flush=True)
            return [JobReturn(status=JobStatus.COMPLETED) if isinstance(run, RunJob) else run for run in runs]
        try:
            results = wait(submit)
        except KeyboardInterrupt:
            numbers = " ".join(run.number for run in runs if isinstance(run, RunJob))
            raise KeyboardInterrupt(
                f"interrupted; the jobs go on, the same command waits for them, `scancel {numbers}` ends them"
            ) from None
        return [results[run] if isinstance(run, RunJob) else run for run in runs]

    def _start(self, overrides: list[str], number: int, queued: dict[str, str]) -> RunJob | JobReturn:
        """Return a run's job, new or in the queue already; or its result, where it is finished."""
        config, folder = self.load(overrides)
        if self.finished(config, folder):
            return self.run(overrides, number)
        name = run_title(config)
        options = sbatch_options(config.launcher, config.trainer) | {"comment": str(folder)}
        path = f"export PYTHONPATH={shlex.quote(str(self.code / 'src'))}${{PYTHONPATH:+:$PYTHONPATH}}"
        options["setup"] = [path, *options.get("setup", [])]
        if str(folder) in queued:
            job = RunJob(name, folder / "slurm", queued[str(folder)])
            print(f"job {job.number} (queued before): {name}", flush=True)
            return job
        arguments = (overrides, number, Singleton.get_state())
        job = RunJob.submit(name, folder / "slurm", options, config.launcher.restarts, self, *arguments)
        print(f"job {job.number}: {name}, log {job.log}", flush=True)
        return job

    def __call__(self, overrides: list[str], number: int, singletons: dict[Any, Any]) -> JobReturn:
        """In the job: run it; a run that failed fails the job, so that Slurm says so too."""
        take_state(singletons)
        self._use_copied_configs()
        returned = self.run(overrides, number)
        _ = returned.return_value  # raises what the run raised
        return returned

    def _use_copied_configs(self) -> None:
        """In the job: take the suite's configs from the copy too, where the code is from."""
        for loader in (self.context.config_loader, GlobalHydra.instance().config_loader()):
            for element in loader.get_search_path().get_path():  # folders of the user's own stay
                if element.provider == "main":
                    element.path = f"file://{self.code / 'conf'}"
            loader.repository = ConfigRepository(loader.get_search_path())  # pyright: ignore[reportAttributeAccessIssue]

    def checkpoint(self, *arguments: Any) -> Any:  # noqa: ANN401
        """In a job that has to end: return what it does when Slurm starts it again, which is the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)


def most_at_once(launcher: DictConfig, runs: int) -> int:
    """Return how many of a sweep's jobs may wait or run at the same time.

    Raises:
        InputError: a number that is none, or nobody waits to submit the next ones.
    """
    if launcher.at_once is None:
        return runs
    if type(launcher.at_once) is not int or launcher.at_once < 1:
        raise InputError(f"launcher.at_once={launcher.at_once} must be a whole number from 1 up, or null for all")
    if not launcher.wait:
        raise InputError("launcher.wait=false leaves before launcher.at_once can submit the next run: give one of both")
    return launcher.at_once


def wait(submit: Callable[[int], list[RunJob]]) -> dict[RunJob, JobReturn]:
    """Wait until every job has left a result or the queue; prints how each ended, as it ends.

    Args:
        submit: takes the number of jobs that have not ended, and returns those that it has submitted besides.
    """
    results: dict[RunJob, JobReturn] = {}
    last_seen = dict.fromkeys(submit(0), time.monotonic())
    pause = 1.0
    while len(results) < len(last_seen):
        time.sleep(pause)
        pause = min(1.2 * pause, 30)
        try:
            reasons = {queued.job: queued.reason for queued in queue()}
        except InputError:  # a controller that is busy or being restarted
            reasons = {job.number: "" for job in last_seen}
        for job in last_seen:
            if job.number in reasons:
                last_seen[job] = time.monotonic()
            if job not in results and (result := _result(job, reasons.get(job.number), last_seen[job])):
                results[job] = result
        last_seen |= dict.fromkeys(submit(len(last_seen) - len(results)), time.monotonic())
    return results


def _result(job: RunJob, waits_for: str | None, last_seen: float) -> JobReturn | None:
    """Return a job's result; None while it may still succeed.

    Args:
        job: submitted before.
        waits_for: why it waits in the queue; None if it has left the queue.
        last_seen: time when it was last in the queue, in seconds.
    """
    if job.ended:
        if failure := job.failure():
            return _failed(job, f"{failure}, its log is {job.log}")
        print(f"job {job.number} finished: {job.name}", flush=True)
        return job.result()
    if waits_for in HOPELESS:
        ask("scancel", job.number)
        return _failed(job, f"Slurm would never start it ({waits_for}): see launcher.cpus, .memory, .gpus and .time")
    if time.monotonic() - last_seen > PATIENCE:
        return _failed(job, f"no result (cancelled, killed or out of memory), its log is {job.log}")
    return None


def _failed(job: RunJob, reason: str) -> JobReturn:
    failure = f"job {job.number} failed: {job.name}: {reason}"
    print(f"error: {failure}", file=sys.stderr, flush=True)
    return failed(failure)
