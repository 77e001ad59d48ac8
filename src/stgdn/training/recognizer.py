"""A network, its loss, its optimizer and its schedule, for Lightning; checkpoints of them."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.epochs import Batch
from stgdn.data.store.store import PREPARE_AGAIN
from stgdn.errors import DivergedError, InputError
from stgdn.model.network import Network
from stgdn.runs.stored_config import stored_config
from stgdn.training import schedulers
from stgdn.training.checkpoint_file import EPOCH_METRICS, network_parts, read_checkpoint, set_weights, training_parts
from stgdn.training.divergence import NAMED, find_divergence, finite_gradients, unusable_clips, usable
from stgdn.training.freeze import freeze as freeze_parts
from stgdn.training.loss import CrossEntropy

LR_BATCH = 64  # clips in the batches that an optimizer's learning rate is for

letter_sgd = functools.partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True)


MetricStates = dict[str, dict[str, Tensor]]  # by metric and name of the state


class Prediction(TypedDict):
    """Hold class scores (N, classes), before the softmax, and indices (N,) of the clips in their store."""

    scores: Tensor
    indices: Tensor


class Recognizer(lightning.LightningModule):
    """Trains and tests any network that maps clips (N, C, T, V, M) to scores (N, classes).

    A network with a loss term of its own has a method `training_loss(clips, loss, epoch)`, which returns what a step
    makes smaller, given the loss of the scores and the number of whole epochs before.

    Args:
        network: the network.
        num_classes: entries of its scores.
        loss: scores (N, classes) and labels (N,) to a number; None for the letter's, plain cross-entropy.
        optimizer: made of parameters; its learning rate is for batches of 64 clips and scaled linearly with the batch.
            None for the letter's: SGD with Nesterov momentum 0.9, learning rate 0.1, weight decay 5e-4.
        scheduler: made of the optimizer, and of `total_steps` if it takes that; it is stepped after every step. None
            for the letter's, `schedulers.cosine`.
        batch_size: clips in a step over all devices.
        seed: seeds dropout together with the step, so that a resumed run continues exactly.
        freeze: parts of the network that stay as they are, see `freeze.py`.
        config: of a run, plain dictionaries: the hyperparameters, which checkpoints carry.

    Attributes:
        lr: learning rate for batches of `batch_size`, in place of the optimizer's; set by Lightning's `lr_find`.
    """

    def __init__(
        self,
        network: nn.Module,
        num_classes: int,
        *,
        loss: nn.Module | None = None,
        optimizer: Callable[..., Optimizer] | None = None,
        scheduler: Callable[..., LRScheduler] | None = None,
        batch_size: int = LR_BATCH,
        seed: int = 1,
        freeze: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(dict(config or {}))
        self.network = cast(Network, network)  # reports look into the suite's own; to train, any will do
        freeze_parts(network, freeze)
        self.loss = loss or CrossEntropy()
        self.optimizer, self.scheduler = optimizer or letter_sgd, scheduler or schedulers.cosine
        self.num_classes, self.batch_size, self.seed = num_classes, batch_size, seed
        self.lr: float | None = None
        accuracies = {"top1": MulticlassAccuracy(num_classes, top_k=1, average="micro")}
        if num_classes > 5:
            accuracies["top5"] = MulticlassAccuracy(num_classes, top_k=5, average="micro")
        metrics = MetricCollection(dict(accuracies))
        self.train_metrics, self.val_metrics = metrics.clone(prefix="train/"), metrics.clone(prefix="val/")
        self.test_metrics = metrics.clone(prefix="test/")
        self.train_loss = MeanMetric(nan_strategy="disable")
        self._epoch_metrics: list[MetricStates] = []
        self.scores: list[Prediction] = []
        self.finite = torch.tensor(True)
        self._last_batch: Batch | None = None

    def forward(self, clips: Tensor) -> Tensor:
        """Return class scores (N, classes)."""
        return self.network(clips)

    def setup(self, stage: str) -> None:
        """Count the training clips of each class for the loss; Lightning calls this after the data's `setup`."""
        data = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and isinstance(data, SkeletonData) and isinstance(self.loss, CrossEntropy):
            labels = data.store.clips["label"][data.splits["train"]]
            self.loss.set_class_counts(np.bincount(labels, minlength=self.num_classes).tolist())

    def on_train_start(self) -> None:
        """Go on with the metrics of an epoch that a checkpoint lies inside of; of fewer processes one takes several."""
        own = self._epoch_metrics[self.global_rank :: self.trainer.world_size]
        for name, metric in self._train_metrics().items() if own else ():
            for key in metric.metric_state:
                setattr(metric, key, sum(states[name][key].to(self.device) for states in own))
        self._epoch_metrics = []

    def _train_metrics(self) -> dict[str, Metric]:
        """Return the metrics of a training epoch."""
        return {"train/loss": self.train_loss, **dict(self.train_metrics.items())}

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Seed dropout by seed, step and rank."""
        torch.manual_seed(hash((self.seed, self.global_step, self.global_rank)))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Return the loss of one batch.

        Before that, the batch and the step before are checked. This waits for a GPU to have finished that step, as a
        network does next to pack the bodies.
        """
        self.finite = self.finite.to(batch["clips"].device) & usable(batch["clips"])
        self.expect_finite(batch)
        self._last_batch = batch
        scores = self(batch["clips"])
        loss = self.loss(scores, batch["labels"])
        if training_loss := getattr(self.network, "training_loss", None):
            loss = training_loss(batch["clips"], loss, self.current_epoch)
        self.finite = self.finite & loss.detach().isfinite()
        size = len(batch["labels"])
        self.train_metrics.update(scores, batch["labels"])
        self.log_dict(self.train_metrics, on_step=False, on_epoch=True, batch_size=size)
        self.train_loss.update(loss.detach(), size)
        self.log("train/loss", self.train_loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=size)
        self.log("train/loss_step", loss.detach(), batch_size=size)
        self.log("train/lr", self.trainer.optimizers[0].param_groups[0]["lr"], batch_size=size)
        return loss

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Check the gradients, and keep the weights as they are if a number is not finite, so that its layer is found.

        One process on a CPU checks at once. Else nothing waits here: a fused optimizer takes `found_inf` as from
        mixed precision's `GradScaler`, which itself skips such steps and lowers its scale.
        """
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            return
        self.finite = self.finite & finite_gradients(self.parameters())
        if self._checks_at_once():
            self.expect_finite()
        elif getattr(optimizer, "_step_supports_amp_scaling", False):
            optimizer.found_inf = (~self.finite).float()  # pyright: ignore[reportAttributeAccessIssue]

    def _checks_at_once(self) -> bool:
        """Return whether a number is read without waiting for a GPU or for other processes."""
        return self.finite.device.type == "cpu" and self.trainer.world_size == 1

    def on_train_epoch_end(self) -> None:
        """Check the last step before a checkpoint is written."""
        self.expect_finite()
        self._last_batch = None

    def expect_finite(self, batch: Batch | None = None) -> None:
        """Check the numbers of the step before and of a batch to be trained on; all processes raise together.

        Raises:
            InputError: clips hold values that are not finite or absurd; the message names them.
            DivergedError: a loss or gradient was not finite; the message says which layer's output was the first.
        """
        if self.trainer.strategy.reduce_boolean_decision(bool(self.finite)):
            return
        batches = [given for given in (self._last_batch, batch) if given is not None]
        clips = [name for given in batches for name in unusable_clips(given["clips"], self._names(given))]
        if found := [name for of_process in self._of_all_processes(clips) for name in of_process]:
            raise InputError(
                f"clips of a batch in epoch {self.current_epoch + 1} hold values that are not finite or absurdly "
                f"large: {', '.join(found[:NAMED])}{f' and {more} more' if (more := len(found) - NAMED) > 0 else ''}. "
                f"The data are wrong, training has not diverged: look at the source of these clips, and {PREPARE_AGAIN}"
            )
        assert self._last_batch is not None
        with self.trainer.precision_plugin.forward_context():
            origin = find_divergence(self.network, self._last_batch["clips"])
        raise DivergedError(
            f"{self._of_all_processes(origin)[0]} in epoch {self.current_epoch + 1}: training has diverged on clips "
            "that are finite; lower optimizer.lr or raise model.whitening.eps, and start again with overwrite=true"
        )

    def _names(self, batch: Batch) -> Sequence[str]:
        """Return the names of the clips of a batch."""
        data = getattr(self.trainer, "datamodule", None)
        if isinstance(data, SkeletonData):
            return data.store.clips["name"][batch["indices"].cpu().numpy()].tolist()
        return [f"number {number}" for number in range(len(batch["clips"]))]

    def _of_all_processes(self, value: Any) -> list[Any]:  # noqa: ANN401
        """Return a value of every process."""
        values = [value] * self.trainer.world_size
        if len(values) > 1:
            torch.distributed.all_gather_object(values, value)
        return values

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

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the accuracy and keep the scores of the test clips."""
        predicted = self.predict_step(batch, batch_idx)
        self.test_metrics.update(predicted["scores"], batch["labels"])
        self.scores.append(Prediction(scores=predicted["scores"].float().cpu(), indices=batch["indices"].cpu()))

    def predict_step(self, batch: Batch, batch_idx: int) -> Prediction:  # noqa: ARG002
        """Return the scores of one batch, for `Trainer.predict`."""
        return Prediction(scores=self(batch["clips"]), indices=batch["indices"])

    def on_test_epoch_end(self) -> None:
        """Log the test accuracy."""
        self.log_dict(self.test_metrics.compute())
        self.test_metrics.reset()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer and its schedule by step."""
        optimizer = self.optimizer([parameter for parameter in self.parameters() if parameter.requires_grad])
        for group in optimizer.param_groups:
            group["lr"] = self.lr or group["lr"] * self.batch_size / LR_BATCH
        options: dict[str, Any] = {}
        if "total_steps" in inspect.signature(self.scheduler).parameters:
            options["total_steps"] = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = self.scheduler(optimizer, **options)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the config as plain Python, whether a callback has ended training, and the epoch's metrics so far.

        A checkpoint that is written between epochs has no such metrics.
        """
        checkpoint["config"] = dict(self.hparams)
        checkpoint["stopped"] = self.trainer.should_stop
        epochs: Any = self.trainer.fit_loop.epoch_progress.current
        if epochs.processed < epochs.started:
            own = {name: metric.metric_state for name, metric in self._train_metrics().items()}
            checkpoint[EPOCH_METRICS] = self._of_all_processes(own)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the metrics of an epoch that is to be finished."""
        self._epoch_metrics = checkpoint.get(EPOCH_METRICS, [])

    @classmethod
    def load_from_checkpoint(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        checkpoint_path: str | Path,
        map_location: torch.device | str = "cpu",
        **parts: Any,  # noqa: ANN401
    ) -> "Recognizer":
        """Return the recognizer of a checkpoint with its weights: its config makes classes of this suite only.

        Nothing in the file is run (`weights_only=True`). Unlike `stgdn.load` it brings no preprocessing of raw clips,
        and it can be trained on.

        Args:
            checkpoint_path: of a file `.ckpt`.
            map_location: device of the weights.
            parts: arguments of `Recognizer` in place of what the config says, such as a network of your own.

        Raises:
            InputError: no checkpoint, one of another network, or a config that is refused, see `stored_config`.
        """
        path = Path(checkpoint_path)
        content = read_checkpoint(path)
        config = content.get("config") or {}
        if config or not {"network", "num_classes"} <= parts.keys():
            stored = stored_config(config, path, ("data", "model"))
            parts = network_parts(stored, parts) | training_parts(stored, parts) | {"config": config} | parts
        recognizer = cls(**parts)
        set_weights(recognizer, content["state_dict"], path)
        return recognizer.to(map_location)


def load_recognizer(config: DictConfig, path: Path) -> Recognizer:
    """Return the recognizer of a stored config with the weights of a checkpoint, to be tested, not trained on."""
    recognizer = Recognizer(**network_parts(config, {}))
    set_weights(recognizer, read_checkpoint(path)["state_dict"], path)
    return recognizer


def stored_recognizer(config: DictConfig) -> Recognizer:
    """Return the recognizer of a stored config, untrained, with the weights that its seed gives."""
    torch.manual_seed(config.seed)
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # pyright: ignore[reportAssignmentType]
    return Recognizer(**network_parts(config, {}), **training_parts(config, {}), config=plain)
