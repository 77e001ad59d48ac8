"""The shell command that repeats a run."""

import re
import shlex
from collections.abc import Iterable

from hydra.core.hydra_config import HydraConfig

from stgdn.runs.naming import option

TRAIN = "python src/train.py"
SEED = re.compile(r" seed=(\d+)(?= |$)")
# Options that say how and where a run was started, not what it computes. An experiment sets only its sweep, and the
# swept values are among the run's own options.
DROPPED = ("resume", "overwrite", "experiment", "launcher", "outputs")


def training_command() -> str | None:
    """Return the command that repeats the current run from its start, without the sweep; None outside a command."""
    return format_command(HydraConfig.get().overrides.task) if HydraConfig.initialized() else None


def format_command(overrides: Iterable[str]) -> str:
    """Return the command for one run with overrides such as `model=st_gdn`, without the sweep it may be part of."""
    kept = [override for override in overrides if option(override).split(".")[0] not in DROPPED]
    return shlex.join([*TRAIN.split(), *kept])


def merge_seeds(commands: Iterable[str]) -> list[str]:
    """Merge training commands that differ only in the seed into one sweep over seeds; keep all others."""
    seeds: dict[str, list[str]] = {}
    for command in commands:
        values = SEED.findall(command)
        mergeable = len(values) == 1 and command.startswith(f"{TRAIN} ")
        template = SEED.sub(" seed={seeds}", command) if mergeable else command
        seeds.setdefault(template, []).extend(values if mergeable else [])
    return [
        template.replace("{seeds}", ",".join(values)).replace(TRAIN, f"{TRAIN} -m" if len(values) > 1 else TRAIN, 1)
        for template, values in seeds.items()
    ]


def quote_value(value: str) -> str:
    """Return a value as Hydra reads it on a command line, in quotes if it has a character with another meaning."""
    if re.fullmatch(r"[\w./\\+@%:-]+", value):
        return value
    escaped = re.sub(r"(\\+)('|$)", r"\1\1\2", value).replace("'", "\\'")
    return f"'{escaped}'"
