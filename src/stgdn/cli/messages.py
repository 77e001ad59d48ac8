"""Messages of commands on standard error, apart from their results."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:  # commands import this before they need PyTorch
    from stgdn.inference.classifier import Classifier


def warn(*sentences: str) -> None:
    """Print notes on standard error, apart from the results."""
    for sentence in sentences:
        print(f"note: {sentence}", file=sys.stderr, flush=True)


def warn_unfinished(network: "Classifier") -> None:
    """Warn about networks whose training is unfinished."""
    for member in network.members:
        if not member.finished:
            warn(
                f"{member.checkpoint} is of epoch {member.epoch} of {member.config.epochs}: its training is unfinished"
            )


@contextmanager
def progress(total: int, what: str = "clips") -> Iterator[Callable[[], None]]:
    """Show a progress bar on a terminal; yields a function that advances it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    visible = os.isatty(2) and total > 1
    with Progress(*columns, console=Console(stderr=True), disable=not visible, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
