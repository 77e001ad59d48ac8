"""`launcher=slurm`: every run of a sweep is a Slurm job of its own, by hydra-submitit-launcher.

Hydra takes launchers from `hydra_plugins` only. hydra-submitit-launcher makes one job array of a sweep, with one name
and one folder; here a job is called after its run, its log lies in the run's folder, a run that is finished or queued
already is not submitted again, and a job that fails does not keep the others from being waited for.
"""

import contextlib
import io
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, TaskFunction
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import BaseSubmititLauncher
from omegaconf import DictConfig, OmegaConf

from stgdn.cli.entry import RunError
from stgdn.errors import InputError
from stgdn.runs.folder import SUMMARY
from stgdn.runs.naming import check_names
from stgdn.slurm import HOPELESS, Queued, ask, check_partition, minutes, queue, reason

if TYPE_CHECKING:
    import submitit

PATIENCE = 20  # seconds in which a job's result may come after the job has left the queue


@dataclass(frozen=True, eq=False)
class Submitted:
    """A run that Slurm has been given: what it is called, and its job (the first process of it)."""

    name: str
    job: "submitit.Job[JobReturn]"


class SlurmLauncher(BaseSubmititLauncher):
    """Submits every run as a job, waits for all, and reports how each ended."""

    _EXECUTOR = "slurm"

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra calls this once; `config.launcher` has the options of conf/launcher/slurm.yaml."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.local = BasicLauncher()
        self.local.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def __call__(self, *arguments: Any) -> JobReturn:  # noqa: ANN401
        """In the job: a run that failed fails the job, so that Slurm says so too."""
        returned = super().__call__(*arguments)
        if returned.status == JobStatus.FAILED:
            raise returned._return_value  # as .return_value does, but without a line of its own
        return returned

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit what is missing, wait, and return what came out of every run.

        Raises:
            InputError: no Slurm, no such partition, or resources that the cluster refuses.
            KeyboardInterrupt: interrupted; the jobs go on.
        """
        assert self.config is not None
        check_partition(self.config.launcher.partition)
        there = {queued.comment: queued for queued in queue()}
        runs = [self._begin(list(overrides), initial_job_idx + i, there) for i, overrides in enumerate(job_overrides)]
        submitted = [run for run in runs if isinstance(run, Submitted)]
        if not self.config.launcher.wait:
            print("not waiting: `squeue --me` shows the jobs, the same command later tells how they ended", flush=True)
            left = JobReturn(status=JobStatus.COMPLETED)
            return [left if isinstance(run, Submitted) else run for run in runs]
        try:
            results = wait(submitted)
        except KeyboardInterrupt:
            jobs = " ".join(run.job.job_id for run in submitted)
            raise KeyboardInterrupt(
                f"interrupted; the jobs go on, the same command waits for them, `scancel {jobs}` ends them"
            ) from None
        return [results[run] if isinstance(run, Submitted) else run for run in runs]

    def _begin(self, overrides: list[str], number: int, there: dict[str, Queued]) -> Submitted | JobReturn:
        """A run's job, new or in the queue already; or its result, where it is finished."""
        import submitit  # takes a second, which only this launcher should cost
        from submitit.core.utils import FailedJobError

        with self._config_of(overrides) as config:
            check_names(config)
            folder = Path(config.folder).absolute()
            name = f"{config.data.name}/{config.model.name}/{config.data.stream}/seed{config.seed}"
            resources = sbatch_options(config.launcher, config.trainer)
            restarts, overwrite = config.launcher.restarts, config.overwrite
        if (folder / SUMMARY).exists() and not overwrite:
            return self.local.launch([overrides], number)[0]  # the job itself says that it is finished
        if str(folder) in there:
            job = submitit.SlurmJob(folder=folder / "slurm", job_id=there[str(folder)].job)
            print(f"job {job.job_id} (queued before): {name}", flush=True)
            return Submitted(name, job)
        executor = submitit.SlurmExecutor(folder / "slurm", max_num_timeout=restarts)
        executor.update_parameters(job_name=name, comment=str(folder), **resources)
        arguments = (overrides, "hydra.sweep.dir", number, f"job_id_for_{number}", Singleton.get_state())
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # submitit prints what it raises
                job = executor.submit(self, *arguments).task(0)
        except FailedJobError as error:
            raise InputError(f"Slurm refuses the job of {name}: {reason(str(error))}") from None
        print(f"job {job.job_id}: {name}, log {job.paths.stdout}", flush=True)
        return Submitted(name, job)

    @contextlib.contextmanager
    def _config_of(self, overrides: list[str]) -> Iterator[DictConfig]:
        """A run's own config, which can be resolved meanwhile."""
        assert self.hydra_context is not None
        assert self.config is not None
        before = HydraConfig.instance().cfg
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        HydraConfig.instance().set_config(config)
        try:
            yield config
        finally:
            HydraConfig.instance().cfg = before


