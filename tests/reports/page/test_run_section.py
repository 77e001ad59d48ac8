"""Content of the page for every run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.reports import made_up
from tests.reports.page.pages import arrays, results, run, summarise

from stgdn.reports.page.run_section import page_content, run_names
from stgdn.runs.scores import Scores


def test_everything_of_a_run_is_there(tmp_path: Path) -> None:
    folder = run(tmp_path, layers=arrays(), config={"model": {"blocks": ["gcn", "gdn2"]}})
    summarise(folder, smoothing={"mad": [0.5, 0.25]})
    content, problems = page_content(results(tmp_path))
    assert problems == []
    (found,) = content["runs"]
    assert found["curves"] == {
        "epoch": [1, 2],
        "train/loss": [2.5, 1.25],
        "train/top1": [25, 50],
        "val/top1": [None, 37.5],
    }
    assert found["smoothing"] == {"mad": [0.5, 0.25]}
    assert found["config"]["model.blocks"] == '["gcn", "gdn2"]'
    assert found["clip_shape"] == "3, 300, 25, 2"
    assert content["skeletons"][found["layers"]["skeleton"]]["joints"][1] == "neck"


def test_confusions_are_counted(tmp_path: Path) -> None:
    folder = run(tmp_path)
    content, _ = page_content(results(tmp_path))
    (found,) = content["runs"]
    scores = Scores.load(folder / "scores.npz")
    counts: dict[tuple[int, int], int] = {}
    for label, row in zip(scores.labels.tolist(), scores.scores.tolist(), strict=True):
        pair = (label, row.index(max(row)))
        counts[pair] = counts.get(pair, 0) + 1
    triples = np.reshape(found["confusion"], (-1, 3)).tolist()
    assert {(true, predicted): clips for true, predicted, clips in triples} == counts
    assert content["classes"][found["classes"]] == made_up.CLASSES.tolist()


def test_over_smoothing_of_a_summary_without_it_is_read_from_the_curves(tmp_path: Path) -> None:
    run(tmp_path)
    content, _ = page_content(results(tmp_path))
    assert content["runs"][0]["smoothing"] == {"mad": [0.75, 0.125]}


@pytest.mark.parametrize("smoothing", [{"mad": "high"}, {"mad": [0.5, None, "x", float("nan")]}, {}])
def test_over_smoothing_that_is_no_numbers_is_left_out(tmp_path: Path, smoothing: dict) -> None:
    summarise(run(tmp_path), smoothing=smoothing)
    (found,) = page_content(results(tmp_path))[0]["runs"]
    assert found["smoothing"] == ({"mad": [0.5, None, None, None]} if isinstance(smoothing.get("mad"), list) else {})


def test_what_runs_have_in_common_stands_once(tmp_path: Path) -> None:
    for model in ("st_gdn", "agcn_7l", "st_gcn"):
        run(tmp_path, model=model, layers=arrays())
    content, _ = page_content(results(tmp_path))
    assert len(content["classes"]) == len(content["skeletons"]) == 1
    assert [found["classes"] for found in content["runs"]] == [0, 0, 0]


@pytest.mark.parametrize("name", ["metrics.csv", "scores.npz", "layers.npz", "config.yaml"])
def test_a_damaged_file_is_named_and_the_rest_shown(tmp_path: Path, name: str) -> None:
    folder = run(tmp_path, layers=arrays())
    run(tmp_path, model="agcn_7l", layers=arrays())
    summarise(folder, smoothing={})
    (folder / name).write_bytes(b"[1, 2")
    content, problems = page_content(results(tmp_path))
    (problem,) = problems
    assert str(folder / name) in problem
    found = next(each for each in content["runs"] if each["folder"] == str(folder))
    parts = {
        "metrics.csv": found["curves"],
        "scores.npz": found["confusion"],
        "layers.npz": found["layers"],
        "config.yaml": found["config"],
    }
    assert [key for key, part in parts.items() if not part] == [name]


def test_a_run_without_layers_or_curves_has_no_problem(tmp_path: Path) -> None:
    (run(tmp_path) / "metrics.csv").unlink()
    content, problems = page_content(results(tmp_path))
    assert problems == []
    assert content["runs"][0]["layers"] is None
    assert content["runs"][0]["curves"] == {}


class TestNames:
    def test_say_what_differs_and_that_data_are_synthetic(self, tmp_path: Path) -> None:
        run(tmp_path)
        run(tmp_path, model="agcn_7l")
        run(tmp_path, data="nw_ucla", synthetic=False)
        assert run_names(results(tmp_path)) == [
            "demo (synthetic), agcn_7l, joint",
            "demo (synthetic), st_gdn, joint",
            "nw_ucla, st_gdn, joint",
        ]

    def test_name_recipe_and_seed_where_there_are_several(self, tmp_path: Path) -> None:
        run(tmp_path)
        run(tmp_path, recipe="letter", seed=2)
        assert run_names(results(tmp_path)) == [
            "demo (synthetic), st_gdn, joint, demo, seed 1",
            "demo (synthetic), st_gdn, joint, letter, seed 2",
        ]

    def test_end_in_the_folder_if_nothing_else_differs(self, tmp_path: Path) -> None:
        folder = run(tmp_path / "first")
        shutil.copytree(tmp_path / "first", tmp_path / "second")
        names = run_names(results(tmp_path))
        assert len(set(names)) == 2
        assert names[0] == f"demo (synthetic), st_gdn, joint, {folder}"
