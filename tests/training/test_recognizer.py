"""Optimizer, schedule and learning-rate scaling against closed forms, and checkpoints."""

import math
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from stgdn.model.network import Network
from stgdn.training.recognizer import Recognizer


def tiny_network(**options: object) -> Network:
    return Network([8, 8], [1, 2], "gcn", num_classes=7, frames=8, bodies=1, layout="kinect20", **options)  # pyright: ignore


class RecordedRates(lightning.Callback):
    """The learning rate of every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer: lightning.Trainer, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


def train(recognizer: Recognizer, batches: list[dict[str, Tensor]], **options: object) -> RecordedRates:
    recorded = RecordedRates()
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[recorded],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,  # pyright: ignore[reportArgumentType]
    )
    trainer.fit(recognizer, DataLoader(batches, batch_size=None))  # pyright: ignore[reportArgumentType]
    return recorded


def random_batches(count: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(3)
    clips = torch.randn(count, 4, 3, 8, 20, 1, generator=generator)
    labels = torch.randint(7, (count, 4), generator=generator)
    return [{"clips": x, "labels": y, "indices": torch.arange(4)} for x, y in zip(clips, labels, strict=True)]


@pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*treespec",
    "ignore:.*logging interval",
    "ignore:.*no `val_dataloader`",
)
class TestTraining:
    def test_rates_follow_cosine_over_all_steps_scaled_with_the_batch(self) -> None:
        recognizer = Recognizer(tiny_network(), 7, batch_size=32)
        rates = train(recognizer, random_batches(3)).rates
        expected = [0.05 * (1 + math.cos(math.pi * (step + 0.5) / 6)) / 2 for step in range(6)]
        assert rates == pytest.approx(expected)

    def test_one_step_is_nesterov_with_weight_decay(self) -> None:
        torch.manual_seed(0)
        recognizer = Recognizer(tiny_network(), 7, batch_size=64)
        (batch,) = random_batches(1)
        before = recognizer.network.classifier.weight.detach().clone()
        loss = torch.nn.functional.cross_entropy(recognizer.network(batch["clips"]), batch["labels"])
        (gradient,) = torch.autograd.grad(loss, recognizer.network.classifier.weight)
        train(recognizer, [batch], max_steps=1)
        decayed = gradient + 5e-4 * before
        rate = 0.1 * (1 + math.cos(math.pi * 0.5)) / 2  # one step: progress 0.5
        expected = before - rate * (decayed + 0.9 * decayed)
        torch.testing.assert_close(recognizer.network.classifier.weight.detach(), expected)

    def test_dropout_draws_from_seed_and_epoch(self) -> None:
        outputs = []
        for disturbance in (1, 2):
            torch.manual_seed(0)
            recognizer = Recognizer(tiny_network(dropout=0.5), 7, seed=5)
            torch.manual_seed(disturbance)
            train(recognizer, random_batches(2))
            outputs.append(recognizer.network.classifier.weight.detach().clone())
        assert torch.equal(*outputs)
