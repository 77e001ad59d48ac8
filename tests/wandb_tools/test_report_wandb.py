"""Data sent to W&B, read back from the file that an offline run leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT, TINY

pytestmark = pytest.mark.xdist_group("wandb")  # one run


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> dict:
    """Summary and config of an offline run, as `wandb leet inspect` prints them."""
    folder = tmp_path_factory.mktemp("wandb")
    # Not the W&B service of this process, which tests before may have started: it writes below its own folder.
    inherited = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    environment = inherited | {"STGDN_DATA": str(tiny_data), "WANDB_API_KEY": "", "OMP_NUM_THREADS": "1"}
    options = [*(option for option in TINY if not option.startswith("logger")), "trainer.log_every_n_steps=1"]
    command = [sys.executable, str(ROOT / "src" / "train.py"), *options]
    trained = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr == ""
    (file,) = folder.rglob("*.wandb")
    leet = Path(sys.executable).with_name("wandb")
    inspected = subprocess.run(
        [leet, "leet", "inspect", "--summary", "--json", file], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(inspected.stdout)


def test_leet_opens_an_offline_run_by_name(records: dict) -> None:
    assert "st_gdn/joint/demo-seed1" in json.dumps(records)


def test_curves_of_over_smoothing_by_layer_and_throughput(records: dict) -> None:
    summary = records["summary"]
    assert {f"smoothing/mad/layer{layer}" for layer in range(1, 8)} <= summary.keys()
    assert summary["last_layer/mad"] == pytest.approx(summary["smoothing/mad/layer7"], rel=1e-4)
    assert summary["train/clips_per_second"] > 0


def test_the_dashboard_shows_what_is_there(records: dict) -> None:
    workspaces = pytest.importorskip("tests.wandb_tools.test_dashboard_panels")
    shown = workspaces.metrics(workspaces.specification(workspaces.dashboard("st-gdn")))
    missing = {name for name in shown - records["summary"].keys() if not name.startswith("val/")}
    deeper = {
        f"smoothing/{name}/layer{layer}" for name in workspaces.MEASURES for layer in range(8, workspaces.DEPTH + 1)
    }
    assert missing == {*deeper, "figure2"}  # st_gdn has seven layers; Fig. 2 is a run of its own


def test_summary_has_accuracy_cost_and_clip_shape(records: dict) -> None:
    summary = records["summary"]
    assert {"test_top1", "parameters", "flops", "clip_shape", "train/loss", "train/lr"} <= summary.keys()
    assert summary["synthetic"] is True


def test_pictures_of_confusion_adjacency_and_curves(records: dict) -> None:
    for name in ("confusion", "adjacency", "curves"):
        assert "image-file" in json.dumps(records["summary"][name])


def test_config_is_nested_and_resolved(records: dict) -> None:
    config = records["config"]
    assert config["model"]["num_classes"] == 14
    assert config["optimizer"]["lr"] == pytest.approx(0.1)
    assert config["variant"].startswith("st_gdn/joint/demo+")
