"""The scripts as people run them: results where they should be, mistakes as one sentence."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import TINY, Outcome, RunCommand

from stgdn.data.batches.joint_map import JointMap
from stgdn.data.clip import Clip
from stgdn.data.store.store import Header, Store
from stgdn.data.store.writer import StoreWriter
from stgdn.runs.scores import Scores
from stgdn.skeleton import layout

FOLDER = Path("outputs/demo/st_gdn/joint/demo-seed1+batch_size-16+data.frames-16+epochs-1+width-0.125")


def sentence(err: str) -> str:
    """The one line on standard error."""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


class TestTrain:
    def test_writes_everything_and_says_what_next(self, trained: Outcome) -> None:
        assert "test top-1" in trained.out
        assert "synthetic people" in trained.out
        assert f"src/evaluate.py run={FOLDER}" in trained.out
        options = " ".join(TINY)
        assert f"src/train.py {options} data.stream=bone\n" in trained.out
        assert f"src/train.py -m {options} model=agcn_7l,st_gdn2," in trained.out
        written = {path.name for path in FOLDER.iterdir()}
        expected = {"config.yaml", "checkpoints", "metrics.csv", "scores.npz", "summary.json", "confusion.png"}
        assert expected <= written
        summary = json.loads((FOLDER / "summary.json").read_text())
        assert summary["synthetic"] is True
        assert summary["clip_shape"] == [3, 16, 25, 2]
        scores = Scores.load(FOLDER / "scores.npz")
        assert summary["test_top1"] == pytest.approx(100 * scores.accuracy())
        assert scores.stream == "joint"

    def test_prints_no_warning(self, trained: Outcome) -> None:
        assert trained.err == ""

    @pytest.mark.usefixtures("trained")
    def test_checkpoints_are_plain(self) -> None:
        checkpoint = torch.load(FOLDER / "checkpoints" / "last.ckpt", weights_only=True)
        assert checkpoint["config"]["model"]["name"] == "st_gdn"

    @pytest.mark.usefixtures("trained", "no_pictures")
    def test_a_finished_run_is_kept(self, run_command: RunCommand) -> None:
        before = (FOLDER / "summary.json").read_bytes()
        outcome = run_command("train", *TINY)
        assert outcome.code == 1
        assert "holds a finished run" in sentence(outcome.err)
        assert "overwrite=true" in outcome.err
        assert (FOLDER / "summary.json").read_bytes() == before
        assert run_command("train", *TINY, "overwrite=true").code == 0

    @pytest.mark.usefixtures("trained")
    def test_an_unfinished_run_asks_how_to_go_on(self, run_command: RunCommand) -> None:
        (FOLDER / "summary.json").unlink()
        outcome = run_command("train", *TINY)
        assert outcome.code == 1
        assert "resume=true" in sentence(outcome.err)

    @pytest.mark.usefixtures("trained")
    def test_resuming_with_other_settings_is_refused(self, run_command: RunCommand) -> None:
        (FOLDER / "summary.json").unlink()
        config = FOLDER / "config.yaml"
        config.write_text(config.read_text().replace("lr: 0.1", "lr: 0.5"))
        outcome = run_command("train", *TINY, "resume=true")
        assert outcome.code == 1
        assert "optimizer.lr was 0.5 and is 0.1" in sentence(outcome.err)

    @pytest.mark.usefixtures("no_pictures")
    def test_multirun_trains_every_model(self, run_command: RunCommand) -> None:
        outcome = run_command("train", "-m", "model=agcn_7l,st_gdn2", *TINY)
        assert outcome.code == 0, outcome.err
        models = {path.parts[2] for path in Path().rglob("summary.json")}
        assert models == {"agcn_7l", "st_gdn2"}

    @pytest.mark.usefixtures("no_pictures")
    @pytest.mark.parametrize("stream", ["bone", "joint_motion", "bone_motion"])
    def test_streams(self, run_command: RunCommand, stream: str) -> None:
        outcome = run_command("train", *TINY, f"data.stream={stream}")
        assert outcome.code == 0, outcome.err
        (path,) = Path("outputs/demo/st_gdn").glob(f"{stream}/*/scores.npz")
        assert Scores.load(path).stream == stream

    @pytest.mark.usefixtures("no_pictures")
    def test_held_out_subjects_are_reported(self, run_command: RunCommand) -> None:
        outcome = run_command("train", *TINY, "data.holdout=[2]")
        assert outcome.code == 0, outcome.err
        assert "held-out top-1" in outcome.out

    def test_says_when_it_diverges(self, run_command: RunCommand) -> None:
        outcome = run_command("train", *TINY, "optimizer.lr=1e30", "epochs=3")
        assert outcome.code == 1
        assert "diverged" in sentence(outcome.err)

    def test_help_shows_examples(self, run_command: RunCommand) -> None:
        outcome = run_command("train", "--help")
        assert outcome.code == 0
        assert "python src/train.py model=st_gdn data=ntu120_cset" in outcome.out


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["model=st_gnd"], "st_gdn"),
            (["model.blokcs=gcn"], "did you mean 'model.blocks'"),
            (["model.blocks=[gcn,gcn]"], "model.blocks has 2 entries and model.channels 7"),
            (["model.blocks.6=gdn_x"], "unknown block 'gdn_x'"),
            (["model.whitening.floor=relativ"], "did you mean 'relative'"),
            (["data.stream=bones"], "did you mean 'bone'"),
            (["data.sampling=stretch"], "unknown sampling 'stretch'"),
            (["data.crop=2"], "data.crop=2 is out of range"),
            (["data.frames=many"], "data.frames"),
            (["data=ntu60_xsub"], "python src/prepare.py data=ntu60_xsub data.source=PATH"),
            (["data.layout=kinect20"], "holds 14 classes of layout ntu25"),
            (["logger.wandb=offlin"], "did you mean 'offline'"),
            (["trainer.accelerator=gpus"], "trainer"),
            (["epochs=zwei"], "epochs"),
            (["lr=0.1"], "did you mean 'optimizer.lr'"),
            (["learning_rate=0.1"], "did you mean 'optimizer.lr'"),
            (["trainer.max_epochs=3"], "did you mean 'epochs'"),
            (["weight_decay=0"], "did you mean 'optimizer.weight_decay'"),
            (["Optimizer=adamw"], "did you mean 'optimizer'"),
            (["optimizer.LR=0.1"], "did you mean 'optimizer.lr'"),
            (["model=ST_GDN2"], "did you mean 'st_gdn2'"),
            (["+trainer.nonsense=1"], "unknown option of lightning.Trainer 'nonsense', allowed: accelerator, "),
            (["+trainer.max_epochs=1"], "trainer.max_epochs is decided elsewhere: give epochs=30"),
            (["+trainer.callbacks=[]"], "trainer.callbacks is decided elsewhere: give an entry below callbacks"),
            (["outputs=/proc/foo"], "while writing /proc/foo"),
            (["outputs=/etc/passwd"], "while writing /etc/passwd/demo"),
            (["--multirun", "--cfg", "job"], "leave out --multirun (-m)"),
            (["data.source=größe"], """must stand in quotes: type 'data.source="größe"'"""),
            (["data.source=my data (1)"], """must stand in quotes: type 'data.source="my data (1)"'"""),
            (["data.source=a#b"], """must stand in quotes: type 'data.source="a#b"'"""),
            (['data.source=a="b'], r"""must stand in quotes: type 'data.source="a=\"b"'"""),
        ],
    )
    def test_options_get_one_sentence(self, run_command: RunCommand, options: list[str], told: str) -> None:
        outcome = run_command("train", *TINY, *options)
        assert outcome.code == 1
        assert told in sentence(outcome.err)
        assert not list(Path().rglob("*.ckpt"))

    def test_missing_source_says_where_the_data_comes_from(self, run_command: RunCommand) -> None:
        outcome = run_command("prepare", "data=ntu60_xsub", "data.source=nowhere")
        assert outcome.code == 1
        assert "rose1.ntu.edu.sg" in sentence(outcome.err)

    def test_corrupted_store(self, run_command: RunCommand, tiny_data: Path) -> None:
        shutil.copytree(tiny_data, "broken")
        coordinates = Path("broken/prepared/demo/coordinates.bin")
        coordinates.write_bytes(coordinates.read_bytes()[:-100])
        outcome = run_command("train", *TINY, "data_root=broken")
        assert outcome.code == 1
        assert "damaged" in sentence(outcome.err)


class TestEvaluate:
    @pytest.mark.usefixtures("trained")
    def test_gives_what_training_gave(self, run_command: RunCommand) -> None:
        before = Scores.load(FOLDER / "scores.npz")
        outcome = run_command("evaluate", f"run={FOLDER}")
        assert outcome.code == 0, outcome.err
        after = Scores.load(FOLDER / "scores.npz")
        np.testing.assert_array_equal(after.names, before.names)
        np.testing.assert_allclose(after.scores, before.scores, rtol=1e-5, atol=1e-6)
        assert json.loads((FOLDER / "evaluation.json").read_text())["clips"] == len(after.names)

    @pytest.mark.usefixtures("trained")
    def test_no_such_run(self, run_command: RunCommand) -> None:
        outcome = run_command("evaluate", "run=outputs/demo/nothing")
        assert outcome.code == 1
        assert str(FOLDER) in sentence(outcome.err)

    @pytest.mark.usefixtures("trained", "no_pictures")
    def test_a_checkpoint_of_another_model(self, run_command: RunCommand) -> None:
        assert run_command("train", "model=agcn_7l", *TINY).code == 0
        other = Path(str(FOLDER).replace("st_gdn", "agcn_7l"))
        shutil.copy(other / "checkpoints" / "last.ckpt", FOLDER / "checkpoints" / "last.ckpt")
        outcome = run_command("evaluate", f"run={FOLDER}")
        assert outcome.code == 1
        assert "checkpoint of another network" in sentence(outcome.err)

    @pytest.mark.usefixtures("trained")
    def test_pickled_code_is_refused_and_does_not_run(self, run_command: RunCommand) -> None:
        torch.save(Trap(), FOLDER / "checkpoints" / "last.ckpt")
        outcome = run_command("evaluate", f"run={FOLDER}")
        assert outcome.code == 1
        assert "not a readable checkpoint" in sentence(outcome.err)
        assert not Path("trapped").exists()

    @pytest.mark.usefixtures("no_pictures")
    @pytest.mark.parametrize("joints", ["coco17", "kinect20"])
    def test_tries_the_network_on_other_joints(
        self, run_command: RunCommand, tmp_path: Path, tiny_store: Store, joints: str
    ) -> None:
        options = (*TINY, f"data.input_layout={joints}", "data.rotate=[0,0,0]")
        outcome = run_command("train", *options)
        assert outcome.code == 0, outcome.err
        assert f"joints of {joints} made from ntu25" in outcome.out
        run = next(Path("outputs").rglob("summary.json")).parent
        before = Scores.load(run / "scores.npz")
        mapping, skeleton = JointMap(tiny_store.layout, layout(joints)), layout(joints)
        others = Header("made_up", joints, tiny_store.header.classes, 2, "nowhere", synthetic=True)
        writer = StoreWriter(tmp_path / "others", others)
        for index, record in enumerate(tiny_store.clips):
            stored = tiny_store.joints(index)
            rows = stored.reshape(-1, *stored.shape[2:])
            made, _ = mapping(rows, tiny_store.coordinates[record["row"][:1]], np.zeros(len(rows), np.int64))
            made = made.reshape(*stored.shape[:2], skeleton.num_joints, 3)
            subject, camera, setup = (int(record[key]) for key in ("subject", "camera", "setup"))
            present = np.asarray(stored.any(axis=(2, 3)))
            writer.add(Clip(str(record["name"]), int(record["label"]), made, present, subject, camera, setup))
        writer.finish()
        outcome = run_command("evaluate", f"run={run}", f"store={tmp_path}/others", "protocol=ntu60_xsub")
        assert outcome.code == 0, outcome.err
        after = Scores.load(run / "scores-on-others.npz")
        np.testing.assert_array_equal(after.names, before.names)
        np.testing.assert_allclose(after.scores, before.scores, rtol=1e-3, atol=1e-4)
        assert json.loads((run / "evaluation-on-others.json").read_text())["synthetic"] is True

    @pytest.mark.usefixtures("trained")
    def test_unknown_checkpoint(self, run_command: RunCommand) -> None:
        outcome = run_command("evaluate", f"run={FOLDER}", "checkpoint=epoch-999")
        assert outcome.code == 1
        assert "allowed: last" in sentence(outcome.err)


class Trap:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("trapped"),)


def test_models_lists_all_ten_with_the_clip_shape(run_command: RunCommand) -> None:
    outcome = run_command("models", "data=ntu60_xsub")
    assert outcome.code == 0, outcome.err
    parameters = ("3,469,510", "3,098,832", "2,131,917", "1,403,144", "1,446,672")
    for text in (*parameters, "(3, 300, 25, 2)", "38.81", "gdcn×4 gdn2 gdn_t gdn_e"):
        assert text in outcome.out
    letter = ("st_gcn", "agcn", "agcn_7l", "st_gdn2", "st_gdn_t", "st_gdn_e", "st_gdcn", "st_gdn")
    for name in (*letter, "ctr_gcn", "st_gcn_pp"):
        assert f" {name} " in outcome.out
    assert not any(Path().iterdir())


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_prepare_where_nothing_can_be_written(
    run_command: RunCommand, tiny_data: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    make = Path.mkdir

    def refuse(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        if self.name.endswith(".partial"):
            raise OSError(number, os.strerror(number), str(self))
        make(self, mode, parents, exist_ok)

    monkeypatch.setattr(Path, "mkdir", refuse)
    outcome = run_command("prepare", "data=ntu60_xsub", f"data.source={tiny_data}/raw/demo", "data.store=sealed/store")
    assert outcome.code == 1
    assert f"{os.strerror(number)} while writing sealed/store.partial" in sentence(outcome.err)


def test_prepare_prints_what_it_found(run_command: RunCommand) -> None:
    outcome = run_command("prepare", "data=demo", "verify=true")
    assert outcome.code == 0, outcome.err
    assert "synthetic demo: 168 clips of 14 classes" in outcome.out


def test_who_reads_only_the_first_line_sees_no_traceback() -> None:
    talk = "from stgdn.cli.entry import _user_errors\nwith _user_errors():\n    for n in range(100_000): print(n)"
    command = ["bash", "-c", 'set -o pipefail; "$0" -c "$1" | head -n 1', sys.executable, talk]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("0\n", "", 141)
