"""Runs read from their folders: intact ones, damaged ones among many, and recipes."""

import json
import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports.made_up import SUMMARY, run

from stgdn.errors import InputError
from stgdn.runs.naming import run_name
from stgdn.runs.recipes import find_fold, recipe_label
from stgdn.runs.result import collect_runs, read_result


def recipes(outputs: Path) -> list[str]:
    return [result.recipe for result in collect_runs(outputs).results]


class TestGather:
    def test_reads_what_a_summary_says(self, tmp_path: Path) -> None:
        folder = run(tmp_path, test_top1=91.25, test_top5=99.5, seed=3)
        (result,) = collect_runs(tmp_path).results
        assert (result.folder, result.seed, result.recipe) == (folder, 3, "demo")
        assert (result.top1, result.top5, result.clip_shape) == (91.25, 99.5, (3, 300, 25, 2))
        assert result.command == "python src/train.py model=st_gdn data.stream=joint"

    def test_one_damaged_run_of_fifty_is_named_and_the_rest_read(self, tmp_path: Path) -> None:
        folders = [run(tmp_path, seed=seed) for seed in range(50)]
        (folders[17] / "summary.json").write_text('{"data": "demo", ')
        (folders[30] / "metrics.csv").write_text("epoch,loss\n1,oops\n")
        (folders[40] / "config.yaml").write_text("a: [")
        collection = collect_runs(tmp_path)
        assert len(collection.results) == 49
        (damaged,) = collection.unusable
        assert (damaged.folder, damaged.status, damaged.model) == (folders[17], "damaged", "st_gdn")
        assert str(folders[17] / "summary.json") in damaged.reason
        assert [str(folders[number]) in note for number, note in zip((30, 40), sorted(collection.notes), strict=True)]
        assert any("metrics.csv is damaged: line 2" in note for note in collection.notes)
        assert any("config.yaml is missing or damaged" in note for note in collection.notes)

    def test_unfinished_runs_are_told(self, tmp_path: Path) -> None:
        (run(tmp_path) / "summary.json").unlink()
        collection = collect_runs(tmp_path)
        assert not collection.results
        (unusable,) = collection.unusable
        assert (unusable.data, unusable.model, unusable.stream) == ("demo", "st_gdn", "joint")
        assert unusable.status == "unfinished"
        assert "resume=true" in unusable.reason

    def test_what_wandb_wrote_is_no_run(self, tmp_path: Path) -> None:
        files = run(tmp_path) / "wandb" / "offline-run-1" / "files"
        files.mkdir(parents=True)
        (files / "config.yaml").write_text("{}")
        (files / "summary.json").write_text("{}")
        collection = collect_runs(tmp_path)
        assert (len(collection.results), len(collection.unusable)) == (1, 0)

    def test_no_such_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"no folder .*nowhere: train with"):
            collect_runs(tmp_path / "nowhere")


class TestSummary:
    @pytest.mark.parametrize(
        ("key", "value", "told"),
        [
            ("seed", True, "seed=True"),
            ("seed", "1", "seed='1'"),
            ("test_top1", None, "test_top1=None"),
            ("test_top1", 101, "not between 0 and 100"),
            ("test_top1", float("nan"), "not between 0 and 100"),
            ("test_top5", -1, "not between 0 and 100"),
            ("flops", float("inf"), "flops=inf"),
            ("command", 5, "command=5"),
            ("data", ["demo"], "data="),
        ],
    )
    def test_figures_that_cannot_be_are_refused(self, tmp_path: Path, key: str, value: object, told: str) -> None:
        (tmp_path / "summary.json").write_text(json.dumps(SUMMARY | {key: value}))
        with pytest.raises(InputError, match=rf"summary.json has .*{told}.*overwrite=true"):
            read_result(tmp_path)

    def test_a_run_that_did_not_keep_its_command_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "summary.json").write_text(json.dumps({key: SUMMARY[key] for key in SUMMARY if key != "command"}))
        assert read_result(tmp_path).command is None

    @given(content=st.binary(max_size=80) | st.sampled_from([b"[" * 100_000, b"[]", b"1e999", b"9" * 9_000]))
    @settings(max_examples=60)
    def test_any_bytes_are_told(self, tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "summary.json"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"summary.json"):
            read_result(path.parent)


