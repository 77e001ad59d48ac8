"""What a command says beside its results, on standard error, and the checks of its options."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stgdn.errors import InputError
from stgdn.inference.fused import Recogniser
from stgdn.inference.trained import TrainedNetwork
from stgdn.skeleton import Layout, layout


def note(sentence: str) -> None:
    """Tell something without mixing it with results."""
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def tell_networks(network: Recogniser) -> None:
    """Tell of networks whose training has not come to its end."""
    for member in [network] if isinstance(network, TrainedNetwork) else network.members:
        if not member.finished:
            note(
                f"{member.checkpoint} is of epoch {member.epoch} of {member.config.epochs}: its training is unfinished"
            )


@contextmanager
def progress(total: int, what: str = "clips") -> Iterator[Callable[[], None]]:
    """A bar over so many clips, or something else, where somebody looks; yields what is told after each of them."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = os.isatty(2) and total > 1
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def counted(config: DictConfig, option: str) -> int:
    """An option that is a whole number from 1 up.

    Raises:
        InputError: it is something else.
    """
    value = config[option]
    if type(value) is not int or value < 1:
        raise InputError(f"{option}={value} must be a whole number from 1 up")
    return value


def chosen_layout(name: str | None) -> Layout | None:
    """The joint layout that an option names.

    Raises:
        InputError: there is none of that name.
    """
    return None if name is None else layout(name)
