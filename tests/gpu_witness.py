"""Writes down which GPU a run sees and when; for tests with pretended GPUs, whose processes import it by name."""

import os
import time
from pathlib import Path
from typing import Any

import lightning


class Witness(lightning.Callback):
    """Writes a line a run, `GPU begin end` with times in seconds, into a file of its own.

    Args:
        folder: of the files.
        seed: of the run.
        crashes: seeds of runs that end without a word.
        seconds: that training takes at least.
    """

    def __init__(self, folder: str, seed: int, crashes: list[int] | None = None, seconds: float = 1.0) -> None:
        self.folder, self.seed, self.crashes, self.seconds = Path(folder), seed, crashes or [], seconds

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Begin the line."""
        self.folder.mkdir(exist_ok=True)
        self.line = f"{os.environ['CUDA_VISIBLE_DEVICES']} {time.time()}"

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Take a while."""
        (self.folder / f"begun{self.seed}").touch()
        time.sleep(self.seconds)
        if self.seed in self.crashes:
            os._exit(3)

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401, ARG002
        """Write the line."""
        (self.folder / str(self.seed)).write_text(f"{self.line} {time.time()}")
