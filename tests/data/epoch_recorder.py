"""A module that learns nothing and records the batches of every epoch, trained by Lightning."""

from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.epochs import Batch


class EpochRecorder(lightning.LightningModule):
    """Learns nothing and remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[Batch]] = {}

    def training_step(self, batch: Batch) -> Tensor:
        self.seen.setdefault(self.current_epoch, []).append(batch)
        return self.weight.sum()

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:  # noqa: ANN401, ARG002
        self.trainer.save_checkpoint(Path(self.trainer.default_root_dir) / f"batch{batch_idx}.ckpt")

    def on_train_epoch_end(self) -> None:  # when runs write theirs
        self.trainer.save_checkpoint(Path(self.trainer.default_root_dir) / "last.ckpt")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        assert self.trainer.estimated_stepping_batches  # for which Lightning makes an iterator of the training batches
        return torch.optim.SGD(self.parameters(), 0.1)


def record_epochs(data: SkeletonData, epochs: int, folder: Path, checkpoint: Path | None = None) -> EpochRecorder:
    """Train until so many epochs are done, from a checkpoint on if there is one; `last.ckpt` is left in the folder."""
    recorder = EpochRecorder()
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        use_distributed_sampler=False,
    )
    trainer.fit(recorder, data, ckpt_path=checkpoint)
    return recorder
