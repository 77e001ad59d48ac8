"""Timing several ways of doing the same in turn, so that whatever else the machine does falls on all of them."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from stgdn.data.store.prepare import available_cores

Way = Callable[[int], object]
Name = TypeVar("Name")

TURN = 0.02  # seconds that a quick way is repeated in its turn, so that caches are as it leaves them


def stopwatch(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def turns(
    ways: Mapping[Name, Way], rounds: int, clock: Callable[[Callable[[], object]], float] = stopwatch
) -> dict[Name, list[list[float]]]:
    """Seconds of every call of each way, by rounds; all ways take a turn in each and are told how often they had one.

    Of every turn the first call is not counted where there is time for more: it finds the caches full of what the
    others did.

    Args:
        ways: what is timed.
        rounds: how often each has its turn.
        clock: calls what it is given and returns the seconds it took.
    """
    seconds: dict[Name, list[list[float]]] = {name: [] for name in ways}
    calls = dict.fromkeys(ways, 0)
    for _ in range(rounds):
        for name, way in ways.items():
            taken: list[float] = []
            while sum(taken) < TURN:
                taken.append(clock(partial(way, calls[name])))
                calls[name] += 1
            seconds[name].append(taken[1:] or taken)
    return seconds


def interleaved(ways: Mapping[str, Way], rounds: int) -> dict[str, float]:
    """Median seconds of a call of each way, see `turns`."""
    return {name: float(np.median(np.concatenate(taken))) for name, taken in turns(ways, rounds).items()}


def machine() -> str:
    """On what the figures were taken: day, processor, cores, memory, versions."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {available_cores()} cores, {memory:.0f} GiB; Python "
        f"{platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads of PyTorch, and afterwards with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
