"""`src/compare.py`, and pictures by `src/predict.py`, as people run them."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.conftest import Outcome, RunCommand
from tests.reports import made_up

from stgdn.runs.scores import Scores


def data_of(page: Path) -> dict[str, Any]:
    """Return the data that a page draws."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def sentence(outcome: Outcome) -> str:
    """The one line that a mistake is told in."""
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    return outcome.err.strip().splitlines()[-1]


@pytest.fixture
def raw(tiny_data: Path) -> list[Path]:
    return sorted((tiny_data / "raw" / "demo").glob("*.skeleton"))


class TestPredict:
    def test_a_page(self, run_command: RunCommand, run: Path, raw: list[Path]) -> None:
        clips = ",".join(map(str, raw[:3]))
        outcome = run_command(
            "predict", f"run={run}", f"clips=[{clips}]", "player=more/p.html", "player_clips=2", "format=json"
        )
        assert outcome.code == 0, outcome.err
        assert "note: written: more/p.html, the first 2 clips (player_clips=N for more)" in outcome.err
        content = data_of(Path("more/p.html"))
        assert [clip["name"] for clip in content["clips"]] == [path.stem for path in raw[:2]]
        assert all(clip["synthetic"] for clip in content["clips"])
        for clip, told in zip(content["clips"], json.loads(outcome.out)["clips"], strict=False):
            (reading,) = clip["readings"]
            names = [content["classes"][clip["classes"]][number] for number in reading["shown"]]
            assert names[:5] == [each["class"] for each in told["top"]]
            last = [course[-1] for course in reading["course"]][:5]
            assert last == pytest.approx([each["probability"] for each in told["top"]], abs=6e-4)
            assert content["classes"][clip["classes"]][clip["label"]] == told["is"]

    def test_true_is_a_page_of_that_name(self, run_command: RunCommand, run: Path, raw: list[Path]) -> None:
        outcome = run_command("predict", f"run={run}", f"clips={raw[0]}", "player=true")
        assert outcome.code == 0, outcome.err
        assert [clip["name"] for clip in data_of(Path("player.html"))["clips"]] == [raw[0].stem]

    def test_a_sheet_of_flat_clips(self, run_command: RunCommand, run: Path, shared_data: Path) -> None:
        clip = next((shared_data / "kinetics-samples").rglob("*.json"))
        outcome = run_command("predict", f"run={run}", f"clips={clip}", "player=sheet.png")
        assert outcome.code == 0, outcome.err
        with Image.open("sheet.png") as picture:
            assert picture.width > 1000

    @pytest.mark.parametrize(
        ("option", "told"),
        [
            ("player=a.htm", "did you mean '.html'?"),
            ("player=words.txt/a.html", "words.txt is not a folder"),
            ("player_clips=0", "player_clips=0 must be a whole number from 1 up"),
        ],
    )
    def test_mistakes(self, run_command: RunCommand, run: Path, raw: list[Path], option: str, told: str) -> None:
        Path("words.txt").touch()
        outcome = run_command("predict", f"run={run}", f"clips={raw[0]}", option)
        assert told in sentence(outcome)
        assert outcome.out == ""


def altered(folder: Path, change: Callable[[Scores], Scores]) -> None:
    """Give a run other scores."""
    change(Scores.load(folder / "scores.npz")).save(folder / "scores.npz")


def rolled(scores: Scores, clips: int = 4) -> Scores:
    """The same, but the first clips are taken for the next class."""
    values = scores.scores.copy()
    values[:clips] = np.roll(values[:clips], 1, axis=1)
    return replace(scores, scores=values)


class TestCompare:
    @pytest.fixture
    def two(self, trained: Outcome) -> tuple[Path, Path]:  # noqa: ARG002
        """A run, and the same one with other scores for four clips."""
        (first,) = (path.parent for path in Path("outputs").rglob("summary.json"))
        second = first.with_name("demo-seed2")
        shutil.copytree(first, second)
        altered(second, rolled)
        return first, second

    def test_a_table_and_a_page(self, run_command: RunCommand, two: tuple[Path, Path]) -> None:
        names = set(Scores.load(two[0] / "scores.npz").names[:4].tolist())
        outcome = run_command("compare", f"runs=[{two[0]},{two[1]}]", "most=3", "page=compare.html")
        assert outcome.code == 0, outcome.err
        assert "The runs disagree on 4 of" in outcome.out
        assert "and 1 more" in outcome.out
        assert "3 of these clips are no longer taken for what scores.npz says" in outcome.err  # they were altered
        content = data_of(Path("compare.html"))
        assert len(content["clips"]) == 3
        for clip in content["clips"]:
            assert clip["name"] in names
            first, second = (reading["network"] for reading in clip["readings"])
            assert first.startswith("A: st_gdn, recipe demo+batch_size-16+")  # they are told apart by what differs
            assert second == "B: st_gdn, recipe demo in demo-seed2, joint"
            assert clip["label"] is not None
            assert clip["synthetic"]

    def test_runs_that_agree(self, run_command: RunCommand, two: tuple[Path, Path]) -> None:
        shutil.copy(two[0] / "scores.npz", two[1])
        outcome = run_command("compare", f"runs=[{two[0]},{two[1]}]", "page=compare.html")
        assert outcome.code == 0, outcome.err
        assert "The runs agree on all" in outcome.out
        assert "note: no page" in outcome.err
        assert not Path("compare.html").exists()

    def test_files_of_scores_have_a_table(self, run_command: RunCommand) -> None:
        for number in (1, 2):
            made_up.scores(seed=number).save(Path(f"{number}.npz"))
        outcome = run_command("compare", "runs=[1.npz,2.npz]")
        assert outcome.code == 0, outcome.err
        assert "of 60 clips" in outcome.out
        assert "give the runs' folders" in sentence(run_command("compare", "runs=[1.npz,2.npz]", "page=a.html"))

    def test_mistakes(self, run_command: RunCommand) -> None:
        runs = [made_up.run(Path("outputs")), made_up.run(Path("outputs"), seed=2), made_up.run(Path("more"), seed=3)]
        names = np.asarray([f"other{number}" for number in range(60)])
        made_up.scores(names=names).save(runs[2] / "scores.npz")
        both = f"runs=[{runs[0]},{runs[1]}]"
        assert "are of different clips" in sentence(run_command("compare", f"runs=[{runs[0]},{runs[2]}]"))
        assert "takes two runs, and runs= gives 1" in sentence(run_command("compare", f"runs={runs[0]}"))
        assert "must end in .html" in sentence(run_command("compare", both, "page=a.gif"))
        assert "most=0 must be a whole number" in sentence(run_command("compare", both, "most=0"))
        assert "did you mean 'most'" in sentence(run_command("compare", both, "mots=3"))
        (runs[1] / "scores.npz").unlink()
        assert "scores.npz is not a score file" in sentence(run_command("compare", both))
        assert "no run or score file nowhere" in sentence(run_command("compare", f"runs=[{runs[0]},nowhere]"))

    def test_a_store_that_has_changed(self, run_command: RunCommand, two: tuple[Path, Path]) -> None:
        def renamed(scores: Scores) -> Scores:
            return replace(scores, names=np.asarray([f"x{name}" for name in scores.names]))

        for folder in two:
            altered(folder, renamed)
        outcome = run_command("compare", f"runs=[{two[0]},{two[1]}]", "page=a.html")
        assert "has no clip xS" in sentence(outcome)
