"""The command of a run: without its sweep, from its start, and making the same run."""

import json
import shlex
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from tests.conftest import TINY, RunCommand

from stgdn.runs.commands import fold_command, format_command, merge_sweeps, training_command, without_neutral


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "python src/train.py"),
        (["model=st_gdn", "seed=2"], "python src/train.py model=st_gdn seed=2"),
        (["experiment=table1", "model=agcn", "launcher=slurm", "launcher.time=60"], "python src/train.py model=agcn"),
        (["resume=true", "overwrite=true", "outputs=elsewhere", "+data.x=1"], "python src/train.py +data.x=1"),
        (["data.rotate=[0, 30, 0]"], "python src/train.py 'data.rotate=[0, 30, 0]'"),
    ],
)
def test_a_run_without_its_sweep(overrides: list[str], expected: str) -> None:
    assert format_command(overrides) == expected


def test_seeds_become_a_sweep() -> None:
    train = "python src/train.py"
    assert merge_sweeps([f"{train} model=agcn seed={seed} epochs=3" for seed in (1, 2, 3)]) == [
        f"{train} -m model=agcn seed=1,2,3 epochs=3"
    ]
    others = [
        f"{train} model=agcn seed=2",
        f"{train} model=agcn optimizer.lr=0.05 seed=3",  # another option
        f"{train} model=agcn",  # the default seed is not known here
        f"{train} model=agcn data.seed=4",
        "python src/fuse.py runs=a seed=2",
        "python src/fuse.py runs=a seed=3",
        f"{train} 'data.rotate=[0, 30, 0]'",
    ]
    assert merge_sweeps(others) == others
    assert merge_sweeps([f"{train} seed=2", *others, f"{train} seed=12"]) == [f"{train} -m seed=2,12", *others]


def test_folds_and_seeds_become_one_sweep() -> None:
    train = "python src/train.py"
    runs = [
        f"{train} data=sbu seed={seed} data.stream=bone data.fold={fold}" for seed in (1, 2) for fold in (1, 2, 3, 4, 5)
    ]
    assert merge_sweeps(runs) == [f"{train} -m data=sbu seed=1,2 data.stream=bone data.fold=1,2,3,4,5"]
    assert merge_sweeps([*runs[:3], *runs[5:]]) == [
        f"{train} -m data=sbu seed=1 data.stream=bone data.fold=1,2,3",
        f"{train} -m data=sbu seed=2 data.stream=bone data.fold=1,2,3,4,5",
    ]
    assert merge_sweeps([f"{train} data.protocol=subject{number}_out" for number in (1, 12)]) == [
        f"{train} -m data.protocol=subject1_out,subject12_out"
    ]


@pytest.mark.parametrize(
    "command", ["data=sbu seed=2", "data=sbu data.fold=4 seed=2", "data=sbu data.protocol=sbu_fold4 seed=2"]
)
def test_a_fold_is_named_whether_or_not_it_was(command: str) -> None:
    assert fold_command(f"python src/train.py {command}", 4) == "python src/train.py data=sbu seed=2 data.fold=4"


def test_what_is_of_a_machine_can_be_left_out() -> None:
    kept = "python src/train.py data=sbu epochs=65 'data.rotate=[60, 60, 0]' seed=1"
    neutral = "data_root=/somewhere/data trainer.accelerator=cpu logger=csv callbacks.over_smoothing.every=65 workers=2"
    assert without_neutral(f"{kept} {neutral}") == kept
    assert without_neutral("python 'src") == "python 'src"


def test_there_is_none_outside_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # what a command before left behind
    assert training_command() is None


def test_the_command_that_a_run_keeps_makes_the_same_run(run_command: RunCommand) -> None:
    small = ("model=agcn_7l", "model.channels=[8]", "model.strides=[1]", "trainer.limit_train_batches=0.2")
    options = (*small, "data.rotate=[0,20,0]", "callbacks.over_smoothing=null", *TINY)
    outcome = run_command("train", "-m", "resume=true", *options)
    assert outcome.code == 0, outcome.err
    (path,) = Path("outputs").rglob("summary.json")
    command = json.loads(path.read_text())["command"]
    assert command == shlex.join(["python", "src/train.py", *options])
    again = run_command("train", *shlex.split(command)[2:])
    assert f"{path.parent} holds a finished run" in again.err
    printed = OmegaConf.create(run_command("train", *shlex.split(command)[2:], "--cfg", "job").out)
    OmegaConf.update(printed, "folder", None)  # only Hydra can work it out
    made = OmegaConf.load(path.with_name("config.yaml"))
    assert len(made.data.classes) == made.data.num_classes
    made.data.classes = made.data.median_frames = None  # of the store
    made = OmegaConf.to_container(made)
    remade = OmegaConf.to_container(printed, resolve=True)
    assert remade == {**made, "folder": None, "resume": False}  # pyright: ignore[reportGeneralTypeIssues]


def test_sweeps_of_blocks_are_merged_where_asked_for() -> None:
    train = "python src/train.py"
    runs = [
        f"{train} model=ctr_gcn model.whiten={word} seed={seed}" for word in ("none", "node+frame") for seed in (1, 2)
    ]
    assert merge_sweeps(runs, ("seed", "model.whiten")) == [
        f"{train} -m model=ctr_gcn model.whiten=none,node+frame seed=1,2"
    ]
    assert merge_sweeps(runs[:3], ("seed", "model.whiten")) == [
        f"{train} -m model=ctr_gcn model.whiten=none seed=1,2",
        f"{train} model=ctr_gcn model.whiten=node+frame seed=1",
    ]
