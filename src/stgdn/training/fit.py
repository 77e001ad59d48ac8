"""Training from the start or from a checkpoint, in one process or several, with or without Slurm."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import Callback

from stgdn.allocator import keep_what_a_step_needs
from stgdn.data.batches.datamodule import SkeletonData
from stgdn.environment import CPUINFO, processor_flags
from stgdn.errors import InputError
from stgdn.training.checkpoint_file import read_checkpoint, set_weights, whole_epochs
from stgdn.training.recognizer import Recognizer

STARTED_BY = "STGDN_STARTED_BY"  # variable with the id of the process that started this one
# Variables that Lightning and this module leave in the environment of the process that started the others.
DDP_ENVIRONMENT = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE", STARTED_BY)
PARENT_DEATH_SIGNAL = 1  # Linux's PR_SET_PDEATHSIG
BFLOAT16_FEATURES = ("amx_bf16", "avx512_bf16")  # of a processor, as Linux names them
SIGNAL_DELAY = 0.2  # seconds that a signal to several processes takes from one to the next


def fit(trainer: lightning.Trainer, recognizer: Recognizer, data: SkeletonData, checkpoints: Sequence[Path]) -> None:
    """Train until the last epoch, from the first of `checkpoints` that can be read, if there are any."""
    resumed = None
    if checkpoints:
        resumed, content, damaged = first_readable(checkpoints)
        set_weights(recognizer, content["state_dict"], resumed)
        if trainer.is_global_zero:
            done = f"epoch {whole_epochs(content)} of {trainer.max_epochs}"
            if inside := batches_inside(content):
                done += f" and {inside} batches of the next one"
            instead = f"; {', '.join(path.name for path in damaged)} cannot be read" if damaged else ""
            print(f"resuming {resumed}, after {done}{instead}", flush=True)
    if trainer.is_global_zero and (advice := advise_precision(trainer)):
        print(advice, flush=True)
    if trainer.strategy.root_device.type == "cpu":
        keep_what_a_step_needs()
    trainer.fit(recognizer, data, ckpt_path=resumed, weights_only=True)


def batches_inside(checkpoint: Mapping[str, Any]) -> int:
    """Return the number of batches after the last whole epoch of a checkpoint."""
    if checkpoint["epoch"] < whole_epochs(checkpoint):
        return 0
    return checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["ready"]


def advise_precision(trainer: lightning.Trainer, cpuinfo: Path = CPUINFO) -> str:
    """Return a line for who trains in float32 on a processor that multiplies bfloat16 faster, else nothing."""
    if trainer.precision != "32-true" or trainer.strategy.root_device.type != "cpu":
        return ""
    flags = processor_flags(cpuinfo)
    feature = next((feature for feature in BFLOAT16_FEATURES if feature in flags), None)
    if feature is None:
        return ""
    return f"this processor has {feature}: trainer.precision=bf16-mixed trains up to twice as fast here"


@contextmanager
def interruptible(trainer: lightning.Trainer) -> Iterator[None]:
    """End training and testing in the same way on Ctrl-C and SIGTERM, and all processes of the run if one is killed.

    Raises:
        KeyboardInterrupt: one of the signals came.
        InputError: a process that makes batches has been killed.
    """
    if trainer.world_size > 1:
        end_with_parent(trainer)
    leave = LeaveSignal(signal.SIGTERM)
    trainer.callbacks.append(leave)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    except SystemExit as left:
        if trainer.received_sigterm or isinstance(left.__context__, KeyboardInterrupt):  # Lightning's way of ending
            raise KeyboardInterrupt from None
        raise
    except (RuntimeError, OSError, EOFError) as error:
        time.sleep(SIGNAL_DELAY)
        if trainer.received_sigterm or leave.received:  # another process has it too, and has ended first
            raise KeyboardInterrupt from None
        if isinstance(error, ConnectionResetError | ConnectionRefusedError | EOFError) or "DataLoader worker" in str(
            error
        ):
            raise InputError(
                "a process that makes batches has been killed, perhaps for want of memory: the same command with "
                "resume=true goes on; workers=0 makes batches without further processes"
            ) from None
        raise


def end_with_parent(trainer: lightning.Trainer) -> None:
    """End the processes that Lightning starts when the process that starts them is killed; on Linux.

    Processes that have not connected to it yet would wait for it half an hour.
    """
    if trainer.is_global_zero:
        os.environ[STARTED_BY] = str(os.getpid())
    elif STARTED_BY in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != int(os.environ[STARTED_BY]):  # it has been killed before
            os._exit(1)


def first_readable(checkpoints: Sequence[Path]) -> tuple[Path, dict[str, Any], list[Path]]:
    """Return the first checkpoint that can be read, its content, and the damaged ones before it.

    Raises:
        InputError: none can be read.
    """
    damaged: list[Path] = []
    reasons: list[str] = []
    for path in checkpoints:
        try:
            return path, read_checkpoint(path), damaged
        except InputError as error:
            damaged.append(path)
            reasons.append(str(error))
    raise InputError(f"there is no checkpoint to go on from, {reasons[0]}: start the run again with overwrite=true")


class LeaveSignal(Callback):
    """Replaces Lightning's handler of a signal.

    An earlier handler, if there was one, is restored. In a job that queues itself again (submitit) SIGTERM
    announces a preemption, which must not end it: a job that ends by itself is not queued again.

    In a run of several processes it ends the run at the next batch, as Ctrl-C does. Lightning's handler broadcasts from
    wherever it interrupts, and waits forever if the others are just exchanging something else.

    Args:
        number: of the signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        self.number, self.before = number, signal.getsignal(number)
        self.received = False

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Replace Lightning's handler, which is installed by now."""
        if callable(self.before):
            signal.signal(self.number, self.before)
        elif trainer.world_size > 1:
            signal.signal(self.number, self._receive)

    on_test_start = on_train_start

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """End the run if the signal has arrived.

        Raises:
            KeyboardInterrupt: the signal has arrived.
        """
        if self.received:
            raise KeyboardInterrupt

    on_test_batch_start = on_train_batch_start

    def _receive(self, *_: Any) -> None:  # noqa: ANN401
        self.received = True


def leave_process_group(trainer: lightning.Trainer) -> None:
    """Leave the process group of a data-parallel run, so that the next run of a sweep starts its own processes.

    Under Slurm the processes start and end with the job, so nothing is done.
    """
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if trainer.world_size == 1 or isinstance(environment, SLURMEnvironment):
        return
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for name in DDP_ENVIRONMENT:
        os.environ.pop(name, None)
