"""The command that made a run, as one would type it again."""

import re
import shlex
from collections.abc import Iterable

from hydra.core.hydra_config import HydraConfig

from stgdn.runs.naming import option

# How a run was got to and where it lies, not what it is. An experiment sets nothing but its sweep, which is among a
# run's own options.
TRAIN = "python src/train.py"
SEED = re.compile(r" seed=(\d+)(?= |$)")
DROPPED = ("resume", "overwrite", "experiment", "launcher", "outputs")


def training_command() -> str | None:
    """The command of the run that is being made, alone and from its beginning; None outside a command."""
    return retyped(HydraConfig.get().overrides.task) if HydraConfig.initialized() else None


def retyped(overrides: Iterable[str]) -> str:
    """The command for one run, without the sweep that it may be part of.

    Args:
        overrides: the run's own, such as `model=st_gdn`.
    """
    kept = [each for each in overrides if option(each).split(".")[0] not in DROPPED]
    return shlex.join([*TRAIN.split(), *kept])


def together(commands: Iterable[str]) -> list[str]:
    """The same runs by fewer commands: those of training that differ in their seed alone become a sweep over it."""
    seeds: dict[str, list[str]] = {}
    for command in commands:
        found = SEED.findall(command)
        alone = len(found) != 1 or not command.startswith(f"{TRAIN} ")
        same = command if alone else SEED.sub(" seed={seeds}", command)
        seeds.setdefault(same, []).extend([] if alone else found)
    return [
        command.replace("{seeds}", ",".join(found)).replace(TRAIN, f"{TRAIN} -m" if len(found) > 1 else TRAIN, 1)
        for command, found in seeds.items()
    ]


def quoted(value: str) -> str:
    """Return a value as Hydra reads it on a command line: in quotes if it has a character that means something else."""
    if re.fullmatch(r"[\w./\\+@%:-]+", value):
        return value
    escaped = re.sub(r"(\\+)('|$)", r"\1\1\2", value).replace("'", "\\'")
    return f"'{escaped}'"
