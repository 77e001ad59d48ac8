"""The shell command that repeats a run."""

import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from stgdn.runs.naming import changes_result, option

REPEATED = ("data.fold", "data.protocol", "seed")  # options of runs that are one row of a table
TRAIN = "python src/train.py"
# Options that say how and where a run was started, not what it computes. An experiment in conf/ sets only its sweep,
# and the swept values are among the run's own options.
DROPPED = ("resume", "overwrite", "experiment", "launcher", "outputs")


def training_command() -> str | None:
    """Return the command that repeats the current run from its start, without the sweep; None outside a command."""
    return format_command(HydraConfig.get().overrides.task) if HydraConfig.initialized() else None


def format_command(overrides: Iterable[str]) -> str:
    """Return the command for one run with overrides such as `model=st_gdn`, without the sweep it may be part of."""
    own = own_configs()
    dropped = set(DROPPED) - ({"experiment"} if own else set())
    kept = [override for override in overrides if option(override).split(".")[0] not in dropped]
    folders = [f"hydra.searchpath=[{','.join(own)}]"] if own else []
    return shlex.join([*TRAIN.split(), *folders, *kept])


def own_configs() -> list[str]:
    """Return the places of configs that the user has added to `conf/`, such as `file://mine`."""
    sources = HydraConfig.get().runtime.config_sources if HydraConfig.initialized() else []
    own = [source for source in sources if source.provider.startswith(("command-line", "hydra.searchpath"))]
    return [f"{source.schema}://{source.path.removeprefix(f'{Path.cwd()}/')}" for source in own]


def merge_sweeps(commands: Iterable[str], options: Iterable[str] = REPEATED) -> list[str]:
    """Merge training commands that differ in one of the options alone into one sweep; keep all others."""
    merged = list(commands)
    for name in options:
        merged = _merge(merged, re.compile(rf" {re.escape(name)}=([\w,+]+)(?= |$)"), name)
    return merged


def _merge(commands: Iterable[str], given: re.Pattern[str], name: str) -> list[str]:
    """Merge the commands that differ in one option alone."""
    found: dict[str, list[str]] = {}
    for command in commands:
        values = given.findall(command)
        mergeable = len(values) == 1 and command.startswith(f"{TRAIN} ")
        template = given.sub(f" {name}={{values}}", command) if mergeable else command
        found.setdefault(template, []).extend(values if mergeable else [])
    merged = []
    for template, values in found.items():
        begin = f"{TRAIN} -m" if len(values) > 1 and not template.startswith(f"{TRAIN} -m ") else TRAIN
        merged.append(template.replace("{values}", ",".join(values)).replace(TRAIN, begin, 1))
    return merged


def without_neutral(command: str) -> str:
    """Return a training command without options that do not change the result, such as folders of this machine."""
    try:
        words = shlex.split(command)
    except ValueError:  # quotes that do not end, in a damaged file
        return command
    return shlex.join([*words[:2], *(override for override in words[2:] if changes_result(option(override)))])


def fold_command(command: str, number: int) -> str:
    """Return the command of a run with its fold named, as the last option: a set's first fold is tested unnamed too."""
    return re.sub(r" data\.(fold|protocol)=[^ ]+", "", command) + f" data.fold={number}"


def quote_value(value: str) -> str:
    """Return a value as Hydra reads it on a command line, in quotes if it has a character with another meaning."""
    if re.fullmatch(r"[\w./\\+@%:-]+", value):
        return value
    escaped = re.sub(r"(\\+)('|$)", r"\1\1\2", value).replace("'", "\\'")
    return f"'{escaped}'"


def interpreter() -> str:
    """Return the command of this Python: `python` if that is the same one, else its path."""
    python = shutil.which("python")
    if python is not None and Path(python).absolute() == Path(sys.executable).absolute():
        return "python"
    executable = Path(sys.executable)
    return str(executable.relative_to(Path.cwd()) if executable.is_relative_to(Path.cwd()) else executable)
