"""Build a recognizer and a trainer from a config."""

import functools
import inspect
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig, OmegaConf

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.errors import InputError, choose
from stgdn.model.clip_check import expect_scores
from stgdn.model.network import Network
from stgdn.runs.folder import METRICS
from stgdn.runs.own_classes import make_network
from stgdn.runs.stored_config import build, plain_options
from stgdn.training.callbacks.checkpoints import WholeCheckpoints, checkpoints
from stgdn.training.callbacks.epoch_report import EpochReport
from stgdn.training.profiling import build_profiler
from stgdn.training.recognizer import Recognizer
from stgdn.training.sync_norm import BatchNormOverRanks
from stgdn.wandb_tools.logger import check_logger

OWN_OPTIONS = ("sync_batchnorm", "progress_bar")  # of `trainer`, besides those of `lightning.Trainer`
# Options of `lightning.Trainer` that other options decide.
DECIDED = {
    "max_epochs": "epochs=30 for example",
    "callbacks": "an entry below callbacks, see conf/callbacks/",
    "logger": "logger=csv for example",
    "plugins": "the strategy or precision that needs them: trainer.strategy, trainer.precision",
    "default_root_dir": "outputs=FOLDER",
    "enable_progress_bar": "trainer.progress_bar=true or false",
    "enable_model_summary": "src/models.py, which has it",
    "use_distributed_sampler": "workers and batch_size, which decide how clips are drawn",
    "num_sanity_val_steps": "debug=fast",
}


def build_recognizer(config: DictConfig) -> Recognizer:
    """Build network, loss, optimizer and scheduler of a config that the user has typed; weights from `config.seed`.

    `_target_` may name any class: a config that was read from a file goes to `recognizer.load_recognizer`.
    """
    torch.manual_seed(config.seed)
    network = make_network(config.model)
    if config.compile and not isinstance(network, Network):  # the suite's own compile their layers
        network.compile(mode=config.compile if isinstance(config.compile, str) else None)
    return Recognizer(
        network,
        config.data.num_classes,
        loss=instantiate(config.loss),
        optimizer=_build_optimizer(config.optimizer),
        scheduler=_instantiate_partial(config.scheduler),
        batch_size=config.batch_size,
        seed=config.seed,
        freeze=config.freeze,
        config=OmegaConf.to_container(config, resolve=True),  # pyright: ignore[reportArgumentType]
    )


def _build_optimizer(settings: DictConfig) -> Any:  # noqa: ANN401
    """Build an optimizer to be completed with parameters; values that PyTorch refuses are found now."""
    made = _instantiate_partial(settings)
    if str(settings._target_).startswith("torch.optim."):
        try:
            made([torch.nn.Parameter(torch.zeros(1))])
        except ValueError as error:
            raise InputError(f"optimizer: {error} (`--cfg job` prints its options)") from None
    return made


def _instantiate_partial(settings: DictConfig) -> Any:  # noqa: ANN401
    """Build what is completed later: wrong arguments are found now, and not after the data are read."""
    made = instantiate(settings)
    if isinstance(made, functools.partial):
        try:
            inspect.signature(made.func).bind_partial(*made.args, **made.keywords)
        except TypeError as error:
            raise InputError(f"{settings._target_}: {error}, which the config gives it") from None
    return made


def try_network(recognizer: Recognizer, config: DictConfig, data: SkeletonData, device: torch.device) -> None:
    """Check on the device of training that a network that is not the suite's computes scores of random clips."""
    if isinstance(recognizer.network, Network):
        return
    shape, generator = data.settings.clip_shape(data.layout), torch.Generator().manual_seed(0)
    clips = torch.randn(2, *shape, generator=generator).to(device)
    advice = f"its arguments are those of model={config.model.name}, such as num_class: ${{data.num_classes}}"
    expect_scores(recognizer.network.to(device), config.model.name, clips, config.data.num_classes, advice)


def build_trainer(
    config: DictConfig, folder: str | Path | None = None, *, callbacks: Sequence[Callback] = (), stored: bool = False
) -> lightning.Trainer:
    """Build a Lightning trainer that writes into a folder, without loggers; nothing is written yet.

    Args:
        config: that the user has typed.
        folder: of the run; None for the config's.
        callbacks: further ones than those of the config.
        stored: True for a config that was read from a file: it may name no classes but callbacks of this suite.

    Raises:
        InputError: devices that are not there, a batch that does not divide among them, no number of epochs, or a
            callback that needs held-out subjects where there are none.
    """
    silence_lightning()
    check_logger(config.logger)
    folder = Path(folder or config.folder)
    options: dict[str, Any]
    options = plain_options(config.trainer, "trainer") if stored else instantiate(config.trainer, _convert_="all")
    _expect_free(options)
    plugins = [BatchNormOverRanks()] if options.pop("sync_batchnorm") else []
    profiler = build_profiler(options.pop("profiler"), folder)
    callbacks = [
        *build_callbacks(config, stored=stored),
        *callbacks,
        EpochReport(folder / METRICS, bar=options.pop("progress_bar") and os.isatty(1)),
        *checkpoints(folder / "checkpoints", config.checkpoint_every, config.checkpoint_minutes),
    ]
    try:
        trainer = lightning.Trainer(
            **options,
            profiler=profiler,
            enable_progress_bar=False,
            max_epochs=config.epochs,
            callbacks=list(callbacks),
            plugins=[*plugins, WholeCheckpoints(), *slurm_plugins()],
            logger=False,
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


def _expect_free(options: dict[str, Any]) -> None:
    """Check that options of `lightning.Trainer` exist and are not decided by another part of the config.

    Raises:
        InputError: one does not, or is.
    """
    allowed = {*inspect.signature(lightning.Trainer).parameters, *OWN_OPTIONS}
    for name in options:
        if name in DECIDED:
            raise InputError(f"trainer.{name} is decided elsewhere: give {DECIDED[name]}")
        choose(name, sorted(allowed - DECIDED.keys()), "option of lightning.Trainer")


def build_callbacks(config: DictConfig, *, stored: bool = False) -> list[Callback]:
    """Build the callbacks of `config.callbacks`, an entry each; null is none.

    Raises:
        InputError: an entry without a `_target_`, or one that watches held-out subjects where none are held out.
    """
    built: list[Callback] = []
    for name, settings in config.callbacks.items():
        if settings is None:
            continue
        callback = build(settings, "callback") if stored else instantiate(settings)
        if not isinstance(callback, Callback):
            raise InputError(f"callbacks.{name} is no callback of Lightning: name its class with _target_")
        if str(getattr(callback, "monitor", None)).startswith("val/") and config.data.holdout in (None, [], ""):
            raise InputError(
                f"callbacks.{name} watches {callback.monitor}, and no subjects are held out of training: "  # pyright: ignore
                "say which, for example data.holdout=[38]"
            )
        built.append(callback)
    return built


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
        r"Found \d+ module\(s\) in eval mode at the start of training",  # the frozen ones
        r"It is recommended to use `self.log\(.*sync_dist=True",  # what is logged is of all processes already
        "PyTorch Profiler default schedule will be overridden",  # few test batches: all of them are recorded
        "Total length of `list` across ranks is zero",  # no held-out subjects
    ):
        warnings.filterwarnings("ignore", f".*{message}.*")
