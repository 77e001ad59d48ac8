"""Checkpoints of a run: the newest one and, at a fixed interval of epochs, further ones; written whole."""

import io
import time
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from stgdn.errors import InputError
from stgdn.files import replacing

PLAIN: Any = {"auto_insert_metric_name": False, "enable_version_counter": False}  # names as given; resumed, no "-v1"


def checkpoints(folder: Path, every: int | None, minutes: float | None = None) -> list["Checkpoint"]:
    """Build callbacks that keep `last.ckpt` in `folder` and, every `every` epochs, `epoch-NNN.ckpt` (not if 0 or None).

    `last.ckpt` is that of the last epoch; with `minutes`, also one from inside the next epoch, as often as that.

    Raises:
        InputError: `every` is not a whole number from 0 up, or `minutes` is not above 0.
    """
    if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 0):
        raise InputError(f"checkpoint_every={every} is no number of epochs: give 1 or more, or 0 for the last one only")
    if minutes is not None and (isinstance(minutes, bool) or not isinstance(minutes, int | float) or not minutes > 0):
        raise InputError(f"checkpoint_minutes={minutes} is no time: give minutes above 0, or null for none in an epoch")
    last = Checkpoint(folder, minutes, filename="last", save_top_k=1, **PLAIN)
    if not every:
        return [last]
    # first, so that none is missing where a kill comes between the two
    return [Checkpoint(folder, filename="epoch-{epoch:03d}", every_n_epochs=every, save_top_k=-1, **PLAIN), last]


class Checkpoint(ModelCheckpoint):
    """Lightning's `ModelCheckpoint`, identified by its file name; by interval, two of them could be the same.

    No epoch is ranked above another, so no state of earlier ones is needed. Without a state in the
    checkpoint a run may be resumed elsewhere, or with another `checkpoint_every`.

    Args:
        folder: of the file.
        minutes: time after which another one is written inside an epoch; None for never.
        **options: of `ModelCheckpoint`.
    """

    def __init__(self, folder: Path, minutes: float | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__(folder, **options)
        self.minutes, self.written = minutes, time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Write a checkpoint if it is time for one and the step is complete; the first process decides."""
        if self.minutes is None or self._should_skip_saving_checkpoint(trainer):
            return
        due = time.monotonic() - self.written >= 60 * self.minutes
        if trainer.strategy.broadcast(due) and _between_steps(trainer):
            self._save_none_monitor_checkpoint(trainer, self._monitor_candidates(trainer))

    def _save_checkpoint(self, trainer: lightning.Trainer, filepath: str) -> None:
        """Write a checkpoint, also at the end of an epoch."""
        super()._save_checkpoint(trainer, filepath)
        self.written = time.monotonic()

    @property
    def state_key(self) -> str:
        """Return the key by which Lightning distinguishes callbacks."""
        return self._generate_state_key(filename=self.filename)

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}


def _between_steps(trainer: lightning.Trainer) -> bool:
    """Return whether another step of the epoch follows, no gradients are accumulated and no validation is due."""
    loop = trainer.fit_loop.epoch_loop
    done, validation = loop.batch_progress.current.ready, trainer.val_check_batch
    last = loop.batch_progress.is_last_batch or done == trainer.num_training_batches
    validates = validation is not None and done % validation == 0
    return not (last or validates or done % trainer.accumulate_grad_batches)


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside the one before, flushes it to disk and renames it: killed at any time, one is whole.

    Lightning's own way goes through the machine's temporary folder. Where this is another file system, nothing can be
    renamed: a kill leaves half a checkpoint instead of the one before, and the rest of it in the temporary folder.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:  # noqa: ANN401, ARG002
        """Write a file by `torch.save`.

        Raises:
            OSError: the disk is full.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()  # as torch.save to a file says of a full disk no more than that something failed
        torch.save(checkpoint, content)
        with replacing(path) as temporary:
            temporary.write_bytes(content.getbuffer())
