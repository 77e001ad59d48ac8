"""Messages of commands on standard error, apart from their results, and checks of options."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stgdn.errors import InputError
from stgdn.inference.classifier import Classifier
from stgdn.skeleton import Layout, layout


def warn(sentence: str) -> None:
    """Print a note on standard error, apart from the results."""
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def warn_unfinished(network: Classifier) -> None:
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


def positive_int(config: DictConfig, option: str) -> int:
    """Return an option that must be a whole number from 1 up.

    Raises:
        InputError: the value is something else.
    """
    value = config[option]
    if type(value) is not int or value < 1:
        raise InputError(f"{option}={value} must be a whole number from 1 up")
    return value


def chosen_layout(name: str | None) -> Layout | None:
    """Return the joint layout that an option names.

    Raises:
        InputError: there is none of that name.
    """
    return None if name is None else layout(name)
