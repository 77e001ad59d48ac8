"""Queries to Slurm, and values in its formats."""

import re
import shutil
import subprocess
from typing import NamedTuple

from stgdn.errors import InputError, choose

DAY = 24 * 60  # minutes

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
