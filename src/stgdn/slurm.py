"""Slurm: queries by its own commands, values in its formats, and jobs by submitit."""

import contextlib
import hashlib
import io
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from stgdn.errors import InputError, choose
from stgdn.files import replacing_folder

DAY = 24 * 60  # minutes
MADE = ("__pycache__", ".egg-info")  # endings of folders that Python makes
RULE = 22 * "-"  # around the traceback in the message of submitit's FailedJobError

# Why a job waits that no free node would let start. Many clusters queue such jobs instead of refusing them.
HOPELESS = {
    "PartitionConfig",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "BadConstraints",
    "InvalidAccount",
    "InvalidQOS",
}


class Queued(NamedTuple):
    """Hold a job of the queue: its number, the reason it waits (`None` if it runs) and its comment."""

    job: str
    reason: str
    comment: str


def ask(*command: str) -> str:
    """Return the output of a Slurm command.

    Raises:
        InputError: there is no such command on this machine, or Slurm does not answer it.
    """
    if shutil.which(command[0]) is None:
        raise InputError(
            f"launcher=slurm needs Slurm, and this machine has no `{command[0]}`: start it on a login node of the "
            "cluster, or take launcher=local or launcher=joblib"
        )
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        raise InputError(f"Slurm has not answered `{command[0]}` for two minutes: try again later") from None
    if answer.returncode:
        raise InputError(f"Slurm does not answer `{command[0]}`: {reason(answer.stderr)}")
    return answer.stdout


def reason(message: str) -> str:
    """Return the line with the reason from a Slurm command's standard error."""
    lines = [re.sub(r"^\w+: (error: )?", "", line.strip()) for line in message.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


def check_partition(partition: str | None) -> None:
    """Check that the cluster has a partition; None is its default one.

    Raises:
        InputError: it has none of that name (the sentence lists those it has), or Slurm is not there.
    """
    there = sorted(set(ask("sinfo", "--noheader", "--format=%R").split()))
    if partition is not None:
        choose(partition, there, "launcher.partition")


def queue() -> list[Queued]:
    """Return this user's jobs that wait or run.

    Raises:
        InputError: Slurm does not answer.
    """
    lines = ask("squeue", "--me", "--noheader", "--format=%i|%r|%k").splitlines()
    return [Queued(*line.strip().split("|", 2)) for line in lines if line.count("|") >= 2]


def minutes(time: int | str | None) -> int:
    """Return a time limit in whole minutes, rounded up, from any form that sbatch takes; None is a day.

    minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds.

    Raises:
        InputError: another form, or no time at all.
    """
    if time is None:
        return DAY
    matched = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", str(time))
    if matched is None:
        raise InputError(f"launcher.time={time} is no time: give minutes, hours:minutes:seconds or days-hours")
    days, *given = matched.groups()
    parts = [int(part) for part in given if part is not None]
    if days is not None:
        hours, mins, seconds = parts + [0] * (3 - len(parts))
    else:
        hours, mins, seconds = {1: [0, *parts, 0], 2: [0, *parts], 3: parts}[len(parts)]
    total = int(days or 0) * DAY + hours * 60 + mins + -(-seconds // 60)
    if not total:
        raise InputError(f"launcher.time={time} is no time: give at least a minute")
    return total


def sbatch_options(launcher: DictConfig, trainer: DictConfig) -> dict[str, Any]:
    """Return submitit's options for Slurm, from `config.launcher` and the devices and nodes of `config.trainer`.

    Raises:
        InputError: a time that is too short, or processes that the config leaves open.
    """
    tasks = 1 if trainer.devices == "auto" else trainer.devices
    if not isinstance(tasks, int) or tasks < 1:
        raise InputError(f"trainer.devices={trainer.devices} with launcher=slurm: say how many, such as 4")
    limit = minutes(launcher.time)
    if 60 * limit <= launcher.notice + 60:
        raise InputError(
            f"launcher.time={launcher.time} is too short: a job queues itself again launcher.notice={launcher.notice} "
            "seconds before that, and Slurm may tell it up to a minute earlier"
        )
    gpus = (0 if trainer.accelerator == "cpu" else tasks) if launcher.gpus == "auto" else launcher.gpus
    options = {
        "partition": launcher.partition,
        "account": launcher.account,
        "qos": launcher.qos,
        "time": limit,
        "nodes": trainer.num_nodes,
        "ntasks_per_node": tasks,
        "cpus_per_task": launcher.cpus,
        "mem": f"{launcher.memory}GB" if launcher.memory else None,
        "gpus_per_node": gpus,
        "signal_delay_s": launcher.notice,
        "setup": list(launcher.setup),
        "srun_args": ["--kill-on-bad-exit=1"],  # no process waits for one that has crashed
        "stderr_to_stdout": True,
        "additional_parameters": {"requeue": True, **launcher.options},
    }
    return {key: value for key, value in options.items() if value}


def copy_code(outputs: Path) -> Path:
    """Copy `src/` and `conf/` of this suite below a folder, for jobs that start later; returns the copy.

    A copy is named by its content, so that sweeps of the same code share one.
    """
    root = Path(__file__).resolve().parents[2]
    found = (path for part in ("src", "conf") for path in (root / part).rglob("*") if path.is_file())
    paths = sorted(path for path in found if not any(part.endswith(MADE) for part in path.parts))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    copy = outputs.absolute() / ".code" / digest.hexdigest()[:12]
    if not copy.exists():
        with replacing_folder(copy) as temporary:
            for path in paths:
                place = temporary / path.relative_to(root)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
    return copy


class RunJob:
    """A job that makes one call, by submitit; of its processes only the first one is waited for.

    All that is used of submitit is in this class. Not in its public interface are `FailedJobError`, the format of that
    error's message, and `Job.paths`: `Job.done` would ask `sacct`, which not every cluster has.
    """

    def __init__(self, name: str, folder: Path, number: str) -> None:
        import submitit  # takes a second, which only jobs should cost

        self.name, self.number = name, number
        self._job = submitit.SlurmJob(folder, number)
        self.log = self._job.paths.stdout

    @classmethod
    def submit(
        cls,
        name: str,
        folder: Path,
        options: dict[str, Any],
        restarts: int,
        call: Callable[..., Any],
        *arguments: object,
    ) -> "RunJob":
        """Submit a call; if it has a method `checkpoint`, the job queues itself again before its time limit.

        Raises:
            InputError: Slurm refuses the job.
        """
        import submitit
        from submitit.core.utils import FailedJobError

        executor = submitit.SlurmExecutor(folder, max_num_timeout=restarts)
        executor.update_parameters(job_name=name, **options)
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # submitit prints what it raises
                return cls(name, folder, executor.submit(call, *arguments).job_id)
        except FailedJobError as error:
            raise InputError(f"Slurm refuses the job of {name}: {reason(str(error))}") from None

    @property
    def ended(self) -> bool:
        """True if the call has left a result or an error."""
        return self._job.paths.result_pickle.exists()

    def failure(self) -> str | None:
        """Return the message of what an ended call raised; None if it succeeded."""
        if (error := self._job.exception()) is None:
            return None
        lines = [line for line in str(error).split(RULE)[1].splitlines() if line and not line[0].isspace()]
        return lines[-1].split(": ", 1)[-1]

    def result(self) -> Any:  # noqa: ANN401
        """Return what an ended call returned."""
        return self._job.result()
