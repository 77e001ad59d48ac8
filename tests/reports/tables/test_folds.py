"""Folds as one row: the accuracy over the clips of all folds, which of them were run, and one command."""

from pathlib import Path
from typing import Any

import pytest
from tests.reports.made_up import run

from stgdn.reports.tables.cells import columns, commands
from stgdn.reports.tables.comparison import compare, finished_runs
from stgdn.reports.tables.fused_rows import COMPUTED
from stgdn.reports.tables.rows import Comparison, Row
from stgdn.reports.tables.table_files import as_csv
from stgdn.runs.result import collect_runs

CLIPS = {1: 55, 2: 52, 3: 56, 4: 54, 5: 65}  # of SBU's folds
ALL = sum(CLIPS.values())


def fold_run(outputs: Path, fold: int, *, seed: int = 1, stream: str = "joint", **changed: Any) -> Path:  # noqa: ANN401
    """Write a run on a fold of SBU, as the command with or without data.fold=1 leaves it."""
    named = [] if fold == 1 else [f"data.fold={fold}"]
    name = f"nw_ucla-seed{seed}" + "".join(f"+{text.replace('=', '-')}" for text in named)
    command = " ".join(["python src/train.py data=sbu", *named, f"data.stream={stream}", f"seed={seed}"])
    config = {"data": {"protocol": f"sbu_fold{fold}", "fold": fold}}
    clips = {"train": ALL - CLIPS[fold], "test": CLIPS[fold]}
    fixed: dict[str, Any] = {"data": "sbu", "synthetic": False, "recipe": "nw_ucla"}
    values = {"name": name, "config": config, "seed": seed, "stream": stream, "command": command, "clips": clips}
    return run(outputs, **fixed | values | changed)


def table(outputs: Path) -> Comparison:
    (found,) = compare(collect_runs(outputs), "sbu", missing=False)[0]
    return found


def row(outputs: Path, stream: str = "joint") -> Row:
    (found,) = [each for each in table(outputs).rows if each.stream == stream]
    return found


def cell(outputs: Path, heading: str) -> str | None:
    (column,) = [each for each in columns(table(outputs)) if each.heading == heading]
    return column.cell(row(outputs))


class TestOneRow:
    def test_is_the_accuracy_over_all_clips(self, tmp_path: Path) -> None:
        for fold, clips in CLIPS.items():
            fold_run(
                tmp_path, fold, test_top1=100 * (clips - fold) / clips, test_top5=100.0, test_mean_class=50.0 + fold
            )
        found = row(tmp_path)
        assert [result.top1 for result in found.results] == [pytest.approx(100 * (ALL - 15) / ALL)]
        assert found.results[0].top5 == 100
        weighted = sum(clips * (50 + fold) for fold, clips in CLIPS.items()) / ALL
        assert found.results[0].mean_class == pytest.approx(weighted)
        assert found.recipe == "nw_ucla"
        assert cell(tmp_path, "seeds") == "1 (one seed; 5 folds)"
        assert len(finished_runs([table(tmp_path)])) == 5

    def test_is_averaged_over_seeds(self, tmp_path: Path) -> None:
        for seed, top1 in ((1, 90.0), (2, 92.0)):
            for fold in CLIPS:
                fold_run(tmp_path, fold, seed=seed, test_top1=top1, smoothing={"mad": [0.5, top1 / 100]})
        assert cell(tmp_path, "top-1") == "91.0 ± 1.4"
        assert cell(tmp_path, "seeds") == "1, 2 (5 folds)"
        assert row(tmp_path).results[0].smoothing["mad"] == pytest.approx((0.5, 0.9))
        (command,) = commands(row(tmp_path)).split(";")
        assert command == "`python src/train.py -m data=sbu data.stream=joint seed=1,2 data.fold=1,2,3,4,5`"
        assert "5 folds" in as_csv([table(tmp_path)])

    def test_says_which_folds_are_there(self, tmp_path: Path) -> None:
        for fold in (4, 1, 2):
            fold_run(tmp_path, fold)
        assert cell(tmp_path, "seeds") == "1 (one seed; folds 1, 2, 4 of 5)"
        fold_run(tmp_path, 3, seed=2)
        assert cell(tmp_path, "seeds") == "1 (folds 1, 2, 4 of 5), 2 (folds 3 of 5)"

    def test_a_fold_that_is_there_twice_counts_once(self, tmp_path: Path) -> None:
        fold_run(tmp_path, 1, test_top1=80)
        fold_run(tmp_path / "copy", 1, test_top1=10)
        comparisons, notes = compare(collect_runs(tmp_path), "sbu", missing=False)
        assert len(comparisons[0].rows) == 1
        assert any("is of the same recipe, seed and fold" in note for note in notes)

    def test_gains_are_over_the_same_folds(self, tmp_path: Path) -> None:
        for fold in (1, 2):
            fold_run(tmp_path, fold, test_top1=90)
        fold_run(tmp_path, 1, model="agcn_7l", test_top1=80)
        ours = next(each for each in table(tmp_path).rows if each.method == "st_gdn")
        assert ours.spread("gain") is None
        fold_run(tmp_path, 2, model="agcn_7l", test_top1=80)
        gain = next(each for each in table(tmp_path).rows if each.method == "st_gdn").spread("gain")
        assert gain is not None
        assert gain.values == pytest.approx((10,))

    def test_without_the_number_of_clips_a_fold_is_a_row_of_its_own(self, tmp_path: Path) -> None:
        for fold in (1, 2):
            fold_run(tmp_path, fold, clips=None)
        assert [each.recipe for each in table(tmp_path).rows] == ["nw_ucla", "nw_ucla+data.fold-2"]


def test_fused_by_fold_then_averaged(tmp_path: Path) -> None:
    for fold in (1, 2):
        for stream in ("joint", "bone"):
            fold_run(tmp_path, fold, stream=stream)
    fused = row(tmp_path, "joint+bone")
    assert fused.origin == COMPUTED
    assert fused.results[0].folds == (1, 2)
    assert len(fused.commands) == 2
    assert all(command.startswith("python src/fuse.py") for command in fused.commands)


def test_one_subject_left_out(tmp_path: Path) -> None:
    for subject, test in ((1, 20), (2, 30)):
        name = f"letter-seed1+data.protocol-subject{subject}_out"
        config = {"data": {"protocol": f"subject{subject}_out"}}
        command = f"python src/train.py data=utd_mhad data.protocol=subject{subject}_out seed=1"
        clips = {"train": 100 - test, "test": test}
        fixed: dict[str, Any] = {"data": "sbu", "synthetic": False, "recipe": "letter", "config": config}
        run(tmp_path, **fixed, name=name, clips=clips, command=command, test_top1=100.0 * (subject - 1))
    found = row(tmp_path)
    assert found.recipe == "letter+subject_out"
    assert found.results[0].top1 == pytest.approx(60)
    assert cell(tmp_path, "seeds") == "1 (one seed; subjects 1, 2, 50% of the clips)"
    assert commands(found) == ("`python src/train.py -m data=utd_mhad data.protocol=subject1_out,subject2_out seed=1`")
    assert found.published == {}
