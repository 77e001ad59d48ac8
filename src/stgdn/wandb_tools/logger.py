"""A run's record at W&B: kept on this machine until it can be uploaded, and one however often the run is resumed."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import wandb
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger, WandbLogger
from omegaconf import DictConfig, OmegaConf
from wandb.errors import AuthenticationError, CommError, UsageError

from stgdn.errors import InputError, choose
from stgdn.runs.folder import kept_checkpoints
from stgdn.wandb_tools.local import logged_in, parts_of

MODES = ("auto", "online", "offline", "off")
LONGEST_TAG = 64  # characters that W&B takes


class RunLogger(WandbLogger):
    """Counts in optimiser steps, and closes the record of a run that fails.

    The same step has the same number before and after a run was resumed, so that the parts of its record join.
    """

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add to the record; what is told for the same step becomes one row."""
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the record where training did not come to its end; else pictures and results are still to come."""
        super().finalize(status)
        if status != "success":
            self.experiment.finish(exit_code=1)


def build_loggers(config: DictConfig, folder: Path) -> list[Logger]:
    """W&B unless it is off, without a network unless one is logged in; `metrics.csv` is the trainer's own.

    Args:
        config: of the run.
        folder: of the run; its record goes below `wandb/`.

    Raises:
        InputError: an unknown mode, or `online` where W&B cannot be reached or nobody is logged in.
    """
    if config.logger.wandb == "off":
        return []
    if getattr(rank_zero_only, "rank", 0):
        return [RunLogger(experiment=begin(config, folder, "disabled"), save_dir=folder)]
    run = reach(config.logger.wandb, lambda mode: begin(config, folder, mode))
    return [RunLogger(experiment=run, save_dir=folder)]


def reach(wanted: str, start: Callable[[str], Any]) -> Any:  # noqa: ANN401
    """Start a W&B run online where that is wanted and works, else offline.

    Args:
        wanted: `auto`, `online` or `offline`.
        start: from `online` or `offline` to the run.

    Raises:
        InputError: an unknown mode, or `online` where W&B cannot be reached or nobody is logged in.
    """
    mode = choose(wanted, MODES, "logger.wandb")
    try:
        if mode == "auto":
            mode = "online" if logged_in() else "offline"
        return start(mode)
    except (AuthenticationError, CommError, UsageError) as error:
        reason = str(error).splitlines()[0]
        if wanted == "online":
            raise InputError(
                f"logger.wandb=online does not work here ({reason}): log in with `wandb login`, or record on this "
                "machine with logger.wandb=offline and upload later with `make sync`"
            ) from None
        print(f"W&B is not reached ({reason}): the run is recorded on this machine, `make sync` uploads it later")
        return start("offline")


def begin(config: DictConfig, folder: Path, mode: str) -> Any:  # noqa: ANN401
    """Open a W&B run that a sweep's dashboard can sort: grouped by experiment and data, named by what differs.

    Its config is the run's, nested, and `variant`, which the seeds of a network on a stream by a recipe share. A run
    that goes on from a checkpoint goes on with the record it had.
    """
    experiment, data, stream = config.experiment_name, config.data.name, config.data.stream
    resumed = bool(kept_checkpoints(folder)) and not config.overwrite
    before = parts_of(folder) if resumed else []
    content: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # pyright: ignore[reportAssignmentType]
    recipe = re.sub(r"-seed\d+", "", Path(config.folder).name)  # with whatever else was changed
    tags = [data, config.model.name, stream, config.recipe_name, experiment]
    return wandb.init(
        id=before[0].run_id if before else None,
        resume="allow" if before else None,
        name=f"{config.model.name}/{stream}/seed{config.seed}",
        dir=folder,
        project=config.logger.project,
        group=f"{experiment}/{data}" if experiment else data,
        job_type="train",
        tags=[tag[:LONGEST_TAG] for tag in dict.fromkeys(tags) if tag],
        config={**content, "variant": f"{config.model.name}/{stream}/{recipe}"},
        mode=mode,  # pyright: ignore[reportArgumentType]
        settings=wandb.Settings(silent=True, reinit="finish_previous"),
    )