class TestRecipes:
    @pytest.mark.parametrize(
        ("folder", "expected"),
        [
            ("letter-seed3", "letter"),
            ("letter-seed3+epochs-5+width-0.5", "letter+epochs-5+width-0.5"),
            ("letter-seed33", "letter in letter-seed33"),
            ("my_run", "letter in my_run"),
        ],
    )
    def test_label_is_what_a_folder_says_without_the_seed(self, folder: str, expected: str) -> None:
        assert recipe_label(folder, "letter", 3) == expected

    def test_a_name_that_was_cut_off_is_made_anew_from_the_command(self, tmp_path: Path) -> None:
        options = [f"data.rotate=[{'0,' * 90}0]", "epochs=3"]
        for seed in (1, 2):
            command = shlex.join(["python", "src/train.py", *options, f"seed={seed}"])
            run(tmp_path, name=run_name("demo", seed, options), seed=seed, command=command)
        first, second = recipes(tmp_path)
        assert first == second
        assert first.startswith("demo+data.rotate-_0+0")
        assert first.endswith("+epochs-3")
        run(tmp_path, name=run_name("demo", 3, options), seed=3, command="python 'src/train.py")
        assert len(set(recipes(tmp_path))) == 2

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ({"protocol": "sbu_fold3", "fold": 3}, ("sbu_fold", 3, "data.fold")),
            ({"protocol": "studio_fold_12"}, ("studio_fold", 12, "data.protocol")),
            ({"protocol": "subject3_out"}, ("subject_out", 3, "data.protocol")),
            ({"protocol": "camera10_out", "fold": 1}, ("camera_out", 10, "data.protocol")),
            ({"protocol": "nw_ucla_xview"}, None),
            ({"protocol": "subject_out"}, None),
            ({}, None),
        ],
    )
    def test_folds_by_the_protocol(self, data: dict[str, object], expected: tuple[str, int, str] | None) -> None:
        assert find_fold({"data": data}) == expected

    def test_folds_do_not_make_a_recipe(self, tmp_path: Path) -> None:
        for fold in (1, 2):
            name = "demo-seed1+epochs-3" if fold == 1 else "demo-seed1+data.fold-2+epochs-3"
            config = {"data": {"protocol": f"sbu_fold{fold}", "fold": fold}}
            run(tmp_path, name=name, config=config, clips={"train": 40, "test": 20})
        for subject in (1, 2):
            config = {"data": {"protocol": f"subject{subject}_out"}}
            name = f"demo-seed1+data.protocol-subject{subject}_out+epochs-3"
            run(tmp_path, name=name, config=config, clips={"train": 40, "test": 20})
        assert sorted(recipes(tmp_path)) == ["demo+epochs-3"] * 2 + ["demo+epochs-3+subject_out"] * 2

    def test_seeds_streams_and_places_do_not_make_a_recipe(self, tmp_path: Path) -> None:
        for seed, stream in ((1, "joint"), (2, "joint"), (1, "bone")):
            places = {"workers": seed, "data": {"source": f"raw{seed}"}, "trainer": {"devices": seed}}
            run(tmp_path, seed=seed, stream=stream, config=places)
        assert recipes(tmp_path) == ["demo"] * 3

    def test_settings_that_differ_under_one_name_are_told(self, tmp_path: Path) -> None:
        run(tmp_path, seed=1, config={"epochs": 16, "data": {"frames": 32}})
        run(tmp_path, seed=2, model="agcn_7l", config={"epochs": 3, "data": {"frames": 32}})
        assert recipes(tmp_path) == ["demo+epochs-3", "demo+epochs-16"]

    def test_networks_differ_without_being_other_recipes(self, tmp_path: Path) -> None:
        run(tmp_path, config={"model": {"blocks": "gdn2"}})
        run(tmp_path, model="agcn_7l", config={"model": {"blocks": "gcn"}})
        assert recipes(tmp_path) == ["demo", "demo"]
        run(tmp_path, model="agcn_7l", seed=2, config={"model": {"blocks": "gdcn"}})
        assert recipes(tmp_path) == ["demo+model.blocks-gcn", "demo+model.blocks-gdcn", "demo"]

    def test_an_older_run_has_the_value_that_an_option_stands_for(self, tmp_path: Path) -> None:
        run(tmp_path, seed=1, config={"model": {"blocks": "gcn"}})
        run(tmp_path, seed=2, config={"model": {"blocks": "gcn", "whiten": "none"}})
        assert recipes(tmp_path) == ["demo", "demo"]
        run(tmp_path, seed=3, config={"model": {"blocks": "gcn", "whiten": "node"}})
        assert recipes(tmp_path) == ["demo+model.whiten-none"] * 2 + ["demo+model.whiten-node"]

    def test_options_that_an_older_run_lacks_do_not_count(self, tmp_path: Path) -> None:
        run(tmp_path, seed=1)
        run(tmp_path, seed=2, config={"data": {"new": True}})
        assert recipes(tmp_path) == ["demo", "demo"]
