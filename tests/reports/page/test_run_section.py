"""Content of the page for every run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.reports import made_up
from tests.reports.page.pages import arrays, results, run, summarise

from stgdn.errors import InputError
from stgdn.reports.page.run_section import detailed_runs, page_content, run_names
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


class TestDetailedRuns:
    """Runs that a page has pictures of, among many."""

    @pytest.fixture
    def outputs(self, tmp_path: Path) -> Path:
        for seed in range(1, 5):
            for model in ("agcn_7l", "st_gdn"):
                run(tmp_path, model=model, seed=seed)
        run(tmp_path, model="st_gdn", stream="bone")
        return tmp_path

    def test_a_number_is_shared_among_networks_and_streams(self, outputs: Path) -> None:
        detailed, others = detailed_runs(results(outputs), 5)
        assert [(run.model, run.stream, run.seed) for run in detailed] == [
            ("agcn_7l", "joint", 1),
            ("agcn_7l", "joint", 2),
            ("st_gdn", "bone", 1),
            ("st_gdn", "joint", 1),
            ("st_gdn", "joint", 2),
        ]
        assert [(run.model, run.seed) for run in others] == [(m, s) for m in ("agcn_7l", "st_gdn") for s in (3, 4)]

    @pytest.mark.parametrize("wanted", ["auto", "all", 9, 100])
    def test_few_are_all_shown(self, outputs: Path, wanted: str | int) -> None:
        assert detailed_runs(results(outputs), wanted) == (list(results(outputs)), [])

    def test_folders_and_patterns(self, outputs: Path) -> None:
        wanted = [str(outputs / "demo/*/joint/demo-seed2"), str(outputs / "demo/st_gdn/bone")]
        detailed, others = detailed_runs(results(outputs), wanted)
        assert [(run.model, run.stream, run.seed) for run in detailed] == [
            ("agcn_7l", "joint", 2),
            ("st_gdn", "joint", 2),
            ("st_gdn", "bone", 1),
        ]
        assert len(others) == 6
        with pytest.raises(InputError, match=r"page_runs=.*nowhere names no run .* or all"):
            detailed_runs(results(outputs), str(outputs / "nowhere"))

    def test_are_the_same_as_in_a_page_of_all(self, outputs: Path) -> None:
        detailed, others = detailed_runs(results(outputs), 3)
        content, _ = page_content(detailed, others=others)
        everything, _ = page_content(results(outputs))
        by_folder = {each["folder"]: each for each in everything["runs"]}
        assert content["runs"] == [by_folder[str(run.folder)] for run in detailed]
        for other in content["others"]:
            assert other.items() <= by_folder[other["folder"]].items()
        assert content["classes"] == everything["classes"]

    def test_files_of_the_others_are_not_read(self, outputs: Path) -> None:
        detailed, others = detailed_runs(results(outputs), 3)
        for run_ in others:
            (run_.folder / "scores.npz").write_bytes(b"damaged")
            (run_.folder / "config.yaml").write_bytes(b"a: [")
        assert page_content(detailed, others=others)[1] == []
        assert len(page_content(results(outputs))[1]) == 2 * len(others)

    def test_a_stored_config_is_read_once_a_run(self, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        loaded = []
        load = yaml.load
        monkeypatch.setattr(yaml, "load", lambda text, loader: [loaded.append(text), load(text, loader)][1])
        page_content(results(outputs))
        assert len(loaded) == 9

    def test_a_further_run_takes_half_a_kilobyte(self, outputs: Path) -> None:
        run(outputs, seed=9, name="a-name-of-common-length+data.crop-1.0+epochs-65+optimizer.lr-0.4+width-0.5")
        detailed, others = detailed_runs(results(outputs), 3)
        sizes = [len(json.dumps(page_content(detailed, others=others[:count])[0])) for count in (0, len(others))]
        assert (sizes[1] - sizes[0]) / len(others) < 512


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
