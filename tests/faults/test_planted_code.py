"""Code in a file that is read is never run: pickles, arrays of objects, YAML tags, classes by name.

More of it, for configs, is in tests/runs/test_stored_config.py.
"""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.export.conftest import make_run
from tests.faults.figures import Faults
from tests.faults.test_damage import FILES, places
from tests.faults.writers import Project, project

from stgdn.errors import InputError

__all__ = ["make_run", "places", "project"]

TRAPPED = "trapped"  # the file that planted code makes


class Trap:
    """Make a file when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path(TRAPPED),)


def arrays(save: Callable[..., None]) -> bytes:
    """Return an array file with objects in it."""
    file = io.BytesIO()
    save(file, np.array([Trap()], dtype=object))
    return file.getvalue()


def checkpoint() -> bytes:
    """Return a checkpoint with an object in it."""
    file = io.BytesIO()
    torch.save({"state_dict": Trap(), "config": {}}, file)
    return file.getvalue()


TARGET = {"_target_": "pathlib.Path.touch", "self": TRAPPED}
PLANTED: dict[str, Callable[[], bytes]] = {
    "pickle": lambda: pickle.dumps(Trap()),
    "npz": lambda: arrays(np.savez),
    "npy": lambda: arrays(np.save),
    "checkpoint": checkpoint,
    "yaml tag": lambda: f"data: !!python/object/apply:os.mkdir [{TRAPPED}]\nmodel: 1\n".encode(),
    "target": lambda: json.dumps(
        {"data": TARGET, "model": TARGET, "config": {"data": TARGET, "model": TARGET}}
    ).encode(),
    "interpolation": lambda: b"data: {store: '${oc.env:HOME}'}\nmodel: {a: '${oc.create:{}}'}\n",
}
RAW = ("clip.npz", "clip.npy", "clip.pkl", "clip.skeleton", "clip.json", "clip.csv", "clip.mat", "clip.zip", "clip.txt")


@pytest.mark.parametrize("name", FILES)
def test_in_a_stored_file(places: dict[str, Path], faults: Faults, name: str) -> None:
    where, file, read = FILES[name]
    for kind, planted in PLANTED.items():
        (places[where] / file).write_bytes(planted())
        with pytest.raises(InputError):
            read(places[where])
        faults.add("lost" if Path(TRAPPED).exists() else "found", kind)
    assert not faults.lost


@pytest.mark.parametrize("name", [*RAW, "dataset.yaml"])
def test_in_a_raw_file(project: Project, faults: Faults, name: str) -> None:
    place = project.folder / "planted"
    place.mkdir()
    for kind, planted in PLANTED.items():
        (place / name).write_bytes(planted())
        given = f"clips={place / name}" if name in RAW else f"data.source={place}"
        run = f"run={project.places['run']}"
        outcome = project.run_command(*(("predict", run) if name in RAW else ("prepare", "data=custom")), given)
        assert outcome.code == 1
        assert "Traceback" not in outcome.err, outcome.err
        assert outcome.err.count("error: ") == 1, outcome.err
        faults.add("lost" if Path(TRAPPED).exists() else "found", kind)
    assert not faults.lost
