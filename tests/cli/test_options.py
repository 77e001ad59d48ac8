"""Config folders of a user's own, beside `conf/`: in runs, sweeps and sentences about mistakes."""

from pathlib import Path

import pytest
from tests.conftest import TINY, RunCommand

from stgdn.runs.stored_config import read_config

MODEL = """\
defaults: [shared/seven_layers@_here_, _self_]
name: mine
blocks: gcn
"""
DATA = """\
# @package _global_
defaults: [demo, _self_]
data: {name: my_demo, crop_at: 0.5}
"""
EXPERIMENT = """\
# @package _global_
defaults: [{override /model: mine}, {override /data: my_demo}]
seed: 7
"""


@pytest.fixture
def folder(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """A package `my_configs` in the folder in which commands run, with a model, data and an experiment."""
    for name, content in {"model/mine": MODEL, "data/my_demo": DATA, "experiment/my_table": EXPERIMENT}.items():
        path = Path("my_configs") / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    Path("my_configs/__init__.py").touch()
    monkeypatch.syspath_prepend(Path.cwd())
    return Path("my_configs").absolute()


@pytest.mark.parametrize("scheme", ["file", "pkg"])
def test_a_run_of_an_own_experiment(run_command: RunCommand, folder: Path, scheme: str) -> None:
    place = f"file://{folder}" if scheme == "file" else "pkg://my_configs"
    outcome = run_command("train", f"hydra.searchpath=[{place}]", "experiment=my_table", *TINY)
    assert outcome.code == 0, outcome.err
    (summary,) = Path("outputs/my_demo/mine/joint").rglob("summary.json")
    config = read_config(summary.parent / "config.yaml")
    assert (config.seed, config.model.name, config.model.blocks) == (7, "mine", "gcn")


def test_a_sweep_over_an_own_model(run_command: RunCommand, folder: Path) -> None:
    options = ["-m", f"hydra.searchpath=[file://{folder}]", "model=mine,agcn_7l", *TINY]
    outcome = run_command("train", *options)
    assert outcome.code == 0, outcome.err
    assert {path.parts[2] for path in Path().rglob("summary.json")} == {"mine", "agcn_7l"}


@pytest.mark.parametrize("command", ["prepare", "describe", "models"])
def test_other_commands(run_command: RunCommand, folder: Path, command: str) -> None:
    outcome = run_command(command, f"hydra.searchpath=[file://{folder}]", "data=my_demo")
    assert outcome.code == 0, outcome.err
    if command == "models":
        assert " mine " in outcome.out


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["model=mien"], "did you mean 'mine'?"),
        (["data=my_demo", "data.crop_ta=0.3"], "did you mean 'data.crop_at'?"),
        (["data=my_demo", "data.crop_at=half"], "data.crop_at=half is not a number"),
        (["model=mine,agcn", "data=my_demo", "data.crop_ta=0.3", "-m"], "did you mean 'data.crop_at'?"),
    ],
)
@pytest.mark.parametrize("flag", [False, True])
def test_mistakes_in_options_of_own_configs(
    run_command: RunCommand, folder: Path, options: list[str], expected: str, flag: bool
) -> None:
    place = ["--config-dir", str(folder)] if flag else [f"hydra.searchpath=[file://{folder}]"]
    outcome = run_command("train", *place, *options)
    assert outcome.code == 1
    assert expected in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("+foo=1", "unknown option 'foo' ("),
        ("++foo=1", "unknown option 'foo' ("),
        ("+epoch=3", "unknown option 'epoch'; did you mean 'epochs'?"),
        ("+data.foo=1", "unknown option 'data.foo'"),
        ("+data.frame=64", "unknown option 'data.frame'; did you mean 'data.frames'?"),
        ("+data.reader.action=[1]", "unknown option 'data.reader.action'; did you mean 'data.reader.actions'?"),
        ("+lr=0.1", "unknown option 'lr'; did you mean 'optimizer.lr'?"),
    ],
)
@pytest.mark.parametrize("sweep", [False, True])
def test_an_added_option_that_nothing_reads(run_command: RunCommand, option: str, expected: str, sweep: bool) -> None:
    outcome = run_command("train", *TINY, option, *(["-m"] if sweep else []))
    assert outcome.code == 1
    assert expected in outcome.err
    assert "Traceback" not in outcome.err
    assert not list(Path().rglob("config.yaml"))


def test_added_options_that_something_reads(run_command: RunCommand, folder: Path) -> None:
    added = ["+trainer.gradient_clip_val=1", "++epochs=1", "+optimizer.maximize=false", "++data.crop_at=0.25"]
    outcome = run_command("train", f"hydra.searchpath=[file://{folder}]", "data=my_demo", *TINY, *added)
    assert outcome.code == 0, outcome.err
    assert "unknown option 'trainer.a'" in run_command("report", "+trainer.a=1").err


def test_a_choice_that_is_a_sweep_does_not_hide_a_mistake(run_command: RunCommand) -> None:
    outcome = run_command("train", "model=glob(st*)", "model.blokcs=gcn", "-m")
    assert outcome.err.startswith("error: unknown option 'model.blokcs'; did you mean 'model.blocks'?")


def test_a_group_that_only_the_user_has(run_command: RunCommand, folder: Path) -> None:
    path = folder / "augment" / "strong.yaml"
    path.parent.mkdir()
    path.write_text("share: 0.5\n")
    given = [f"hydra.searchpath=[file://{folder}]", "+augment=strong"]
    outcome = run_command("report", *given, "augment.share=much")
    assert "augment.share=much is not a number" in outcome.err
    assert "no folder outputs" in run_command("report", *given, "augment.share=0.7").err
