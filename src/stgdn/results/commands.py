"""The command that made a run, as one would type it again."""

import shlex
from collections.abc import Iterable

from hydra.core.hydra_config import HydraConfig

from stgdn.naming import option

# How a run was got to and where it lies, not what it is. An experiment sets nothing but its sweep, which is among a
# run's own options.
DROPPED = ("resume", "overwrite", "experiment", "launcher", "outputs")


def training_command() -> str | None:
    """The command of the run that is being made, alone and from its beginning; None outside a door."""
    return retyped(HydraConfig.get().overrides.task) if HydraConfig.initialized() else None


def retyped(overrides: Iterable[str]) -> str:
    """The command for one run, without the sweep that it may be part of.

    Args:
        overrides: the run's own, such as `model=st_gdn`.
    """
    kept = [each for each in overrides if option(each).split(".")[0] not in DROPPED]
    return shlex.join(["python", "src/train.py", *kept])
