"""One changed bit of a stored file is told in a sentence or changes nothing: no traceback, no other figures.

Every file is read as the commands read it, before and after; what is read is compared.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from tests.conftest import Outcome
from tests.export.conftest import make_run
from tests.faults.figures import FULL, Faults
from tests.inference.conftest import MakeRun

from stgdn.data.store.shard_writer import write_shards
from stgdn.data.store.shards import open_prepared
from stgdn.data.store.store import Store
from stgdn.data.store.verified import verify_once
from stgdn.errors import InputError
from stgdn.export.formats import write_folder
from stgdn.inference.load import load
from stgdn.runs.layers import load_layers
from stgdn.runs.metrics import read_metrics
from stgdn.runs.result import read_result
from stgdn.runs.run import Run
from stgdn.runs.scores import Scores
from stgdn.runs.weights_file import read_weights

__all__ = ["make_run"]

FLIPS = 400 if FULL else 20  # of each file


def read_store(folder: Path) -> list[Any]:
    """Return what a store or its shards hold."""
    store = open_prepared(folder)
    verify_once(store)
    rows = [store.rows(index) for index in range(len(store))]
    return [asdict(store.header) | {"checksums": None}, store.clips, *rows]


def read_network(place: Path) -> list[Any]:
    """Return what a trained network is."""
    network = load(place)
    return [network.network.state_dict(), network.classes, OmegaConf.to_container(network.config)]


def read_run(folder: Path) -> list[Any]:
    """Return the result of a run, its curves and its config."""
    result = read_result(folder)
    return [asdict(result), read_metrics(folder / "metrics.csv"), OmegaConf.to_container(Run.open(folder).config)]


def read_scores(folder: Path) -> list[Any]:
    return [vars(Scores.load(folder / "scores.npz"))]


def read_layers(folder: Path) -> list[Any]:
    return [load_layers(folder / "layers.npz")]


def read_checkpoint(folder: Path) -> list[Any]:
    return [read_weights(folder / "checkpoints" / "last.ckpt")]


# By name of the test: a folder of `places`, the file in it, and what reads it.
FILES: dict[str, tuple[str, str, Callable[[Path], list[Any]]]] = {
    "store.json": ("store", "store.json", read_store),
    "clips.npy": ("store", "clips.npy", read_store),
    "coordinates.bin": ("store", "coordinates.bin", read_store),
    "shards.json": ("shards", "shards.json", read_store),
    "shard": ("shards", "train-00000.tar", read_store),
    "config.yaml": ("run", "config.yaml", read_run),
    "summary.json": ("run", "summary.json", read_run),
    "metrics.csv": ("run", "metrics.csv", read_run),
    "scores.npz": ("run", "scores.npz", read_scores),
    "layers.npz": ("run", "layers.npz", read_layers),
    "last.ckpt": ("run", "checkpoints/last.ckpt", read_checkpoint),
    "model.safetensors": ("net", "model.safetensors", read_network),
    "config.json": ("net", "config.json", read_network),
}


@pytest.fixture
def places(trained: Outcome, tiny_data: Path, tmp_path: Path, make_run: MakeRun) -> dict[str, Path]:
    """A store, shards, a finished run and an exported network."""
    assert trained.code == 0
    (summary,) = (tmp_path / "outputs").rglob("summary.json")
    shutil.copytree(tiny_data / "prepared" / "demo", tmp_path / "store")
    write_shards(Store(tmp_path / "store"), "ntu60_xsub", str(tmp_path / "shards"), 0.05)
    net = tmp_path / "net"
    net.mkdir()
    write_folder(load(make_run("model=agcn_7l", name="other")), net, folded=False)
    return {"run": summary.parent, "store": tmp_path / "store", "shards": tmp_path / "shards", "net": net}


def same(found: Any, expected: Any) -> bool:  # noqa: ANN401
    """Return whether nested values are equal, arrays and tensors bit by bit."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, torch.Tensor):
        return torch.equal(found, expected)
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")
    return bool(found == expected) or repr(found) == repr(expected)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_changed_bit_is_found_or_harmless(
    places: dict[str, Path], faults: Faults, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    where, file, read = FILES[name]
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    folder = places[where]
    path, expected, rng = folder / file, read(folder), random.Random(name)
    before = path.read_bytes()
    for _ in range(FLIPS):
        at, bit = rng.randrange(len(before)), rng.randrange(8)
        path.write_bytes(before[:at] + bytes([before[at] ^ 1 << bit]) + before[at + 1 :])
        try:
            outcome = "harmless" if same(read(folder), expected) else "lost"
        except InputError as error:
            outcome = "found" if len(str(error).splitlines()) == 1 else "lost"
        faults.add(outcome, f"byte {at}, bit {bit}: {before[max(0, at - 30) : at + 10]!r}")
    assert not faults.lost, faults.lost