def sbatch_options(launcher: DictConfig, trainer: DictConfig) -> dict[str, Any]:
    """Return submitit's options for Slurm, from `config.launcher` and the devices and nodes of `config.trainer`.

    Raises:
        InputError: a time that is none, or processes that the config leaves open.
    """
    tasks = 1 if trainer.devices == "auto" else trainer.devices
    if not isinstance(tasks, int) or tasks < 1:
        raise InputError(f"trainer.devices={trainer.devices} with launcher=slurm: say how many, such as 4")
    given = OmegaConf.to_container(launcher, resolve=True)
    assert isinstance(given, dict)
    limit = minutes(given["time"])
    if 60 * limit <= given["notice"] + 60:
        raise InputError(
            f"launcher.time={given['time']} is too short: a job queues itself again launcher.notice={given['notice']} "
            "seconds before that, and Slurm may tell it up to a minute earlier"
        )
    gpus = (0 if trainer.accelerator == "cpu" else tasks) if given["gpus"] == "auto" else given["gpus"]
    options = {
        "time": limit,
        "nodes": trainer.num_nodes,
        "ntasks_per_node": tasks,
        "cpus_per_task": given["cpus"],
        "mem": f"{given['memory']}GB" if given["memory"] else None,
        "gpus_per_node": gpus,
        "signal_delay_s": given["notice"],
        "srun_args": ["--kill-on-bad-exit=1"],  # no process waits for one that has crashed
        "stderr_to_stdout": True,
        "additional_parameters": {"requeue": True, **given["options"]},
    }
    same = {key: given[key] for key in ("partition", "account", "qos", "setup")}
    return {key: value for key, value in (options | same).items() if value}


def wait(submitted: list[Submitted]) -> dict[Submitted, JobReturn]:
    """Wait until every job has left a result or the queue; says how each ended, as it ends."""
    results: dict[Submitted, JobReturn] = {}
    last_seen = dict.fromkeys(submitted, time.monotonic())
    pause = 1.0
    while len(results) < len(submitted):
        time.sleep(pause)
        pause = min(1.2 * pause, 30)
        try:
            there = {queued.job: queued.reason for queued in queue()}
        except InputError:  # a controller that is busy or being restarted
            there = {run.job.job_id: "" for run in submitted}
        for run in submitted:
            if run not in results and (ended := _ended(run, there, last_seen)):
                results[run] = ended
    return results


def _ended(run: Submitted, there: dict[str, str], last_seen: dict[Submitted, float]) -> JobReturn | None:
    """Return a job's outcome, given why jobs in the queue wait; None while it may still succeed."""
    if run.job.paths.result_pickle.exists():
        return collect(run)
    waits_for = there.get(run.job.job_id)
    if waits_for in HOPELESS:
        ask("scancel", run.job.job_id)
        return _failed(run, f"Slurm would never start it ({waits_for}): see launcher.cpus, .memory, .gpus and .time")
    if waits_for is not None:
        last_seen[run] = time.monotonic()
    if time.monotonic() - last_seen[run] > PATIENCE:
        return _failed(run, f"no result (cancelled, killed or out of memory), its log is {run.job.paths.stdout}")
    return None


def collect(run: Submitted) -> JobReturn:
    """Return a job's result; print the reason if it failed."""
    kind, result = run.job._get_outcome_and_result()
    if kind == "success":
        print(f"job {run.job.job_id} finished: {run.name}", flush=True)
        return result
    why = str(result).strip().splitlines()[-1].split(": ", 1)[-1]  # the end of a traceback
    return _failed(run, f"{why}, its log is {run.job.paths.stdout}")


def _failed(run: Submitted, why: str) -> JobReturn:
    failure = f"job {run.job.job_id} failed: {run.name}: {why}"
    print(f"error: {failure}", file=sys.stderr, flush=True)
    returned = JobReturn(status=JobStatus.FAILED)
    returned.return_value = RunError(failure)
    return returned
