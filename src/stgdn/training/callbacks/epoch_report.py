"""Report of each epoch: a line on the terminal and a row in `metrics.csv`."""

import csv
import time
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stgdn.data.batches.epochs import Batch
from stgdn.files import replacing
from stgdn.rounding import fixed

TIME_METRICS = ("train/clips_per_second", "train/waiting")
COLUMNS = ("train/loss", "train/top1", "train/top5", "train/lr", *TIME_METRICS, "val/loss", "val/top1")
MIN_WAIT = 0.03  # share of training spent waiting for data from which the line mentions it
OPTIONAL_PREFIX = "smoothing/"  # prefix of columns that not every run has


class EpochReport(Callback):
    """Prints loss, accuracy, clips per second and the time left after every epoch, and adds a row to `metrics.csv`.

    `train/waiting` there is the share of training in which no batch was ready.

    A resumed run keeps the rows of the epochs before it. Inside an epoch, throughput is that of the rest of it.

    Args:
        path: of `metrics.csv`.
        bar: show a progress bar while an epoch lasts, for terminals.
    """

    def __init__(self, path: Path, *, bar: bool = False) -> None:
        self.path = path
        self.bar = bar
        self.console = Console(soft_wrap=True, highlight=False)
        self.progress: Progress | None = None
        self.started = self.trained = self.waited = 0.0
        self.clips = self.steps = 0
        self.seconds: list[float] = []

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Start the clock of a run that is resumed inside an epoch: Lightning does not begin that epoch again."""
        if (loop := trainer.fit_loop.epoch_loop).restarting:
            self._start(trainer, loop.batch_progress.current.ready)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Start the clock and the progress bar."""
        self._start(trainer)

    def _start(self, trainer: lightning.Trainer, seen: int = 0) -> None:
        """Start clock and bar of an epoch of which some batches have been seen."""
        self.started = self.trained = time.perf_counter()
        self.clips, self.steps, self.waited = 0, 0, 0.0
        self._begin(f"epoch {trainer.current_epoch + 1}", trainer.num_training_batches, seen)

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Count the time since the last step: the batch was not ready."""
        self.waited += time.perf_counter() - self.trained

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: Any,  # noqa: ANN401, ARG002
        outputs: Any,  # noqa: ANN401, ARG002
        batch: Batch,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Count clips and advance the progress bar."""
        self.clips += len(batch["labels"]) * trainer.world_size
        self.steps += 1
        self.trained = time.perf_counter()
        self._advance()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401
        """Log the throughput of training (validation not included), print the line, write the row."""
        self._end()
        self.seconds.append((time.perf_counter() - self.started) * trainer.num_training_batches / max(self.steps, 1))
        seconds = max(self.trained - self.started, 1e-9)
        own = dict(zip(TIME_METRICS, (self.clips / seconds, self.waited / seconds), strict=True))
        pl_module.log_dict(own)
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()} | own  # of all processes
        if trainer.is_global_zero:
            self._print(trainer.current_epoch + 1, trainer.max_epochs or 0, metrics)
            self._write(trainer.current_epoch + 1, metrics)

    def on_test_epoch_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Show a progress bar for the test split."""
        self._begin("testing", int(sum(trainer.num_test_batches)))

    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Advance the progress bar."""
        self._advance()

    def on_test_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Remove the progress bar."""
        self._end()

    def on_exception(self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException) -> None:  # noqa: ANN401, ARG002
        """Remove the progress bar."""
        self._end()

    def _begin(self, what: str, batches: float, seen: int = 0) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.bar)
        self.progress.add_task(what, total=batches, completed=seen)
        self.progress.start()

    def _advance(self) -> None:
        if self.progress is not None:
            self.progress.advance(self.progress.task_ids[0])

    def _end(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def _print(self, epoch: int, epochs: int, metrics: dict[str, float]) -> None:
        left = (epochs - epoch) * sum(self.seconds) / len(self.seconds)
        parts = [
            f"epoch {epoch:>{len(str(epochs))}}/{epochs}",
            f"loss {metrics['train/loss']:.3f}",
            f"train top-1 {fixed(100 * metrics['train/top1'])}",
            *([f"held-out top-1 {fixed(100 * metrics['val/top1'])}"] if "val/top1" in metrics else []),
            f"{metrics['train/clips_per_second']:.0f} clips/s",
            *([f"{waiting:.0%} of it waiting for data"] if (waiting := metrics["train/waiting"]) >= MIN_WAIT else []),
            f"{left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left",
        ]
        self.console.print("  ".join(parts))

    def _write(self, epoch: int, metrics: dict[str, float]) -> None:
        rows: list[dict[str, Any]] = []
        if self.path.exists():
            with self.path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < epoch]
        logged = [*COLUMNS, *(key for key in metrics if key.startswith(OPTIONAL_PREFIX))]
        rows.append({"epoch": epoch} | {key: f"{metrics[key]:.6g}" for key in logged if key in metrics})
        columns = dict.fromkeys(["epoch", *COLUMNS, *(key for row in rows for key in row)])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(rows)
