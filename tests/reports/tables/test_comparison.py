"""The letter's tables from made-up runs: what stands beside what, and what must never stand unmarked."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.reports.made_up import run

from stgdn.errors import InputError
from stgdn.files import write_json
from stgdn.reports.fusion.fusion_files import find_sources, fusion_folder, write_fusion
from stgdn.reports.fusion.score_fusion import fuse
from stgdn.reports.tables.comparison import compare
from stgdn.reports.tables.fused_rows import COMPUTED, WRITTEN
from stgdn.reports.tables.letter import ABLATION
from stgdn.reports.tables.rows import Comparison, Row
from stgdn.runs.result import collect_runs, read_json

NTU: dict[str, Any] = {"data": "ntu60_xsub", "synthetic": False, "recipe": "letter", "epochs": 50}
Train = Callable[..., Path]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Make a finished run of the letter's network on NTU RGB+D 60, or of what is said."""

    def make(**changed: Any) -> Path:  # noqa: ANN401
        return run(tmp_path, **NTU | changed)

    return make


def table(outputs: Path, name: str, **options: Any) -> Comparison:  # noqa: ANN401
    (found,) = compare(collect_runs(outputs), name, **options)[0]
    return found


def rows(comparison: Comparison, method: str, stream: str, data: str = "ntu60_xsub") -> list[Row]:
    return [row for row in comparison.rows if (row.method, row.stream, row.data) == (method, stream, data)]


def fuse_and_write(outputs: Path, pattern: str, weights: dict[str, float | None] | None = None) -> Path:
    sources = find_sources(f"{outputs}/{pattern}")
    fusion = fuse(sources, weights)
    folder = fusion_folder(outputs, sources, fusion)
    write_fusion(folder, sources, fusion)
    return folder


