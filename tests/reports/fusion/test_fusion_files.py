"""`src/fuse.py`: what it finds, what it writes and where."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import RunCommand
from tests.reports.made_up import run, scores

from stgdn.errors import InputError
from stgdn.reports.fusion.fusion_files import find_sources, fusion_folder, write_fusion
from stgdn.reports.fusion.score_fusion import fuse
from stgdn.runs.scores import Scores

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two streams of one network."""
    for stream in STREAMS[:2]:
        run(tmp_path / "outputs", stream=stream)
    return tmp_path / "outputs"


def written(outputs: Path, runs: str | list[str], weights: dict[str, float | None] | None = None) -> Path:
    sources = find_sources(runs)
    fusion = fuse(sources, weights)
    folder = fusion_folder(outputs, sources, fusion)
    write_fusion(folder, sources, fusion)
    return folder


class TestFiles:
    def test_a_pattern_finds_every_stream_and_no_fusion(self, outputs: Path) -> None:
        pattern = f"{outputs}/demo/st_gdn/*/demo-seed1"
        folder = written(outputs, pattern)
        assert folder == outputs / "demo" / "st_gdn" / "fused-joint+bone" / "demo-seed1"
        assert written(outputs, pattern) == folder
        assert sorted(path.name for path in folder.iterdir()) == ["fusion.json", "scores.npz"]

    def test_content(self, outputs: Path) -> None:
        folder = written(outputs, f"{outputs}/demo/st_gdn/*/demo-seed1")
        fused, content = Scores.load(folder / "scores.npz"), json.loads((folder / "fusion.json").read_text())
        np.testing.assert_allclose(fused.scores, scores("joint", 1).scores + scores("bone", 1).scores, rtol=1e-6)
        assert content["test_top1"] == pytest.approx(100 * fused.accuracy())
        assert content["test_top5"] == pytest.approx(100 * fused.accuracy(5))
        assert (content["parameters"], content["flops"]) == (2 * 2_170_125, 2 * 27_290_000_000)
        assert (content["stream"], content["synthetic"], content["seed"]) == ("joint+bone", True, 1)
        first, second = content["streams"]
        assert first["adds"] == pytest.approx(content["test_top1"] - second["top1"])
        assert second["adds"] == pytest.approx(content["test_top1"] - first["top1"])

    def test_weights_and_mixtures_are_in_the_name(self, outputs: Path) -> None:
        run(outputs, model="agcn_7l", stream="bone", seed=2)
        runs = [f"{outputs}/demo/st_gdn/joint/demo-seed1", f"{outputs}/demo/agcn_7l/bone/demo-seed2"]
        folder = written(outputs, runs, {"joint": 0.7, "bone": 0.3})
        place = folder.relative_to(outputs)
        assert str(place) == "demo/st_gdn+agcn_7l/fused-joint+bone/demo-seed1+demo-seed2+weights-0.7-0.3"

    def test_score_files(self, outputs: Path, tmp_path: Path) -> None:
        files = [f"{outputs}/demo/st_gdn/{stream}/demo-seed1/scores.npz" for stream in STREAMS[:2]]
        assert written(outputs, files).name == "demo-seed1"
        scores("joint").save(tmp_path / "alone.npz")
        sources = find_sources([str(tmp_path / "alone.npz"), files[1]])
        with pytest.raises(InputError, match=r"alone.npz does not belong to a run: say with folder="):
            fusion_folder(outputs, sources, fuse(sources))

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("nowhere", "no run or score file nowhere"),
            ("no*where", r"nothing is called no\*where"),
            ("outputs/demo/st_gdn", "st_gdn is no finished run"),
            ("outputs/demo/st_gdn/*/demo-seed1", "joint/demo-seed1 is no finished run: finish it"),
            ("outputs/demo/st_gdn/bone/demo-seed1/metrics.csv", "metrics.csv is not a score file of this suite"),
        ],
    )
    def test_what_is_no_finished_run(
        self, outputs: Path, given: str, told: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(outputs.parent)
        (outputs / "demo/st_gdn/joint/demo-seed1/summary.json").unlink()
        with pytest.raises(InputError, match=told):
            find_sources(given)

    def test_a_fusion_is_not_fused_again(self, outputs: Path) -> None:
        folder = written(outputs, f"{outputs}/demo/st_gdn/*/demo-seed1")
        with pytest.raises(InputError, match="is a fusion itself"):
            find_sources([str(folder)])

    @pytest.mark.parametrize(("start", "end"), [(0, None), (500, None), (-1, None), (300, 310)])
    def test_a_damaged_score_file_is_named(self, outputs: Path, start: int, end: int | None) -> None:
        path = outputs / "demo/st_gdn/bone/demo-seed1/scores.npz"
        whole = path.read_bytes()
        path.write_bytes(whole[:start] + (whole[end:] if end else b""))
        with pytest.raises(InputError, match=f"{path} is"):
            find_sources(str(path.parent))


class TestDoor:
    def test_four_streams(self, run_command: RunCommand) -> None:
        for stream in STREAMS:
            run(Path("outputs"), stream=stream)
        outcome = run_command("fuse", "runs=outputs/demo/st_gdn/*/demo-seed1")
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        (path,) = Path("outputs").rglob("fusion.json")
        content = json.loads(path.read_text())
        assert [each["weight"] for each in content["streams"]] == [0.6, 0.6, 0.4, 0.4]
        for text in ("60 test clips of synthetic people", f"{content['test_top1']:.2f}", "before the softmax", "adds"):
            assert text in outcome.out
        assert str(path.parent) in outcome.out

    def test_the_command_that_it_writes_runs(self, run_command: RunCommand) -> None:
        for stream in STREAMS[:2]:
            run(Path("outputs"), stream=stream)
        assert run_command("fuse", "runs=outputs/demo/st_gdn/*/demo-seed1", "weights.joint=2").code == 0
        (path,) = Path("outputs").rglob("fusion.json")
        before = json.loads(path.read_text())
        path.unlink()
        assert before["command"].startswith("python src/fuse.py 'runs=[")
        options = [option.strip("'") for option in before["command"].split()[2:]]
        assert run_command("fuse", *options).code == 0
        assert json.loads(path.read_text()) == before

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["runs=[a,b]"], "no run or score file a"),
            ([], "runs"),
            (["runs=outputs/*", "weights.bones=1"], "did you mean 'weights.bone'"),
        ],
    )
    def test_mistakes_get_one_sentence(self, run_command: RunCommand, options: list[str], told: str) -> None:
        outcome = run_command("fuse", *options)
        assert outcome.code == 1
        (line,) = outcome.err.splitlines()
        assert told in line

    def test_help_says_that_weights_are_not_fitted(self, run_command: RunCommand) -> None:
        assert "never fitted" in run_command("fuse", "--help").out
