"""Data sent to W&B, read back from the file that an offline run leaves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT, TINY

from stgdn.reports.mistakes import mistakes
from stgdn.runs.scores import Scores

pytestmark = pytest.mark.xdist_group("wandb")  # one run


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> dict:
    """Summary, config and `history` of an offline run, as `wandb leet inspect` prints them, and its `files`."""
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
    rows = [json.loads(line) for line in inspect(file)]
    history = [row["history"]["item"] for row in rows if row["type"] == "history"]
    (summary,) = inspect(file, "--summary")
    return json.loads(summary) | {"history": history, "files": file.parent / "files", "run": file.parents[2]}


def inspect(file: Path, *options: str) -> list[str]:
    """What `wandb leet inspect` prints of a record: lines of JSON, or one with `--summary`."""
    leet = Path(sys.executable).with_name("wandb")
    command = [leet, "leet", "inspect", *options, "--json", file]
    printed = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=True).stdout
    return [printed] if options else printed.splitlines()


def test_the_loss_of_every_step_is_a_curve(records: dict) -> None:
    steps = {row["_step"]: row["train/loss_step"] for row in records["history"] if "train/loss_step" in row}
    assert list(steps) == list(range(len(steps)))
    assert len(steps) == records["summary"]["clips"]["train"] // 16  # whole batches
    assert min(steps.values()) > 0


def test_confusions_and_classes_are_tables(records: dict) -> None:
    cells, classes = (read_table(records, name) for name in ("confusion_matrix_table", "classes"))
    scores = Scores.load(records["run"] / "scores.npz")
    assert [count for _, _, count in cells] == scores.confusion().flatten().tolist()
    assert [(name, clips) for name, clips, *_ in classes] == [
        (str(name), int(count)) for name, count in zip(scores.classes, scores.confusion().sum(axis=1), strict=True)
    ]
    right = sum(clips * share for _, clips, share, *_ in classes) / len(scores.names)
    assert right == pytest.approx(records["summary"]["test_top1"])


def read_table(records: dict, name: str) -> list[list]:
    return json.loads((records["files"] / records["summary"][name]["path"]).read_text())["data"]


def test_the_player_plays_the_mistakes_that_the_network_is_surest_about(records: dict) -> None:
    page = (records["files"] / records["summary"]["player"]["path"]).read_text()
    wrong = [mistake.clip for mistake in mistakes(Scores.load(records["run"] / "scores.npz"))]
    assert [name for name in wrong if f'"name":"{name}"' in page] == wrong[:3]
    assert "default-src 'none'" in page  # W&B shows it as it is


def test_tables_wait_for_their_upload_in_the_run(records: dict) -> None:
    assert any((records["run"] / "wandb" / "staged").rglob("tmp*"))


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
