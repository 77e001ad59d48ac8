"""Layers of a run for the page: graphs on the skeleton, covariances before and after whitening."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.reports.page.poses import positions
from stgdn.runs.layers import Arrays, load_layers

LARGEST_SIDE = 75  # of a covariance; a larger one is shown as block means
LEVELS = 32767
ENTRY = re.compile(r"layer(\d{1,3})\.(.+)")
AXES = ("node", "frame", "channel")
# Learned graphs of a layer: names in the file, and in the page.
GRAPHS = {"learned": "learned", "own_learned": "learned, the second filter's", "edge_mask": "learned"}


def layer_content(path: Path) -> dict[str, Any]:
    """Return the layers of a run as plain data.

    `skeleton`: joints, bones (child, parent) and positions; `physical` (K, V, V), packed; `layers`, each with its
    `number`, `graphs` by name (packed, what is added to `physical`) and `whitened` by axis, see `_whitened`.

    Raises:
        InputError: the file is of another kind.
    """
    arrays = load_layers(path)
    try:
        _expect_sound(arrays)
        joints, parents = [str(name) for name in arrays["joints"]], [int(parent) for parent in arrays["parents"]]
        bones = [(child, parent) for child, parent in enumerate(parents) if child != parent]
        return {
            "skeleton": {"joints": joints, "bones": bones, "positions": positions(joints, parents)},
            "physical": pack(arrays["physical"]),
            "layers": [_layer(number, layer, arrays["physical"]) for number, layer in _by_layer(arrays).items()],
        }
    except (ValueError, KeyError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        raise InputError(f"{path} is not a file of layers: {error}; train that run again to have it") from None


def _expect_sound(arrays: Arrays) -> None:
    """Raise ValueError if the arrays cannot be drawn."""
    joints, parents = arrays["joints"], arrays["parents"]
    V, K = len(joints), len(arrays["physical"])
    if parents.shape != (V,) or parents.dtype.kind not in "iu" or not ((parents >= 0) & (parents < V)).all():
        raise ValueError("its joints have no parents")
    at = parents
    for _ in range(V):
        at = parents[at]
    if (parents[at] != at).any():
        raise ValueError("its bones go around in a circle")
    for name, values in arrays.items():
        if name in ("joints", "parents"):
            continue
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError(f"{name} holds values that are no finite numbers")
        if name.split(".")[-1] in ("physical", *GRAPHS) and values.shape != (K, V, V):
            raise ValueError(f"{name} has the shape {values.shape} instead of {(K, V, V)}")


def _by_layer(arrays: Arrays) -> Mapping[int, Arrays]:
    """Return the arrays of every layer up to the last one with arrays."""
    layers: dict[int, dict[str, NDArray]] = {}
    for name, values in arrays.items():
        if match := ENTRY.fullmatch(name):
            layers.setdefault(int(match[1]), {})[match[2]] = values
    return {number: layers.get(number, {}) for number in range(1, max(layers, default=0) + 1)}


def _layer(number: int, arrays: Arrays, physical: NDArray) -> dict[str, Any]:
    graphs = {GRAPHS[name]: values for name, values in arrays.items() if name in GRAPHS}
    if "edge_mask" in arrays:  # a factor, shown as its change of the graph
        graphs["learned"] = physical * (arrays["edge_mask"] - 1)
    return {
        "number": number,
        "graphs": {name: pack(values) for name, values in graphs.items()},
        "whitened": {
            axis: _whitened(arrays[f"{axis}.covariance"].astype(np.float64), arrays[f"{axis}.root"].astype(np.float64))
            for axis in AXES
            if f"{axis}.covariance" in arrays
        },
    }


def _whitened(covariance: NDArray[np.float64], root: NDArray[np.float64]) -> dict[str, Any]:
    """Return Σ (D, D) before whitening and Σ^{-1/2} Σ Σ^{-1/2} after it.

    Returns:
        `size` D, rows per `block`, and for `before` and `after` the `matrix` (packed, in blocks), the `eigenvalues` in
        falling order and their effective `rank`.
    """
    content: dict[str, Any] = {"size": len(covariance)}
    for name, matrix in {"before": covariance, "after": root @ covariance @ root.T}.items():
        eigenvalues = np.linalg.eigvalsh(matrix)[::-1]
        blocks, content["block"] = block_means(matrix)
        content[name] = {
            "matrix": pack(blocks),
            "eigenvalues": [float(f"{value:.4g}") for value in eigenvalues],
            "rank": round(_effective_rank(eigenvalues), 3),
        }
    return content


def _effective_rank(eigenvalues: NDArray[np.floating]) -> float:
    """Return `stgdn.training.callbacks.over_smoothing.effective_rank` for known eigenvalues."""
    positive = eigenvalues[eigenvalues > 0]
    shares = positive / positive.sum()
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0


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
