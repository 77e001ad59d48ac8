"""A network, its loss and its optimiser, for Lightning."""

import math
from dataclasses import dataclass
from typing import Any

import lightning
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from stgdn.data.batches.epochs import Batch
from stgdn.errors import InputError
from stgdn.model.network import Network

CHECK_EVERY = 20  # steps


@dataclass(frozen=True)
class Optimisation:
    """Hold the settings of the optimiser; the defaults are the letter's.

    Attributes:
        lr: learning rate for batches of 64, scaled linearly with the batch.
        momentum: Nesterov's.
        weight_decay: on all parameters.
        warmup: share of training in which the rate rises linearly; the rest is a cosine to zero.
        label_smoothing: of the cross-entropy.
    """

    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: float = 0.0
    label_smoothing: float = 0.0

    def rate(self, progress: float) -> float:
        """Return the factor on the learning rate at `progress` from 0 to 1."""
        if progress < self.warmup:
            return progress / self.warmup
        return (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup))) / 2


class Recognizer(lightning.LightningModule):
    """Trains and tests any network that maps clips (N, C, T, V, M) to scores (N, classes).

    Args:
        network: the network.
        num_classes: entries of its scores.
        optimisation: loss, optimiser and schedule.
        batch_size: clips in a step over all devices, for the learning rate.
        seed: seeds dropout together with the step, so that a resumed run continues exactly.
        config: plain dictionaries that the checkpoint carries.
    """

    def __init__(
        self,
        network: Network,
        num_classes: int,
        optimisation: Optimisation,
        *,
        batch_size: int = 64,
        seed: int = 1,
        config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.optimisation, self.config = network, optimisation, config or {}
        self.batch_size, self.seed = batch_size, seed
        accuracies = {"top1": MulticlassAccuracy(num_classes, top_k=1, average="micro")}
        if num_classes > 5:
            accuracies["top5"] = MulticlassAccuracy(num_classes, top_k=5, average="micro")
        metrics = MetricCollection(dict(accuracies))
        self.train_metrics, self.val_metrics = metrics.clone(prefix="train/"), metrics.clone(prefix="val/")
        self.test_metrics = metrics.clone(prefix="test/")
        self.scores: list[tuple[Tensor, Tensor]] = []
        self.finite = torch.tensor(True)

    def forward(self, clips: Tensor) -> Tensor:
        """Return class scores (N, classes)."""
        return self.network(clips)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Seed dropout by seed, step and rank."""
        torch.manual_seed(hash((self.seed, self.global_step, self.global_rank)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Return the cross-entropy of one batch."""
        scores = self(batch["clips"])
        loss = F.cross_entropy(scores, batch["labels"], label_smoothing=self.optimisation.label_smoothing)
        self.finite = self.finite.to(loss.device) & loss.detach().isfinite()
        size = len(batch["labels"])
        self.train_metrics.update(scores, batch["labels"])
        self.log_dict(self.train_metrics, on_step=False, on_epoch=True, batch_size=size)
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=size, sync_dist=True)
        self.log("train/lr", self.trainer.optimizers[0].param_groups[0]["lr"], batch_size=size)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:  # noqa: ANN401, ARG002
        """Check the losses every `CHECK_EVERY` steps: each check waits for the GPU."""
        if batch_idx % CHECK_EVERY == 0:
            self.expect_finite()

    def on_train_epoch_end(self) -> None:
        """Check the losses before a checkpoint is written."""
        self.expect_finite()

    def expect_finite(self) -> None:
        """Check that all losses since the start were finite.

        Raises:
            InputError: one was not.
        """
        if not bool(self.finite):
            raise InputError(
                f"the loss is no finite number in epoch {self.current_epoch + 1}: training has diverged; lower "
                "optimisation.lr or raise model.whitening.eps, and start again with overwrite=true"
            )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Update loss and accuracy on the held-out subjects."""
        scores, labels = self(batch["clips"]), batch["labels"]
        self.val_metrics.update(scores, labels)
        self.log("val/loss", F.cross_entropy(scores, labels), batch_size=len(labels), sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        """Log the held-out accuracy."""
        self.log_dict(self.val_metrics.compute(), prog_bar=True)
        self.val_metrics.reset()

    def on_test_epoch_start(self) -> None:
        """Delete scores of an earlier test."""
        self.scores = []

    def test_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Update the accuracy and keep the scores of the test clips."""
        scores = self(batch["clips"])
        self.test_metrics.update(scores, batch["labels"])
        self.scores.append((batch["indices"].cpu(), scores.float().cpu()))

    def on_test_epoch_end(self) -> None:
        """Log the test accuracy."""
        self.log_dict(self.test_metrics.compute())
        self.test_metrics.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the class scores (N, classes) of a batch, and the indices (N,) of its clips in the store."""
        return {"scores": self(batch["clips"]), "indices": batch["indices"]}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the letter's optimiser and schedule: SGD with Nesterov momentum, cosine decay by step."""
        settings = self.optimisation
        optimizer = torch.optim.SGD(
            self.parameters(),
            lr=settings.lr * self.batch_size / 64,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = LambdaLR(optimizer, lambda step: settings.rate(min((step + 0.5) / steps, 1)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the config as plain Python, so that `weights_only` loading works."""
        checkpoint["config"] = self.config
