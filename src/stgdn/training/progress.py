"""One line an epoch: what people and log files read while a network trains."""

import time
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from rich.console import Console


class EpochLines(Callback):
    """Prints and logs loss, accuracy, learning rate and clips per second of every epoch, and the time left."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(soft_wrap=True, highlight=False)
        self.started = 0.0
        self.seconds: list[float] = []

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Start the clock."""
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401
        """Log throughput and print the line."""
        self.seconds.append(time.perf_counter() - self.started)
        clips = trainer.num_training_batches * pl_module.batch_size
        throughput = clips / self.seconds[-1]
        pl_module.log("train/clips_per_second", throughput)
        if not trainer.is_global_zero:
            return
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        epochs = trainer.max_epochs or 0
        left = (epochs - trainer.current_epoch - 1) * sum(self.seconds) / len(self.seconds)
        parts = [
            f"epoch {trainer.current_epoch + 1:>{len(str(epochs))}}/{epochs}",
            f"loss {metrics.get('train/loss', float('nan')):.3f}",
            f"train top-1 {100 * metrics.get('train/top1', float('nan')):.1f}",
            *([f"held-out top-1 {100 * metrics['val/top1']:.1f}"] if "val/top1" in metrics else []),
            f"{throughput:.0f} clips/s",
            f"{left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left",
        ]
        self.console.print("  ".join(parts))
