"""Compact matrices for the page."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_SIDE = 75  # of a covariance; a larger one is shown as block means
LEVELS = 32767


def pack(values: NDArray[np.floating]) -> dict[str, Any]:
    """Return an array as base64 of 16-bit integers with the value of one unit.

    The error of an entry is at most the largest entry's size divided by 65,534.
    """
    largest = float(np.abs(values).max(initial=0))
    unit = largest / LEVELS or 1.0
    whole = np.rint(values / unit).astype("<i2")
    return {"shape": list(values.shape), "unit": unit, "data": base64.b64encode(whole.tobytes()).decode("ascii")}


def block_means(matrix: NDArray[np.floating], side: int = LARGEST_SIDE) -> tuple[NDArray[np.floating], int]:
    """Return block means of a matrix (D, D) with at most `side` rows, and the number of rows per block."""
    size = len(matrix)
    block = -(-size // side)
    starts = np.arange(0, size, block)
    counts = np.diff(starts, append=size)
    sums = np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)
    return sums / np.outer(counts, counts), block
