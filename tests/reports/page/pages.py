"""Folders of finished runs for pages, with layers, made without training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.reports import made_up

from stgdn.runs.result import Result, collect_runs

JOINTS = ("spine_mid", "neck", "head", "left_hand", "right_hand")
PARENTS = (0, 0, 1, 1, 1)
K, V = 3, len(JOINTS)

METRICS = """epoch,train/loss,train/top1,val/loss,val/top1,smoothing/mad/layer1,smoothing/mad/layer2
1,2.5,0.25,,,0.5,0.25
2,1.25,0.5,2,0.375,0.75,0.125
"""


def covariance(size: int, seed: int = 0) -> NDArray[np.float64]:
    """Return a covariance (D, D) that is far from white, but not singular."""
    samples = np.random.default_rng(seed).normal(size=(3 * size, size)) @ np.diag(np.linspace(0.2, 3, size))
    samples += samples[:, :1]
    return np.cov(samples.T)


def inverse_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exact Σ^{-1/2}."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def arrays(layers: int = 2, frames: int = 8, seed: int = 0) -> dict[str, NDArray]:
    """Return arrays of `layers.npz`: a graph in every layer, joints whitened in all, frames in the last."""
    generator = np.random.default_rng(seed)
    found: dict[str, NDArray] = {
        "joints": np.array(JOINTS),
        "parents": np.array(PARENTS),
        "physical": np.stack([np.eye(V), np.eye(V, k=1), np.eye(V, k=-1)]),
    }
    for layer in range(1, layers + 1):
        found[f"layer{layer}.learned"] = generator.normal(size=(K, V, V)).astype(np.float32)
        for axis, size in (("node", V), ("frame", frames)):
            if axis == "node" or layer == layers:
                found[f"layer{layer}.{axis}.mean"] = np.zeros(size)
                found[f"layer{layer}.{axis}.covariance"] = covariance(size, layer)
                found[f"layer{layer}.{axis}.root"] = inverse_root(covariance(size, layer))
    return found


def run(outputs: Path, *, layers: dict[str, NDArray] | None = None, **changed: Any) -> Path:  # noqa: ANN401
    """Write the folder of a finished run with curves, and with `layers.npz` if arrays are given."""
    folder = made_up.run(outputs, **changed)
    (folder / "metrics.csv").write_text(METRICS)
    if layers is not None:
        save(folder / "layers.npz", layers)
    return folder


def save(path: Path, layers: dict[str, NDArray]) -> None:
    """Write arrays as a `.npz`."""
    np.savez(path, allow_pickle=False, **layers)


def results(outputs: Path) -> tuple[Result, ...]:
    """Return all finished runs below a folder."""
    return collect_runs(outputs).results


def summarise(folder: Path, **entries: Any) -> None:  # noqa: ANN401
    """Add entries to a run's summary."""
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
