"""Timing of several calls in turn with `torch.utils.benchmark`, so that disturbances affect all of them alike.

Beside it: what the machine tells about itself, and tables in Markdown.
"""

import itertools
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch.utils.benchmark import Measurement, Timer, timer

from stgdn.data.store.parse import available_cores
from stgdn.environment import processor

Call = Callable[[int], object]
Name = TypeVar("Name")

TURN = 0.02  # seconds for which a quick call is repeated in its turn


def time_in_turn(calls: Mapping[Name, Call], rounds: int, threads: int = 1) -> dict[Name, list[Measurement]]:
    """Return the measurement of every call in each round; in a round all calls have their turn, one after the other.

    A call is given the number of its earlier calls. The first call of a turn is not counted: it finds the caches full
    of other data. A GPU is synchronised before the clock is read.

    Args:
        calls: the calls by name.
        rounds: number of turns of each call.
        threads: threads of PyTorch.
    """
    timers = {
        name: Timer("call(next(number))", globals={"call": call, "number": itertools.count()}, num_threads=threads)
        for name, call in calls.items()
    }
    measured: dict[Name, list[Measurement]] = {name: [] for name in timers}
    for _, (name, turn) in itertools.product(range(rounds), timers.items()):
        measured[name].append(turn.blocked_autorange(min_run_time=TURN))
    return measured


def median_seconds(calls: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """Return the median seconds of each call over all rounds, measured in turn on one thread."""
    return {name: Measurement.merge(turns)[0].median for name, turns in time_in_turn(calls, rounds).items()}


def stopwatch(call: Callable[[], object]) -> float:
    """Return the seconds that a single call takes."""
    begin = timer()
    call()
    return timer() - begin


def machine(device: str = "cpu") -> str:
    """Return what results depend on: the GPU if it is measured, the day, processor, cores, memory, versions."""
    gpu = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}; " if device == "cuda" else ""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{gpu}{datetime.now(UTC):%Y-%m-%d}, {processor()}, {available_cores()} cores, "
        f"{memory:.0f} GiB; Python {platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}"
    )


def proc_bytes(path: str) -> dict[str, int]:
    """Return the sizes in a file of Linux's /proc by name, nothing on another system."""
    lines = re.findall(r"^(\w+):\s*(\d+) kB", Path(path).read_text(), re.MULTILINE) if Path(path).exists() else []
    return {name: int(kilobytes) * 1024 for name, kilobytes in lines}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows))
