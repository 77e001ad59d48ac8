"""The same sweep started twice at once: every run is trained once, and both sweeps end well."""

from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.faults.figures import FULL, Faults
from tests.faults.writers import TRAINING
from tests.training.killed import start

SEEDS = 60 if FULL else 3
LONGEST = 1500 if FULL else 200  # seconds

pytestmark = pytest.mark.xdist_group("kills")


def test_every_run_is_trained_once(tmp_path: Path, tiny_data: Path, faults: Faults) -> None:
    outputs = tmp_path / "outputs"
    joblib = ("launcher=joblib", "launcher.jobs=2") if FULL else ()
    options = ("-m", *TRAINING, *joblib, f"seed=range({SEEDS})", f"outputs={outputs}")
    environment = {"STGDN_DATA": str(tiny_data), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    places = [tmp_path / name for name in ("first", "second")]
    for place in places:
        place.mkdir()
    sweeps = [start(ROOT / "src" / "train.py", options, place, environment) for place in places]
    for sweep in sweeps:
        sweep.join(LONGEST)
    logs = [(place / "log").read_text() for place in places]
    assert [sweep.exitcode for sweep in sweeps] == [0, 0], logs
    finished = list(outputs.rglob("summary.json"))
    trained = sum(log.count("epoch 1/1") for log in logs)
    for number in range(SEEDS):
        done = [path for path in finished if f"seed{number}+" in path.parent.name]
        faults.add("harmless" if len(done) == 1 else "lost", f"seed {number}")
    assert not faults.lost
    assert trained == SEEDS, logs
    assert not list(outputs.rglob("lock.json"))
    assert not list(outputs.rglob("*.partial*"))