class TestRows:
    def test_table1_has_every_variant_on_both_streams(self, train: Train, tmp_path: Path) -> None:
        train()
        found = table(tmp_path, "table1").rows
        assert [(row.method, row.stream) for row in found] == [(m, s) for m in ABLATION for s in ("joint", "bone")]
        assert [row.status for row in found].count("not run") == 13

    def test_a_table_of_the_letter_on_other_data(self, train: Train, tmp_path: Path) -> None:
        demo: dict[str, Any] = {"data": "demo", "synthetic": True, "recipe": "demo"}
        for model in ("agcn_7l", "st_gdn"):
            train(**demo, model=model)
        found = table(tmp_path, "table1", only={"data": "demo"})
        assert found.title == "Table I, the ablation, NTU RGB+D 60 cross-subject, on demo"
        assert [(row.method, row.stream) for row in found.rows] == [(m, s) for m in ABLATION for s in ("joint", "bone")]
        assert [row.method for row in found.rows if row.results] == ["agcn_7l", "st_gdn"]
        assert any("python src/train.py experiment=table1 data=demo" in note for note in found.notes)
        with pytest.raises(InputError, match=r"unknown only\.data 'dmeo'"):
            table(tmp_path, "table1", only={"data": "dmeo"})

    def test_ours_beside_published(self, train: Train, tmp_path: Path) -> None:
        train(test_top1=88.0, stream="joint+bone")
        (row,) = rows(table(tmp_path, "table2"), "st_gdn", "joint+bone")
        assert (row.published["top1"].value, row.published["top1"].source) == (89.7, "the letter's text")
        assert row.difference("top1") == pytest.approx(-1.7)
        assert row.same_recipe

    def test_gains_over_the_baseline(self, train: Train, tmp_path: Path) -> None:
        for model, seed, top1 in (("st_gdn", 1, 80), ("st_gdn", 2, 82), ("agcn_7l", 1, 75), ("agcn_7l", 2, 79)):
            train(model=model, seed=seed, test_top1=top1)
        comparison = table(tmp_path, "table1")
        (row,) = rows(comparison, "st_gdn", "joint")
        gain = row.spread("gain")
        assert gain is not None
        assert gain.values == (5, 3)
        assert row.published["gain"].value == 6.4
        assert rows(comparison, "agcn_7l", "joint")[0].spread("gain") is None
        assert rows(comparison, "st_gdn", "bone")[0].spread("gain") is None

    def test_gains_take_the_baseline_of_the_same_seed_and_recipe(self, train: Train, tmp_path: Path) -> None:
        train(seed=1, test_top1=80)
        train(seed=2, test_top1=90, model="agcn_7l")
        train(seed=1, test_top1=70, model="agcn_7l", name="letter-seed1+epochs-3")
        assert rows(table(tmp_path, "table1"), "st_gdn", "joint")[0].spread("gain") is None

    def test_seeds_are_averaged(self, train: Train, tmp_path: Path) -> None:
        for seed, top1 in ((3, 80.0), (1, 81.0), (2, 83.5)):
            train(seed=seed, test_top1=top1)
        (row,) = rows(table(tmp_path, "table1"), "st_gdn", "joint")
        assert [result.seed for result in row.results] == [1, 2, 3]
        top1 = row.spread("top1")
        assert top1 is not None
        assert top1.mean == pytest.approx(81.5)
        assert top1.deviation == pytest.approx(statistics.stdev([80.0, 81.0, 83.5]))
        assert len(row.commands) == 3

    def test_one_seed_has_no_deviation(self, train: Train, tmp_path: Path) -> None:
        train()
        (row,) = rows(table(tmp_path, "table1"), "st_gdn", "joint")
        top1 = row.spread("top1")
        assert top1 is not None
        assert top1.deviation is None

    def test_a_seed_that_is_there_twice_counts_once(self, train: Train, tmp_path: Path) -> None:
        first = train(test_top1=80)
        run(tmp_path / "ntu60_copy", **NTU, test_top1=10)
        comparisons, notes = compare(collect_runs(tmp_path), "table1")
        (row,) = rows(comparisons[0], "st_gdn", "joint")
        assert [result.folder for result in row.results] in (
            [first],
            [tmp_path / "ntu60_copy" / first.relative_to(tmp_path)],
        )
        assert any("is of the same recipe and seed" in note for note in notes)

    def test_top5_where_the_letter_has_it(self, train: Train, tmp_path: Path) -> None:
        train(data="kinetics", stream="joint+bone", test_top1=36.3, test_top5=59.0)
        (row,) = rows(table(tmp_path, "table4"), "st_gdn", "joint+bone", "kinetics")
        assert row.difference("top1") == pytest.approx(-1.0)
        assert row.difference("top5") == pytest.approx(-1.5)

    def test_methods_that_are_not_in_this_suite(self, train: Train, tmp_path: Path) -> None:
        train()
        comparison = table(tmp_path, "table3")
        (row,) = rows(comparison, "MS-G3D", "joint+bone", "ntu120_cset")
        assert (row.status, row.spread("top1"), row.difference("top1")) == ("published", None, None)
        assert "Of methods that are not in this suite there are published figures only." in comparison.notes


class TestStatus:
    def test_unfinished_and_damaged_runs(self, train: Train, tmp_path: Path) -> None:
        train()
        (train(model="agcn") / "summary.json").unlink()
        damaged = train(model="st_gdcn")
        (damaged / "summary.json").write_text("{")
        comparison = table(tmp_path, "table1")
        assert rows(comparison, "agcn", "joint")[0].status == "unfinished"
        assert rows(comparison, "st_gdcn", "joint")[0].status == "damaged"
        assert any(str(damaged / "summary.json") in note for note in comparison.notes)

    def test_what_is_not_run_has_its_command(self, train: Train, tmp_path: Path) -> None:
        train()
        (note,) = [note for note in table(tmp_path, "table2").notes if note.startswith("Not run")]
        assert "`python src/train.py experiment=table2` trains what is missing of st_gdn" in note

    def test_no_run_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="there is no finished run"):
            compare(collect_runs(tmp_path))


