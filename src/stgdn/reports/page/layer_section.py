"""Layers of a run for the page: graphs on the skeleton, covariances before and after whitening."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.reports.page.packing import block_means, pack
from stgdn.reports.page.poses import positions
from stgdn.runs.layers import Arrays, load_layers

ENTRY = re.compile(r"layer(\d+)\.(.+)")
AXES = ("node", "frame", "channel")
# Learned graphs of a layer: names in the file, and in the page.
GRAPHS = {"learned": "learned", "own_learned": "learned, the second filter's", "edge_mask": "learned"}


def layer_content(path: Path) -> dict[str, Any]:
    """Return the layers of a run as plain data.

    `skeleton`: joints, bones (child, parent) and positions; `physical` (K, V, V), packed; `layers`, each with its
    `number`, `graphs` by name (packed, what is added to `physical`) and `whitened` by axis, see `_whitened`.

    Raises:
        InputError: the file cannot be read, or is of another kind.
    """
    arrays = load_layers(path)
    try:
        _expect_sound(arrays)
        return {
            "skeleton": _skeleton(arrays),
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


def _skeleton(arrays: Arrays) -> dict[str, Any]:
    joints, parents = [str(name) for name in arrays["joints"]], [int(parent) for parent in arrays["parents"]]
    bones = [(child, parent) for child, parent in enumerate(parents) if child != parent]
    return {"joints": joints, "bones": bones, "positions": positions(joints, parents)}


def _by_layer(arrays: Arrays) -> dict[int, Arrays]:
    """Return the arrays of every layer up to the last one with arrays."""
    matches = [(match, values) for name, values in arrays.items() if (match := ENTRY.fullmatch(name))]
    layers: dict[int, Arrays] = {number: {} for number in range(1, max((int(m[1]) for m, _ in matches), default=0) + 1)}
    for match, values in matches:
        layers[int(match[1])][match[2]] = values
    return layers


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
