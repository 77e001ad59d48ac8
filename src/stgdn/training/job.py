"""Training, from the start or from a checkpoint."""

from pathlib import Path

import lightning

from stgdn.data.module import SkeletonData
from stgdn.training.building import load_weights
from stgdn.training.recognizer import Recognizer


def fit(trainer: lightning.Trainer, recognizer: Recognizer, data: SkeletonData, checkpoint: Path | None) -> None:
    """Train until the last epoch, from `checkpoint` on if it exists.

    Raises:
        InputError: the checkpoint is damaged or belongs to another network.
        KeyboardInterrupt: interrupted; the last whole epoch's checkpoint is kept.
    """
    resumed = checkpoint if checkpoint is not None and checkpoint.exists() else None
    if resumed is not None:
        load_weights(recognizer, resumed)
    try:
        trainer.fit(recognizer, data, ckpt_path=resumed, weights_only=True)
    except SystemExit:  # Lightning's way of ending after Ctrl-C
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise
