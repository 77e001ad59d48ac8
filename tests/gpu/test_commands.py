"""What users type, on a GPU: train, evaluate, predict, measure. On the CPU the same, so that these tests are tested."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import DEVICES, TINY, RunCommand

from stgdn.runs.scores import Scores, softmax

CLOSE = 2e-2  # of the largest score: on a GPU convolutions are in TF32, on a CPU in float32


def accelerator(device: str) -> str:
    """The word of configs for a device."""
    return "gpu" if device == "cuda" else "cpu"


def same_scores(found: Scores, expected: Scores, tolerance: float) -> None:
    np.testing.assert_array_equal(found.names, expected.names)
    np.testing.assert_allclose(found.scores, expected.scores, atol=tolerance * np.abs(expected.scores).max())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_train_evaluate_and_predict(run_command: RunCommand, tiny_data: Path, device: str, precision: str) -> None:
    where = accelerator(device)
    trainer = (f"trainer.accelerator={where}", "trainer.devices=1", f"trainer.precision={precision}")
    trained = run_command("train", *TINY, *trainer, "optimizer.lr=0.01")
    assert trained.code == 0, trained.err
    assert trained.err == ""
    (folder,) = (path.parent for path in Path("outputs").rglob("summary.json"))
    expected, rounding = Scores.load(folder / "scores.npz"), 1e-3 if precision == "32-true" else CLOSE
    for word, tolerance in ((where, rounding), ("cpu", CLOSE)):
        evaluated = run_command("evaluate", f"run={folder}", f"accelerator={word}")
        assert evaluated.code == 0, evaluated.err
        same_scores(Scores.load(folder / "scores.npz"), expected, tolerance)
    clips = f"clips={tiny_data}/raw/demo/*P003R001A00*"
    predicted = run_command(
        "predict", f"run={folder}", clips, f"accelerator={where}", "format=json", "player=player.html"
    )
    assert predicted.code == 0, predicted.err
    assert Path("player.html").stat().st_size > 10_000  # with what the network looks at: gradients on the device
    shares = dict(zip(expected.names.tolist(), softmax(expected.scores).max(axis=1).tolist(), strict=True))
    found = {clip["clip"]: clip["top"][0]["probability"] for clip in json.loads(predicted.out)["clips"]}
    assert found.keys() & shares.keys()
    for name in found.keys() & shares.keys():
        assert found[name] == pytest.approx(shares[name], abs=CLOSE)


@pytest.mark.parametrize("device", DEVICES)
def test_measures_networks(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.setattr("stgdn.benchmark.cost.PRODUCT", {device: 64})
    monkeypatch.setattr("stgdn.benchmark.cost.COPY", {device: 2**16})
    size = ("batch=4", "frames=8", "rounds=2", "threads=1", 'overrides="data=nw_ucla data.bodies=2 width=0.125"')
    options = (f"device={device}", *size, "precision=bf16", f"memory={device == 'cuda'}")
    measured = run_command(
        "benchmark", "what=networks", *options, "variants=[st_gdn]", "unwhitened=[]", "name=networks"
    )
    assert measured.code == 0, measured.err
    record = json.loads(Path("outputs/bench/networks.json").read_text())
    assert record["device"] == device
    for row in record["rows"].values():
        assert all(min(each["seconds"]) > 0 for each in row["measures"].values())
        assert (row["measures"]["step"]["memory"] or 0) > 0 or device == "cpu"
    sizes = ("scaling.frames=[4,8]", "scaling.batch=[1]", "scaling.joints=[10]")
    options = (f"device={device}", *size, "variants=[st_gdn]", "literal=[]", "unwhitened=[]", *sizes)
    assert run_command("benchmark", "what=scaling", *options).code == 0
