"""`src/predict.py` and `src/live.py` as people run them."""

import csv
import io
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import ROOT, RunCommand
from tests.inference.conftest import MakeRun

import stgdn
from stgdn.data.store.store import Store
from stgdn.skeleton import NTU25


def last_line(err: str) -> str:
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]


@pytest.fixture
def raw(tiny_data: Path) -> Path:
    return tiny_data / "raw" / "demo"


class TestPredict:
    @pytest.mark.usefixtures("trained")
    def test_a_trained_run_predicts_what_its_test_found(self, run_command: RunCommand, raw: Path) -> None:
        (folder,) = (path.parent for path in Path("outputs").rglob("summary.json"))
        with np.load(folder / "scores.npz") as file:
            names, scores, classes = file["names"].tolist(), file["scores"], file["classes"].tolist()
        outcome = run_command("predict", f"run={folder}", f"clips={raw}", "format=json")
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        content = json.loads(outcome.out)
        found = {clip["clip"]: clip for clip in content["clips"]}
        assert len(found) == 168
        shares = torch.from_numpy(scores).softmax(dim=1).numpy()
        for name, row in zip(names, shares, strict=True):
            top = found[name]["top"]
            assert len(top) == 5
            for each in top:
                assert each["probability"] == pytest.approx(row[classes.index(each["class"])], abs=1e-4)
            assert top[0]["probability"] == pytest.approx(row.max(), abs=1e-4)
        right = [clip["is"] == clip["top"][0]["class"] for clip in content["clips"]]
        assert content["labelled"] == 168
        assert content["top1"] == pytest.approx(np.mean(right))

    def test_nw_ucla(self, run_command: RunCommand, make_run: MakeRun, shared_data: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(shared_data / "NW-UCLA.zip") as archive:
            members = [name for name in archive.namelist() if "_s01_" in name and name.endswith(".json")][::3]
            archive.extractall(tmp_path / "some", members)
        options = ("data=nw_ucla", f"data.source={tmp_path}/some", f"data.store={tmp_path}/store")
        assert run_command("prepare", *options, "workers=1").code == 0
        run = make_run(*options)
        outcome = run_command("predict", f"run={run}", f"clips={tmp_path}/some", "format=csv", "top=2")
        assert outcome.code == 0, outcome.err
        rows = {row["clip"]: row for row in csv.DictReader(io.StringIO(outcome.out))}
        store, network = Store(tmp_path / "store"), stgdn.load(run)
        assert set(rows) == set(store.clips["name"].tolist())
        expected = network.probabilities([store.joints(index) for index in range(len(store))])
        for clip, row in zip(store.clips, expected, strict=True):
            found = rows[str(clip["name"])]
            assert found["is"] == network.classes[clip["label"]]
            assert found["class_1"] == network.classes[int(row.argmax())]
            assert float(found["probability_2"]) == pytest.approx(np.sort(row)[-2], abs=1e-4)

    def test_a_table_and_a_file(self, run_command: RunCommand, run: Path, raw: Path) -> None:
        outcome = run_command("predict", f"run={run}", f"clips='{raw}/*A00[16].skeleton'", "write=more/found.csv")
        assert outcome.code == 0, outcome.err
        assert "drink water" in outcome.out
        assert "top-1" in outcome.out
        assert "(24 clips of a known class)" in outcome.out
        assert "written: more/found.csv" in outcome.err
        rows = list(csv.DictReader(io.StringIO(Path("more/found.csv").read_text())))
        assert {row["is"] for row in rows} == {"drink water", "pickup"}

    def test_streams_are_fused(self, run_command: RunCommand, make_run: MakeRun, raw: Path, tiny_store: Store) -> None:
        runs = [make_run(f"data.stream={stream}", name=stream) for stream in ("bone", "joint")]
        name = str(tiny_store.clips["name"][0])
        options = (f"run=[{runs[0]},{runs[1]}]", f"clips={raw}/{name}.skeleton", "format=json")
        outcome = run_command("predict", *options, "weights.bone=2")
        assert outcome.code == 0, outcome.err
        bone, joint = (stgdn.load(run).scores([tiny_store.joints(0)])[0].astype(np.float64) for run in runs)
        fused = np.exp((2 * bone + joint) / 3)
        best = json.loads(outcome.out)["clips"][0]["top"][0]
        assert best["probability"] == pytest.approx((fused / fused.sum()).max(), abs=1e-4)

    def test_one_broken_file_among_many(self, run_command: RunCommand, run: Path, raw: Path, tmp_path: Path) -> None:
        whole = sorted(raw.glob("*.skeleton"))[:3]
        (tmp_path / "some").mkdir()
        for path in whole:
            shutil.copy(path, tmp_path / "some")
        (tmp_path / "some" / "cut.skeleton").write_bytes(whole[0].read_bytes()[:5000])
        outcome = run_command("predict", f"run={run}", "clips=some", "format=csv")
        assert outcome.code == 1
        assert "note: left out: some/cut.skeleton: ends after" in outcome.err
        assert last_line(outcome.err) == "error: 1 of 4 clips cannot be used, they are named above"
        assert [row["clip"] for row in csv.DictReader(io.StringIO(outcome.out))] == [path.stem for path in whole]

    def test_a_file_for_clips_of_which_none_is_whole(self, run_command: RunCommand, run: Path, raw: Path) -> None:
        content = sorted(raw.glob("*.skeleton"))[0].read_bytes()
        Path("some").mkdir()
        for name in ("one", "two"):
            Path("some", f"{name}.skeleton").write_bytes(content[:5000])
        for form in ("txt", "json", "csv"):
            outcome = run_command("predict", f"run={run}", "clips=some", f"write=found.{form}")
            assert outcome.code == 1
            assert last_line(outcome.err) == "error: 2 of 2 clips cannot be used, they are named above"
            assert Path(f"found.{form}").exists()

    def test_files_beside_their_zip_are_all_read(
        self, run_command: RunCommand, run: Path, raw: Path, tmp_path: Path
    ) -> None:
        whole = sorted(raw.glob("*.skeleton"))[:5]
        (tmp_path / "some").mkdir()
        with zipfile.ZipFile(tmp_path / "some" / "packed.zip", "w") as archive:
            for path in whole:
                archive.write(path, path.name)
                shutil.copy(path, tmp_path / "some")
        outcome = run_command("predict", f"run={run}", "clips=some", "format=json")
        assert outcome.code == 0, outcome.err
        assert "5 clips have the name of another one" in outcome.err
        content = json.loads(outcome.out)
        files = {f"some/{path.name}" for path in whole} | {f"some/packed.zip:{path.name}" for path in whole}
        assert {clip["file"] for clip in content["clips"]} == files
        by_name = {path.stem: [clip for clip in content["clips"] if clip["clip"] == path.stem] for path in whole}
        assert all(first["top"] == second["top"] for first, second in by_name.values())
        assert content["unusable"] == []

    def test_two_recordings_of_one_name_are_both_read(self, run_command: RunCommand, run: Path, tmp_path: Path) -> None:
        (tmp_path / "own").mkdir()
        for seed, frames in ((0, 20), (1, 12)):
            joints = np.random.default_rng(seed).normal(0, 0.3, (frames, 25, 3))
            if seed:
                np.savez(tmp_path / "own" / "s1.npz", joints=joints)
            else:
                columns = ",".join(f"{joint}_{axis}" for joint in NTU25.joints for axis in "xyz")
                rows = joints.reshape(frames, -1)
                np.savetxt(tmp_path / "own" / "s1.csv", rows, delimiter=",", header=columns, comments="")
        outcome = run_command("predict", f"run={run}", "clips=own", "format=json")
        assert outcome.code == 0, outcome.err
        clips = json.loads(outcome.out)["clips"]
        assert {(clip["clip"], Path(clip["file"]).name) for clip in clips} == {("s1", "s1.csv"), ("s1", "s1.npz")}
        first, second = (clip["top"][0]["probability"] for clip in clips)
        assert first != second

    def test_other_joints_are_mapped_and_told(self, run_command: RunCommand, run: Path, shared_data: Path) -> None:
        outcome = run_command("predict", f"run={run}", f"clips={shared_data}/kinetics-samples", "format=json")
        assert outcome.code == 0, outcome.err
        assert "joints of openpose18 are mapped" in outcome.err
        assert len(json.loads(outcome.out)["clips"]) == 3

    def test_an_unfinished_run_is_told(self, run_command: RunCommand, make_run: MakeRun, raw: Path) -> None:
        run = make_run("epochs=7", epoch=2)
        outcome = run_command("predict", f"run={run}", f"clips={sorted(raw.glob('*.skeleton'))[0]}")
        assert outcome.code == 0
        assert "last.ckpt is of epoch 3 of 7" in outcome.err

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["run=nowhere"], "no run at nowhere"),
            (["clips=nothing"], "nothing is not there"),
            (["clips=empty"], "no clip in empty"),
            (["format=tabel"], "did you mean 'table'"),
            (["reader=kinetic"], "did you mean 'kinetics'"),
            (["layout=ntu52"], "unknown joint layout 'ntu52'"),
            (["write=found.xlsx"], "must end in .json or .csv or .txt"),
            (["top=0"], "top=0 must be a whole number from 1 up"),
            (["batch_size=1.5"], "batch_size"),
            (["weights.bone=2"], "fusing takes two streams or more"),
            (["checkpoint=best"], "unknown checkpoint 'best'"),
            (["cilps=x"], "did you mean 'clips'"),
        ],
    )
    def test_mistakes_are_one_sentence(
        self, run_command: RunCommand, run: Path, raw: Path, options: list[str], told: str
    ) -> None:
        Path("empty").mkdir()
        given = {option.split("=")[0] for option in options}
        defaults = {"run": f"run={run}", "clips": f"clips={sorted(raw.glob('*.skeleton'))[0]}"}
        outcome = run_command("predict", *(each for key, each in defaults.items() if key not in given), *options)
        assert outcome.code == 1
        assert told in last_line(outcome.err)
        assert len(outcome.err.strip().splitlines()) == 1
        assert outcome.out == ""


