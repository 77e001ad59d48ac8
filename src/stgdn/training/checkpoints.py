"""Which epochs' checkpoints a run keeps: the last one, and one every so many epochs."""

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint

from stgdn.errors import InputError

PLAIN: Any = {"auto_insert_metric_name": False, "enable_version_counter": False}  # names as given; resumed, no "-v1"


def checkpoints(folder: Path, every: int | None) -> list["Checkpoint"]:
    """What keeps `last.ckpt` in `folder` and, every `every` epochs, an `epoch-NNN.ckpt`; none of these if 0 or None.

    Raises:
        InputError: no such number.
    """
    if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 0):
        raise InputError(f"checkpoint_every={every} is no number of epochs: give 1 or more, or 0 for the last one only")
    last = Checkpoint(folder, filename="last", save_top_k=1, **PLAIN)
    if not every:
        return [last]
    return [last, Checkpoint(folder, filename="epoch-{epoch:03d}", every_n_epochs=every, save_top_k=-1, **PLAIN)]


class Checkpoint(ModelCheckpoint):
    """Lightning's, told apart by the name of its files and not by how often it writes one, which may be the same.

    No epoch is better than another here, so there is nothing to remember of those before. Without a state in the
    checkpoint a run may be resumed elsewhere, or with another `checkpoint_every`.
    """

    @property
    def state_key(self) -> str:
        """What Lightning tells callbacks apart by."""
        return self._generate_state_key(filename=self.filename)

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}