class TestRecipes:
    def test_several_recipes_are_rows_apart_and_said(self, train: Train, tmp_path: Path) -> None:
        for model in ("agcn", "st_gdn"):
            train(model=model, test_top1=80)
            train(model=model, test_top1=85, recipe="modern")
        comparison = table(tmp_path, "table1")
        ran = [(row.recipe, row.method) for row in comparison.rows if row.results]
        assert ran == [("letter", "agcn"), ("letter", "st_gdn"), ("modern", "agcn"), ("modern", "st_gdn")]
        assert "Several recipes (letter, modern): compare rows of one recipe only." in comparison.notes
        assert all(len(row.results) <= 1 for row in comparison.rows)

    def test_of_many_recipes_a_dozen_are_named(self, train: Train, tmp_path: Path) -> None:
        for number in range(14):
            train(test_top1=80, recipe=f"recipe{number:02}")
        (note,) = (note for note in table(tmp_path, "table1").notes if note.startswith("Several"))
        assert note.startswith("Several recipes (recipe00, recipe01, ")
        assert note.endswith(", recipe11, 2 more): compare rows of one recipe only.")

    @pytest.mark.parametrize(("recipe", "same"), [("letter", True), ("modern", False), ("letter+epochs-3", False)])
    def test_a_difference_to_another_recipe_is_marked(
        self, train: Train, tmp_path: Path, recipe: str, same: bool
    ) -> None:
        name, _, extra = recipe.partition("+")
        train(recipe=name, name=f"{name}-seed1" + (f"+{extra}" if extra else ""), stream="joint+bone")
        comparison = table(tmp_path, "table2")
        assert rows(comparison, "st_gdn", "joint+bone")[0].same_recipe is same
        assert any(note.startswith("†") for note in comparison.notes) is not same

    def test_baselines_were_published_by_their_authors_recipes(self, train: Train, tmp_path: Path) -> None:
        train(model="agcn")
        assert not rows(table(tmp_path, "table2"), "agcn", "joint")[0].same_recipe


class TestFusedRows:
    @pytest.fixture(autouse=True)
    def streams(self, train: Train) -> None:
        for stream in ("joint", "bone"):
            train(stream=stream)

    def test_computed_where_both_streams_are_there(self, tmp_path: Path) -> None:
        (row,) = rows(table(tmp_path, "table2"), "st_gdn", "joint+bone")
        sources = find_sources(f"{tmp_path}/ntu60_xsub/st_gdn/*/letter-seed1")
        top1 = row.spread("top1")
        assert top1 is not None
        assert top1.mean == pytest.approx(fuse(sources).scores.top1)
        assert row.origin == COMPUTED
        assert row.commands[0].startswith("python src/fuse.py")
        assert row.first is not None
        assert row.first.parameters == 2 * 2_170_125

    def test_written_ones_are_taken(self, tmp_path: Path) -> None:
        folder = fuse_and_write(tmp_path, "ntu60_xsub/st_gdn/*/letter-seed1")
        (row,) = rows(table(tmp_path, "table2"), "st_gdn", "joint+bone")
        assert row.origin == WRITTEN
        assert row.first is not None
        assert row.first.folder == folder
        assert row.first.top1 == read_json(folder / "fusion.json")["test_top1"]

    def test_a_fusion_older_than_its_runs_is_computed_again(self, tmp_path: Path) -> None:
        folder = fuse_and_write(tmp_path, "ntu60_xsub/st_gdn/*/letter-seed1")
        summary = tmp_path / "ntu60_xsub/st_gdn/bone/letter-seed1/summary.json"
        write_json(summary, read_json(summary) | {"test_top1": 99.0})
        comparisons, notes = compare(collect_runs(tmp_path), "table2")
        assert rows(comparisons[0], "st_gdn", "joint+bone")[0].origin == COMPUTED
        (note,) = notes
        assert f"{folder / 'fusion.json'} is in no table" in note
        assert "has changed since" in note

    @pytest.mark.parametrize("content", ["{", "[]", "{}", '{"streams": [5]}', '{"streams": [{"place": "\\u0000"}]}'])
    def test_a_damaged_fusion_is_named_and_computed_again(self, tmp_path: Path, content: str) -> None:
        folder = fuse_and_write(tmp_path, "ntu60_xsub/st_gdn/*/letter-seed1")
        (folder / "fusion.json").write_text(content)
        comparisons, (note,) = compare(collect_runs(tmp_path), "table2")
        assert str(folder / "fusion.json") in note
        assert rows(comparisons[0], "st_gdn", "joint+bone")[0].origin == COMPUTED

    def test_other_weights_are_another_row(self, tmp_path: Path) -> None:
        fuse_and_write(tmp_path, "ntu60_xsub/st_gdn/*/letter-seed1", {"joint": 3, "bone": 1})
        recipes = [row.recipe for row in rows(table(tmp_path, "table2"), "st_gdn", "joint+bone")]
        assert sorted(map(str, recipes)) == ["letter", "letter weighted joint 3, bone 1"]

    def test_streams_of_other_recipes_or_seeds_are_not_fused(self, train: Train, tmp_path: Path) -> None:
        train(model="agcn", stream="joint")
        train(model="agcn", stream="bone", recipe="modern")
        train(model="st_gcn", stream="joint")
        train(model="st_gcn", stream="bone", seed=2)
        comparison = table(tmp_path, "table2")
        assert [row.status for row in rows(comparison, "agcn", "joint+bone")] == ["not run"]
        assert not rows(comparison, "st_gcn", "joint+bone")

    def test_scores_that_cannot_be_fused_are_told(self, tmp_path: Path) -> None:
        (tmp_path / "ntu60_xsub/st_gdn/bone/letter-seed1/scores.npz").unlink()
        comparisons, (note,) = compare(collect_runs(tmp_path), "table2")
        assert "joint+bone of" in note
        assert rows(comparisons[0], "st_gdn", "joint+bone")[0].status == "not run"


