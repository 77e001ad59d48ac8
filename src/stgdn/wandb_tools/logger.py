"""W&B record of a run: kept on this machine until it is uploaded; a resumed run continues its record."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning
import wandb
from hydra.utils import instantiate
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger, WandbLogger
from omegaconf import DictConfig, OmegaConf
from torch import nn
from wandb.errors import AuthenticationError, CommError, UsageError

from stgdn.errors import InputError, choose
from stgdn.runs.folder import kept_checkpoints
from stgdn.wandb_tools.local import display_name, logged_in, records_of_run

MODES = ("auto", "online", "offline", "off")
WATCHED = ("gradients", "parameters", "all")
LONGEST_TAG = 64  # characters that W&B takes
DATA_DIR = "WANDB_DATA_DIR"  # W&B's variable: where files wait for their upload
STAGED = "staged"  # folder in a run's `wandb/` for them


class RunLogger(WandbLogger):
    """Log by optimizer steps, and close the record of a run that fails.

    The same step has the same number before and after a run was resumed, so that all parts of its record fit together.
    """

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the record; those of the same step become one row."""
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the record if training failed; after success pictures and results are added first."""
        super().finalize(status)
        if status != "success":
            self.experiment.finish(exit_code=1)

    @rank_zero_only
    def watch(
        self, model: nn.Module, log: str | None = "gradients", log_freq: int = 100, log_graph: bool = False
    ) -> None:
        """Add histograms of gradients, parameters or both to the record, under the same names in every run.

        W&B numbers the networks that a process watches, so that those of a sweep would have names of their own.
        """
        self.experiment.watch(model, log=log, log_freq=log_freq, idx=0, log_graph=log_graph)


def check_logger(settings: DictConfig) -> None:
    """Check the options of the W&B record.

    Raises:
        InputError: an option has a value that it does not know.
    """
    if choose(settings.wandb, MODES, "logger.wandb") == "off":  # stored configs may lack the others
        return
    if settings.watch is not None:
        choose(settings.watch, WATCHED, "logger.watch")
    if settings.log_model not in (True, False, "all"):
        raise InputError(f"logger.log_model={settings.log_model} is unknown: give false, true or all")
    if isinstance(settings.player, bool) or not isinstance(settings.player, int) or settings.player < 0:
        raise InputError(f"logger.player={settings.player} is no number of clips: give 1 or more, or 0 for none")


def add_loggers(trainer: lightning.Trainer, config: DictConfig, folder: Path, network: nn.Module | None = None) -> None:
    """Let a trainer log as the config says; `fast_dev_run`, which Lightning lets log nothing, goes without.

    Args:
        trainer: gets the loggers.
        config: of the run.
        folder: of the run.
        network: the network of which `logger.watch` records gradients or parameters.
    """
    if trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
        return
    trainer.loggers = build_loggers(config, folder)
    for logger in trainer.loggers:
        if isinstance(logger, RunLogger) and network is not None and config.logger.watch is not None:
            logger.watch(network, config.logger.watch, config.trainer.log_every_n_steps)


def build_loggers(config: DictConfig, folder: Path) -> list[Logger]:
    """Build the loggers of a run: W&B unless it is off, offline without a login, and those with a `_target_`.

    W&B's own variable `WANDB_MODE` decides where `logger.wandb=auto` leaves it open.

    Args:
        config: of the run.
        folder: of the run; its record goes below `wandb/`.
    """
    entries = ((name, settings) for name, settings in config.logger.items() if OmegaConf.is_dict(settings))
    loggers = [_other_logger(str(name), settings) for name, settings in entries]
    automatic = config.logger.wandb == "auto"
    if config.logger.wandb == "off" or (automatic and os.environ.get("WANDB_MODE") == "disabled"):
        return loggers
    if getattr(rank_zero_only, "rank", 0):
        run = open_wandb_run(config, folder, "disabled")
    else:
        run = start_wandb_run(config.logger.wandb, lambda mode: open_wandb_run(config, folder, mode))
    return [RunLogger(experiment=run, save_dir=folder, log_model=config.logger.log_model), *loggers]


def _other_logger(name: str, settings: DictConfig) -> Logger:
    logger = instantiate(settings)
    if not isinstance(logger, Logger):
        raise InputError(f"logger.{name} is no logger of Lightning: name its class with _target_")
    return logger


def start_wandb_run(wanted: str, start: Callable[[str], Any]) -> Any:  # noqa: ANN401
    """Start a W&B run online if that is requested and works, else offline.

    Args:
        wanted: `auto`, `online` or `offline`.
        start: starts the run, given `online` or `offline`.

    Raises:
        InputError: an unknown mode, or `online` where W&B cannot be reached or there is no login.
    """
    mode = choose(wanted, MODES, "logger.wandb")
    try:
        if mode == "auto":
            wished = os.environ.get("WANDB_MODE")
            mode = wished if wished in ("online", "offline") else "online" if logged_in() else "offline"
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


def open_wandb_run(config: DictConfig, folder: Path, mode: str) -> Any:  # noqa: ANN401
    """Open a W&B run, grouped by experiment and data and named by `display_name`.

    Its config is that of the run, nested, with `variant`, which all seeds of a network on a stream by a recipe share.
    A run that continues from a checkpoint also continues its record.
    """
    if os.environ.get(DATA_DIR, STAGED).endswith(STAGED):  # not given, or by the run before this one
        os.environ[DATA_DIR] = str((folder / "wandb" / STAGED).absolute())
    experiment, data, stream = config.experiment_name, config.data.name, config.data.stream
    resumed = bool(kept_checkpoints(folder)) and not config.overwrite
    before = records_of_run(folder) if resumed else []
    content: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # pyright: ignore[reportAssignmentType]
    recipe = re.sub(r"-seed\d+", "", Path(config.folder).name)  # with whatever else was changed
    tags = [data, config.model.name, stream, config.recipe_name, experiment, *config.tags]
    return wandb.init(
        id=before[0].run_id if before else None,
        resume="allow" if before else None,
        name=display_name(data, config.model.name, stream, Path(config.folder).name),
        dir=folder,
        project=config.logger.project,
        group=f"{experiment}/{data}" if experiment else data,
        job_type="train",
        tags=[tag[:LONGEST_TAG] for tag in dict.fromkeys(tags) if tag],
        config={**content, "variant": f"{config.model.name}/{stream}/{recipe}"},
        mode=mode,  # pyright: ignore[reportArgumentType]
        settings=wandb.Settings(silent=True, reinit="finish_previous"),
    )
