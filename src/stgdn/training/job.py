"""Training, from the start or from a checkpoint, by one process or by several, on a cluster or not."""

import os
import signal
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import Callback

from stgdn.data.module import SkeletonData
from stgdn.training.building import load_weights
from stgdn.training.recognizer import Recognizer

# What Lightning leaves in the environment of the process that has started others.
LEFT_BEHIND = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


def fit(trainer: lightning.Trainer, recognizer: Recognizer, data: SkeletonData, checkpoint: Path | None) -> None:
    """Train until the last epoch, from `checkpoint` on if it exists.

    Raises:
        InputError: the checkpoint is damaged or belongs to another network.
        KeyboardInterrupt: interrupted; the last whole epoch's checkpoint is kept.
    """
    resumed = checkpoint if checkpoint is not None and checkpoint.exists() else None
    if resumed is not None:
        load_weights(recognizer, resumed)
    trainer.callbacks.append(LeaveSignal(signal.SIGTERM))  # pyright: ignore[reportAttributeAccessIssue]
    try:
        trainer.fit(recognizer, data, ckpt_path=resumed, weights_only=True)
    except SystemExit as left:
        if trainer.received_sigterm or isinstance(left.__context__, KeyboardInterrupt):  # Lightning's way of ending
            raise KeyboardInterrupt from None
        raise


class LeaveSignal(Callback):
    """Leaves a signal to whoever handled it before Lightning, if anyone did.

    In a job that queues itself again (submitit) SIGTERM announces a preemption, which must not end it: a job that ends
    by itself is not queued again.

    Args:
        number: of the signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        self.number, self.before = number, signal.getsignal(number)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Lightning has taken the signal by now."""
        if callable(self.before):
            signal.signal(self.number, self.before)


def part(trainer: lightning.Trainer) -> None:
    """Forget the other processes of a data-parallel run that Lightning started, so that a sweep's next starts its own.

    Under Slurm they came with the job and end with it.
    """
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if trainer.world_size == 1 or isinstance(environment, SLURMEnvironment):
        return
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for name in LEFT_BEHIND:
        os.environ.pop(name, None)
