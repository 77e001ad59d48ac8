"""The commands that write files: with which options, and what must be there afterwards.

In options, `{out}` is the folder that a command writes into, `{run}` a finished run, `{other}` another one, `{bone}`
scores of another stream, `{own}` raw files of a person's own, `{clip}` one raw file, `{weights}` weights of 2s-AGCN.
"""

import json
import os
import shutil
import signal
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file
from tests.conftest import ROOT, TINY, Outcome, RunCommand
from tests.data.own_data import folder, moving, npz
from tests.export.test_importing import saved
from tests.training.killed import start

from stgdn.data.store.shards import open_prepared
from stgdn.data.store.store import Store
from stgdn.files import TEMPORARY
from stgdn.runs.scores import Scores
from stgdn.runs.weights_file import read_weights


class Writer(NamedTuple):
    """A command that writes into a folder of its own."""

    options: tuple[str, ...]
    files: tuple[str, ...]  # that are there afterwards, as patterns
    again: tuple[str, ...] = ()  # options with which it writes over what is there


OVERWRITE = ("overwrite=true",)
TRAINING = (*TINY, "workers=0", "model=agcn_7l", "callbacks.over_smoothing=null")
WRITERS = {
    "prepare": Writer(
        ("data=custom", "data.source={own}", "data.store={out}/store", "workers=1"),
        ("store/store.json", "store/clips.npy", "store/coordinates.bin"),
        OVERWRITE,
    ),
    "describe": Writer(("picture={out}/contents.svg", "json={out}/contents.json"), ("contents.svg", "contents.json")),
    "report": Writer(
        ("outputs={run}/..", "write=[{out}/table.csv,{out}/table.tex]", "page={out}/report.html"),
        ("table.csv", "table.tex", "report.html"),
    ),
    "fuse": Writer(("runs=[{run}/scores.npz,{bone}]", "folder={out}/fused"), ("fused/scores.npz", "fused/fusion.json")),
    "predict": Writer(
        ("run={run}", "clips={clip}", "write={out}/predictions.csv", "player={out}/player.html"),
        ("predictions.csv", "player.html"),
    ),
    "figure2": Writer(
        ("runs=[{run},{other}]", "class=throw", "picture={out}/figure2.svg", "logger.wandb=off", "accelerator=cpu"),
        ("figure2.svg", "figure2.html"),
    ),
    "models": Writer(("data=demo", "picture={out}/layouts.svg"), ("layouts.svg",)),
    "import_weights": Writer(
        ("data=demo", "width=0.125", "data.frames=16", "weights={weights}", "write={out}/net"),
        ("net/model.safetensors",),
        OVERWRITE,
    ),
    "export": Writer(
        ("run={run}", "format=safetensors", "write={out}/net", "clips=2", "batch_size=2"),
        ("net/model.safetensors", "net/config.json"),
        OVERWRITE,
    ),
    "shard": Writer(("to={out}/shards", "size=0.05"), ("shards/shards.json", "shards/*.tar"), OVERWRITE),
    "train": Writer((*TRAINING, "outputs={out}"), ("**/summary.json", "**/last.ckpt", "**/scores.npz"), OVERWRITE),
    "evaluate": Writer(("run={out}/run", "accelerator=cpu"), ("run/evaluation.json", "run/scores.npz")),
}


class Project:
    """A folder with a prepared store and a finished run, in which commands are run."""

    def __init__(self, place: Path, data: Path, run_command: RunCommand) -> None:
        self.folder, self.data, self.run_command = place, data, run_command
        (summary,) = (place / "outputs").rglob("summary.json")
        scores = Scores.load(summary.parent / "scores.npz")
        replace(scores, stream="bone").save(place / "bone.npz")
        clip = min((data / "raw" / "demo").glob("*.skeleton"))
        own = write_own(place / "own")
        other = shutil.copytree(summary.parent, place / "another")
        weights = place / "agcn.pt"
        saved(weights)
        self.places = {
            **{"run": summary.parent, "other": other, "bone": place / "bone.npz"},
            **{"clip": clip, "own": own, "weights": weights},
        }

    def options(self, name: str, out: Path, *, again: bool = False) -> tuple[str, ...]:
        """Return the options of a command that writes into `out`, the second time with `again`."""
        writer = WRITERS[name]
        given = (*writer.options, *(writer.again if again else ()))
        return tuple(option.format(out=out, **self.places) for option in given)

    def run(self, name: str, out: Path, *more: str, again: bool = False) -> Outcome:
        """Run a command."""
        return self.run_command(name, *self.options(name, out, again=again), *more)

    def kill(self, name: str, out: Path, number: signal.Signals, seconds: float) -> int | None:
        """Begin a command that has written before and send it a signal after so many seconds; return its exit code."""
        environment = {"STGDN_DATA": str(self.data), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        options = self.options(name, out, again=True)
        process = start(ROOT / "src" / f"{name}.py", options, self.folder, environment)
        process.join(seconds)
        if process.pid and process.is_alive():
            os.kill(process.pid, number)
        process.join(120)
        return process.exitcode


def write_own(place: Path, clips: int = 40) -> Path:
    """Write a made-up data set of this many clips."""
    names = [f"{label}_s{1 + number % 4}_r{number}" for number in range(clips // 2) for label in ("wave", "bow")]
    joints = [moving(20, 4, 3, seed=number) for number in range(len(names))]
    return folder(place, {f"{name}.npz": npz(joints=found) for name, found in zip(names, joints, strict=True)})


@pytest.fixture
def project(trained: Outcome, tmp_path: Path, tiny_data: Path, run_command: RunCommand) -> Project:
    """A project with one finished run."""
    assert trained.code == 0
    return Project(tmp_path, tiny_data, run_command)


def expect_written(name: str, out: Path) -> None:
    """Check that all files of a command are there and whole, and that no temporary file is."""
    for pattern in WRITERS[name].files:
        assert list(out.glob(pattern)), f"{name}: no {pattern}"
    expect_whole(out)
    assert not [path for path in out.rglob("*") if TEMPORARY.fullmatch(path.name)]


def expect_whole(out: Path) -> None:
    """Check that every file below a folder can be read to its end, but for temporary ones."""
    for path in finished_files(out):
        read_whole(path)


def finished_files(out: Path) -> Iterator[Path]:
    """Yield the files below a folder that do not belong to a writer that goes on or was killed."""
    for path in sorted(out.rglob("*")):
        inner = path.relative_to(out).parts
        if path.is_file() and not any(part.startswith(".") or part.endswith(".partial") for part in inner):
            yield path


def read_whole(path: Path) -> None:
    """Read a file to its end, as its kind is read."""
    if path.name == "store.json":
        store = open_prepared(path.parent)
        if isinstance(store, Store):
            store.verify()
        assert all(len(store.rows(index)) for index in range(len(store)))
    elif path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".yaml":
        yaml.safe_load(path.read_text())
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            assert all(arrays[name] is not None for name in arrays)
    elif path.suffix == ".ckpt":
        read_weights(path)
    elif path.suffix == ".safetensors":
        load_file(path)
    elif path.suffix == ".svg":
        ElementTree.fromstring(path.read_text())
    elif path.suffix in (".html", ".tex", ".csv"):
        end = {".html": "</html>", ".csv": ""}.get(path.suffix, "}")
        assert path.read_text().strip().endswith(end), path
        assert path.stat().st_size, path