class TestLive:
    def test_replays_clips(self, run_command: RunCommand, run: Path, raw: Path, tiny_store: Store) -> None:
        chosen = tiny_store.clips[:3]
        clips = ",".join(f"{raw}/{name}.skeleton" for name in chosen["name"])
        outcome = run_command("live", f"run={run}", f"input=[{clips}]", "pace=fast", "every=0.4", "format=json")
        assert outcome.code == 0, outcome.err
        decisions = [json.loads(line) for line in outcome.out.splitlines()]
        frames = int(chosen["length"].sum())
        assert [each["time"] for each in decisions] == pytest.approx([0.4 * n for n in range(1, frames // 12 + 1)])
        assert {each["dropped"] for each in decisions} == {0}
        assert {each["label"] for each in decisions} <= set(tiny_store.header.classes)
        assert f"note: {frames} frames" in outcome.err
        assert f"note: {len(decisions)} decisions, latency" in outcome.err

    def test_lines_from_a_pipe(
        self, run_command: RunCommand, run: Path, tiny_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        joints = tiny_store.joints(0)[0]
        lines = [json.dumps({"bodies": [{"id": "me", "joints": pose.tolist()}]}) for pose in joints[:30]]
        content = iter(["\n".join([*lines[:20], "{", *lines[20:]]).encode(), b""])
        monkeypatch.setattr(os, "read", lambda *_: next(content))
        outcome = run_command("live", f"run={run}", "input=-", "wait=true", "format=json")
        monkeypatch.undo()
        assert outcome.code == 0, outcome.err
        assert [json.loads(line)["time"] for line in outcome.out.splitlines()] == [0.5, 1.0]
        assert "note: 1 line skipped: 1 × not JSON" in outcome.err

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ([], "say either input=FILE"),
            (["input=-", "listen=127.0.0.1:0"], "say either input=FILE"),
            (["listen=0.0.0.0:5005"], "only this machine may connect"),
            (["input=nothing"], "nothing is not there"),
            (["input=-", "fps=0"], "fps=0"),
            (["input=-", "threads=0"], "threads=0 must be a whole number from 1 up"),
            (["input=-", "pace=slow"], "unknown pace 'slow'"),
            (["input=-", "format=xml"], "unknown format 'xml'"),
        ],
    )
    def test_mistakes_are_one_sentence(self, run_command: RunCommand, run: Path, options: list[str], told: str) -> None:
        outcome = run_command("live", f"run={run}", *options)
        assert outcome.code == 1
        assert told in last_line(outcome.err)
        assert len(outcome.err.strip().splitlines()) == 1


def test_the_weights_that_come_along_know_synthetic_people(run_command: RunCommand, tiny_data: Path) -> None:
    """Subjects 3 and 6 are new to them."""
    weights = ROOT / "weights" / "demo_st_gdn"
    assert sum(file.stat().st_size for file in weights.iterdir()) < 2.5e6
    for subject in (3, 6):
        outcome = run_command("predict", f"run={weights}", f"clips={tiny_data}/raw/demo/*P00{subject}*")
        assert outcome.code == 0, outcome.err
        top1 = re.search(r"top-1 ([\d.]+)", outcome.out)
        assert top1 is not None
        assert float(top1[1]) > 80
