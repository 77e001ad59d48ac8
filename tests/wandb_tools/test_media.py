"""Results and pictures of a finished run at W&B."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import wandb
from matplotlib.figure import Figure

from stgdn.runs.scores import Scores
from stgdn.wandb_tools.local import find_records
from stgdn.wandb_tools.media import class_table, confusion_chart, curves_figure, record_picture, sortable_summary

LABELS, PREDICTED = [0, 0, 0, 1, 1], [0, 2, 2, 1, 1]
SCORES = Scores(
    names=np.array([f"clip{number}" for number in range(5)]),
    labels=np.array(LABELS),
    scores=np.eye(4, dtype=np.float32)[PREDICTED],
    classes=np.array(["throw", "jump", "sit", "stand"]),
    stream="joint",
    split="test",
)


def test_the_confusion_chart_has_a_row_for_every_cell() -> None:
    chart = confusion_chart(SCORES)
    assert chart.spec.spec_name == "wandb/confusion_matrix/v1"
    cells = {(true, predicted): count for true, predicted, count in chart.table.data}
    assert len(cells) == 16
    found = {cell: count for cell, count in cells.items() if count}
    assert found == {("throw", "throw"): 1, ("throw", "sit"): 2, ("jump", "jump"): 2}


def test_the_confusion_chart_of_many_classes_is_whole() -> None:
    classes = np.array([f"action {number}" for number in range(120)])
    chart = confusion_chart(replace(SCORES, classes=classes, scores=np.eye(120, dtype=np.float32)[PREDICTED]))
    assert len(chart.table.data) == 120 * 120 <= wandb.Table.MAX_ROWS


def test_the_table_of_classes_says_what_each_is_mistaken_for() -> None:
    assert class_table(SCORES).data == [
        ["throw", 3, 100 / 3, "sit", 2],
        ["jump", 2, 100.0, None, 0],
        ["sit", 0, None, None, 0],
        ["stand", 0, None, None, 0],
    ]


def test_over_smoothing_becomes_one_number_a_measure() -> None:
    summary = {"test_top1": 50.0, "smoothing": {"mad": [0.4, 0.3, 0.2], "dirichlet": [0.1], "joint_rank": []}}
    assert sortable_summary(summary) == {"test_top1": 50.0, "last_layer/mad": 0.2, "last_layer/dirichlet": 0.1}


def test_a_summary_without_over_smoothing_stays_as_it_is() -> None:
    assert sortable_summary({"test_top1": 50.0}) == {"test_top1": 50.0}


def test_curves_have_a_line_for_what_was_measured() -> None:
    nan = float("nan")
    metrics = {
        "epoch": np.array([1.0, 2.0, 3.0]),
        "train/loss": np.array([3.0, 2.0, 1.0]),
        "val/loss": np.array([nan, nan, nan]),
        "train/clips_per_second": np.array([50.0, 60.0, 55.0]),
        "smoothing/mad/layer1": np.array([0.5, nan, 0.3]),
        "smoothing/mad/layer2": np.array([0.4, nan, 0.2]),
    }
    panels = {axes.get_title(): axes for axes in curves_figure(metrics).axes}
    assert list(panels) == ["loss", "top-1", "clips/s", "MAD between joints, by layer"]
    (loss,) = panels["loss"].lines
    np.testing.assert_array_equal(loss.get_ydata(), [3.0, 2.0, 1.0])
    assert not panels["top-1"].lines
    layers = panels["MAD between joints, by layer"].lines
    assert [line.get_label() for line in layers] == ["layer1", "layer2"]
    np.testing.assert_array_equal(layers[1].get_xdata(), [1.0, 3.0])
    assert list(curves_figure({key: metrics[key] for key in ("epoch", "train/loss")}).axes)[-1].get_title() == "clips/s"


def test_a_picture_of_several_runs_is_a_run_of_its_own(tmp_path: Path) -> None:
    figure = Figure(figsize=(1, 1))
    for name in ("throw-a-b", "drop-a-b"):
        record_picture(figure, tmp_path / f"{name}.png", "demo", "offline", "st-gdn")
    record_picture(figure, tmp_path / "off.png", "demo", "off", "st-gdn")
    parts = find_records(tmp_path)
    assert {part.run.name for part in parts} == {"throw-a-b", "drop-a-b"}
    for part in parts:
        (picture,) = part.folder.rglob("media/images/figure2_*.png")
        assert picture.stat().st_size > 0
