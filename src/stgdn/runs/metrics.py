"""Training curves of a run, read from `metrics.csv`."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError

Metrics = dict[str, NDArray[np.float64]]


def read_metrics(path: Path) -> Metrics:
    """Read all columns of a `metrics.csv` by name, also `epoch`: (epochs,) float64, NaN for an empty entry.

    Raises:
        InputError: the file is damaged; the message names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    if not lines or "epoch" not in lines[0]:
        raise InputError(f"{path} is damaged: it has no column 'epoch'")
    rows = [_numbers(path, number, line, len(lines[0])) for number, line in enumerate(lines[1:], 2)]
    return dict(zip(lines[0], np.asarray(rows, np.float64).reshape(-1, len(lines[0])).T, strict=True))


def _numbers(path: Path, number: int, line: list[str], columns: int) -> list[float]:
    """Return the numbers of a line."""
    if len(line) != columns:
        raise InputError(f"{path} is damaged: line {number} has {len(line)} entries instead of {columns}")
    try:
        return [float(entry) if entry else float("nan") for entry in line]
    except ValueError as error:
        raise InputError(f"{path} is damaged: line {number}: {error}") from None