class TestTables:
    def test_other_data_have_a_table_each(self, train: Train, tmp_path: Path) -> None:
        train()
        run(tmp_path)
        run(tmp_path, data="nw_ucla", synthetic=False, recipe="nw_ucla", model="st_gcn", test_top1=85.2)
        found = {comparison.name: comparison for comparison in compare(collect_runs(tmp_path))[0]}
        assert list(found) == ["table1", "table2", "table3", "table4", "demo", "nw_ucla"]
        assert all(row.synthetic for row in found["demo"].rows)
        assert not any(row.synthetic for name in found if name != "demo" for row in found[name].rows)
        assert rows(found["nw_ucla"], "st_gcn", "joint", "nw_ucla")[0].difference("top1") == pytest.approx(1.0)
        assert {row.method for row in found["demo"].rows} == set(ABLATION)

    def test_every_run_is_in_a_table(self, train: Train, tmp_path: Path) -> None:
        train(stream="bone_motion")
        train(model="st_gdn_e", data="kinetics")
        (other,) = compare(collect_runs(tmp_path), "other")[0]
        assert [(row.data, row.method, row.stream) for row in other.rows] == [
            ("kinetics", "st_gdn_e", "joint"),
            ("ntu60_xsub", "st_gdn", "bone_motion"),
        ]

    def test_rows_can_be_chosen(self, train: Train, tmp_path: Path) -> None:
        train()
        train(model="agcn")
        only = {"model": "agcn", "stream": "joint", "data": None, "recipe": None}
        assert [row.method for row in table(tmp_path, "table1", only=only).rows] == ["agcn"]
        both = table(tmp_path, "table1", only={"model": ["agcn", "st_gdn"]}, missing=False)
        assert [row.method for row in both.rows] == ["agcn", "st_gdn"]
        kept = compare(collect_runs(tmp_path), missing=False)[0]
        assert [(each.name, len(each.rows)) for each in kept] == [("table1", 2), ("table2", 2)]

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"tables": "tabel1"}, "unknown table 'tabel1'.*did you mean 'table1'"),
            ({"tables": ["table1", "demo"]}, "unknown table 'demo'"),
            ({"only": {"model": "st_gnd"}}, "unknown only.model 'st_gnd'.*did you mean 'st_gdn'"),
            ({"only": {"recipe": "modern"}}, "unknown only.recipe 'modern', allowed: letter"),
            ({"only": {"data": "kinetics"}, "missing": False}, "no run fits only.data=kinetics"),
        ],
    )
    def test_choices_that_are_not_there(self, train: Train, tmp_path: Path, options: dict[str, Any], told: str) -> None:
        train()
        with pytest.raises(InputError, match=told):
            compare(collect_runs(tmp_path), **options)
