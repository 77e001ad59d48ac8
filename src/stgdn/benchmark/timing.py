"""Timing several ways of doing the same in turn, so that whatever else the machine does falls on all of them."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from stgdn.data.preparation import available_cores
from stgdn.errors import InputError
from stgdn.files import replacing

TURN = 0.02  # seconds that a quick way is repeated in its turn, so that caches are as it leaves them


def interleaved(ways: Mapping[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, all in turn `rounds` times; each is told how often it was called before.

    Of every turn the first call is not counted where there is time for more: it finds the caches full of what the
    others did.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    calls = dict.fromkeys(ways, 0)
    for _ in range(rounds):
        for name, way in ways.items():
            taken: list[float] = []
            while sum(taken) < TURN:
                begun = time.perf_counter()
                way(calls[name])
                taken.append(time.perf_counter() - begun)
                calls[name] += 1
            seconds[name] += taken[1:] or taken
    return {name: float(np.median(taken)) for name, taken in seconds.items()}


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


def insert(path: str | Path, name: str, text: str) -> None:
    """Put text between the lines `<!-- NAME -->` and `<!-- end of NAME -->` of a file.

    Raises:
        InputError: the file lacks these lines.
    """
    target, start, end = Path(path), f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    content = target.read_text() if target.exists() else ""
    if start not in content or end not in content:
        raise InputError(f"{path} has no lines {start.strip()} and {end} for the figures to go between")
    before, after = content.split(start)[0], content.split(end)[1]
    with replacing(target) as temporary:
        temporary.write_text(f"{before}{start}{text}\n{end}{after}")
