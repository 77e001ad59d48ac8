"""Results and pictures of a finished run at W&B."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stgdn.wandb_tools.local import find_records
from stgdn.wandb_tools.media import curves_figure, record_picture, sortable_summary


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
