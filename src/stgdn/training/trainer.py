"""Builds a network, a recognizer and a trainer from a config."""

import logging
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import torch
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError, choose
from stgdn.model.network import Network
from stgdn.runs.folder import METRICS
from stgdn.runs.stored_config import build
from stgdn.runs.weights_file import read_weights
from stgdn.training.callbacks.checkpoints import WholeCheckpoints, checkpoints
from stgdn.training.callbacks.epoch_report import EpochReport
from stgdn.training.callbacks.over_smoothing import OverSmoothing
from stgdn.training.profiling import build_profiler
from stgdn.training.recognizer import Optimisation, Recognizer
from stgdn.training.sync_norm import BatchNormOverRanks
from stgdn.wandb_tools.logger import build_loggers


def build_recognizer(config: DictConfig, *, own: bool = False) -> Recognizer:
    """Build the network of `config.model` with the optimiser of `config.optimisation`, weights from `config.seed`.

    Args:
        config: of a run.
        own: the config is the user's own, not a stored one, so that `model._target_` may be any class.

    Raises:
        InputError: a row of the wrong length, an unknown block, ..., or a config from a file names a foreign class.
    """
    torch.manual_seed(config.seed)
    network: Network = instantiate(config.model) if own else stored_network(config.model)
    return Recognizer(
        network,
        config.data.num_classes,
        _optimisation(config.optimisation),
        batch_size=config.batch_size,
        seed=config.seed,
        config=OmegaConf.to_container(config, resolve=True),  # pyright: ignore[reportArgumentType]
    )


def stored_network(model: DictConfig) -> Network:
    """Build the network of a stored config, with random weights.

    Raises:
        InputError: the config names something other than a network of this suite, or settings that do not fit.
    """
    options: dict[str, Any] = OmegaConf.to_container(model, resolve=True)  # pyright: ignore[reportAssignmentType]
    if "compile" in options:
        options["compile"] = False  # which takes longer than most tests of a trained network
    return build(options, "network")


def _optimisation(config: DictConfig) -> Optimisation:
    options: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # pyright: ignore[reportAssignmentType]
    for key in options:
        choose(key, Optimisation.__dataclass_fields__, "option of optimisation")
    return Optimisation(**options)


def load_weights(recognizer: Recognizer, path: Path) -> None:
    """Load the weights of a checkpoint.

    Raises:
        InputError: not a checkpoint (pickled code is refused, nothing of it runs), or one of another network.
    """
    set_weights(recognizer, read_checkpoint(path)["state_dict"], path)


def set_weights(recognizer: Recognizer, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Set a recognizer's weights to those that were read from a file.

    Raises:
        InputError: the weights are of another network.
    """
    own = recognizer.state_dict()
    differing = [
        key
        for key in sorted(own.keys() | state.keys())
        if key not in own or key not in state or own[key].shape != state[key].shape
    ]
    if differing:
        key = differing[0]
        shapes = [tuple(part[key].shape) if key in part else "missing" for part in (state, own)]
        raise InputError(
            f"{path} is a checkpoint of another network: {len(differing)} of {len(own)} entries differ, the first is "
            f"{key} ({shapes[0]} in the file, {shapes[1]} in {recognizer.network.name}); give the run it belongs to"
        )
    recognizer.load_state_dict(state)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running anything in it.

    Raises:
        InputError: missing, damaged, or holding more than plain Python and weights.
    """
    content = read_weights(path)
    if not isinstance(content, dict) or "state_dict" not in content:
        raise InputError(f"{path} is not a checkpoint of this suite: it has no weights under 'state_dict'")
    return content


def build_trainer(config: DictConfig, folder: Path) -> lightning.Trainer:
    """Build a Lightning trainer that writes into `folder`.

    Raises:
        InputError: devices that are not there, a batch that does not divide among them, or no number of epochs.
    """
    silence_lightning()
    options: dict[str, Any] = OmegaConf.to_container(config.trainer, resolve=True)  # pyright: ignore
    plugins = [BatchNormOverRanks()] if options.pop("sync_batchnorm") else []
    profiler = build_profiler(options.pop("profiler"), folder)
    callbacks: list[Callback] = [
        *([OverSmoothing(**config.oversmoothing)] if config.oversmoothing else []),
        EpochReport(folder / METRICS, bar=options.pop("progress_bar") and os.isatty(1)),
        *checkpoints(folder / "checkpoints", config.checkpoint_every),
    ]
    try:
        trainer = lightning.Trainer(
            **options,
            profiler=profiler,
            enable_progress_bar=False,
            max_epochs=config.epochs,
            callbacks=callbacks,
            plugins=[*plugins, WholeCheckpoints(), *slurm_plugins()],
            logger=build_loggers(config, folder),
            use_distributed_sampler=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
    except (MisconfigurationException, ValueError) as error:
        raise InputError(f"this machine cannot run trainer={options}: {error}") from None
    if config.batch_size % trainer.world_size:
        raise InputError(f"batch_size={config.batch_size} does not divide among {trainer.world_size} processes")
    return trainer


def slurm_plugins() -> list[SLURMEnvironment]:
    """Return Lightning's Slurm plugin if srun started this process; submitit requeues the job, not Lightning."""
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


def build_tester(accelerator: str) -> lightning.Trainer:
    """Build a trainer that only tests, on one device."""
    silence_lightning()
    return lightning.Trainer(
        accelerator=choose(accelerator, ("auto", "cpu", "gpu"), "accelerator"),
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=os.isatty(1),
        enable_model_summary=False,
    )


def silence_lightning() -> None:
    """Silence messages without advice for the user: workers are chosen by config, deprecations are Lightning's own."""
    for part in ("pytorch", "fabric"):
        logging.getLogger(f"lightning.{part}").setLevel(logging.WARNING)
    for message in (
        "does not have many workers",
        "srun.* command is available",
        "Checkpoint directory .* exists and is not empty",
        "callbacks used to create the checkpoint need to be provided",  # older ones hold states that nothing needs
        "number of training batches .* is smaller than the logging interval",
        "treespec, LeafSpec",
        r"It is recommended to use `self.log\(.*sync_dist=True",  # what is logged is of all processes already
        "Total length of `list` across ranks is zero",  # no held-out subjects
    ):
        warnings.filterwarnings("ignore", f".*{message}.*")
