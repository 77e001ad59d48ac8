"""Training curves and over-smoothing of a run, read from `metrics.csv`."""

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.checksums import expect_unchanged
from stgdn.errors import InputError
from stgdn.runs.folder import SUMMARY

SMOOTHING = re.compile(r"smoothing/(\w+)/layer(\d+)")

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
    expect_unchanged(path, path.with_name(SUMMARY))
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


def last_smoothing(path: Path) -> dict[str, list[float]]:
    """Return the newest over-smoothing values of a `metrics.csv` by measure, one per layer; empty without any.

    A measure without a value for one of its layers is left out.
    """
    metrics = read_metrics(path) if path.exists() else {}
    columns = {match: values for name, values in metrics.items() if (match := SMOOTHING.fullmatch(name))}
    measured = np.flatnonzero(np.isfinite(list(columns.values())).any(axis=0)) if columns else []
    if not len(measured):
        return {}
    values: dict[str, list[float]] = {}
    for match in sorted(columns, key=lambda match: int(match[2])):
        values.setdefault(match[1], []).append(float(columns[match][measured[-1]]))
    return {name: layers for name, layers in values.items() if np.isfinite(layers).all()}
