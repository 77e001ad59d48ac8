"""Checkpoints of a run: the last epoch's and, at a fixed interval, further ones; written whole."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from stgdn.errors import InputError
from stgdn.files import replacing

PLAIN: Any = {"auto_insert_metric_name": False, "enable_version_counter": False}  # names as given; resumed, no "-v1"


def checkpoints(folder: Path, every: int | None) -> list["Checkpoint"]:
    """Build callbacks that keep `last.ckpt` in `folder` and, every `every` epochs, `epoch-NNN.ckpt` (not if 0 or None).

    Raises:
        InputError: `every` is not a whole number from 0 up.
    """
    if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 0):
        raise InputError(f"checkpoint_every={every} is no number of epochs: give 1 or more, or 0 for the last one only")
    last = Checkpoint(folder, filename="last", save_top_k=1, **PLAIN)
    if not every:
        return [last]
    # first, so that none is missing where a kill comes between the two
    return [Checkpoint(folder, filename="epoch-{epoch:03d}", every_n_epochs=every, save_top_k=-1, **PLAIN), last]


class Checkpoint(ModelCheckpoint):
    """Lightning's `ModelCheckpoint`, identified by its file name; by interval, two of them could be the same.

    No epoch is ranked above another, so no state of earlier ones is needed. Without a state in the
    checkpoint a run may be resumed elsewhere, or with another `checkpoint_every`.
    """

    @property
    def state_key(self) -> str:
        """Return the key by which Lightning distinguishes callbacks."""
        return self._generate_state_key(filename=self.filename)

    def state_dict(self) -> dict[str, Any]:
        """Return an empty state."""
        return {}


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
