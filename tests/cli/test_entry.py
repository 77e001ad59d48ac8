"""What commands import before they work, and errors in code that is not the suite's."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from omegaconf.errors import ConfigAttributeError
from tests.conftest import ROOT, TINY, RunCommand

COMMANDS = sorted(path.stem for path in (ROOT / "src").glob("*.py"))
# Runs commands in one process, each argument a command with options; prints which modules they have imported.
RUN = """
import runpy, sys
from hydra.core.global_hydra import GlobalHydra

folder, heavy, *commands = sys.argv[1:]
for command in commands:
    name, *options = command.split()
    sys.argv = [f"{name}.py", *options]
    GlobalHydra.instance().clear()
    code = 0
    try:
        runpy.run_path(f"{folder}/{name}.py", run_name="__main__")
    except SystemExit as left:
        code = left.code
    imported = [module for module in heavy.split() if module in sys.modules]
    print(command, "->", code, *imported, file=sys.stderr)
"""
HEAVY = ("torch", "lightning", "torchmetrics", "wandb", "matplotlib", "sklearn", "scipy", "submitit")


def imports(commands: Sequence[str], heavy: Sequence[str] = HEAVY) -> dict[str, list[str]]:
    """Return the exit code and the modules of `heavy` that are imported after each command, all in one process."""
    arguments = [sys.executable, "-c", RUN, str(ROOT / "src"), " ".join(heavy), *commands]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    lines = [line.split(" -> ") for line in ended.stderr.splitlines() if " -> " in line]
    found = {command: rest.split() for command, rest in lines}
    assert list(found) == list(commands), ended.stderr
    return found


class TestImports:
    def test_help_needs_no_heavy_module(self) -> None:
        assert imports([f"{name} --help" for name in COMMANDS]) == {f"{name} --help": ["0"] for name in COMMANDS}

    def test_mistyped_options_choices_and_kinds_need_no_heavy_module(self) -> None:
        choices = [
            "train model=st_gnd",
            "train -m model=st_gdn,st_gcn data=nwucla",
            "prepare data=ntu60",
            "train epochs=ten",
        ]
        commands = [*(f"{name} nosuch=1" for name in COMMANDS), *choices]
        assert imports(commands) == {command: ["1"] for command in commands}

    @pytest.mark.usefixtures("run_command")
    def test_mistyped_values_need_pytorch_at_most(self) -> None:
        heavy = [name for name in HEAVY if name != "torch"]
        commands = [
            "train data.stream=bones",
            "train data=ntu60_xsub",
            "prepare data=ntu60_xsub data.source=nowhere",
            "shard data=ntu60_xsub to=shards",
            "describe picture=store.txt",
            "models picture=models.txt",
            "evaluate run=nowhere",
            "predict run=nowhere clips=clip format=jsn",
            "predict run=nowhere clips=clip top=0",
            "live run=nowhere input=clip format=jsn",
            "fuse runs=nowhere",
            "compare runs=[a,b] most=0",
            "figure2 runs=[a,b] class=throw picture=figure.txt",
            "report mistakes=some",
            "report tables=table9",
        ]
        assert imports(commands, heavy) == {command: ["1"] for command in commands}

    @pytest.mark.usefixtures("trained")
    def test_a_report_needs_no_network(self) -> None:
        commands = ["report", "report write=report.tex"]
        assert imports(commands) == {command: ["0"] for command in commands}
        command = "report page=report.html"
        assert imports([command], [name for name in HEAVY if name != "torch"]) == {command: ["0"]}
        assert Path("report.html").exists()

    @pytest.mark.usefixtures("trained")
    def test_a_finished_run_of_a_sweep_is_found_without_pytorch(self) -> None:
        command = f"train -m {' '.join(TINY)} seed=1"
        assert imports([command]) == {command: ["0"]}


MINE = """\
from lightning.pytorch.callbacks import Callback
from omegaconf import OmegaConf

from stgdn.data.readers.ntu import NTUReader
from stgdn.model.network import Network


class InConstructor(Network):
    def __init__(self, **options):
        super().__init__(**options)
        {}["missing"]


class Wrapped(Network):
    def __init__(self, **options):
        try:
            {}["missing"]
        except KeyError as error:
            raise RuntimeError("no table") from error


class InForward(Network):
    def forward(self, x):
        raise ValueError("clips of this kind are not supported")


class WithConfig(Network):
    def forward(self, x):
        return OmegaConf.create({"width": 3}).wdith


class Fine(Network):
    pass


class InHook(Callback):
    def on_train_start(self, trainer, pl_module):
        {}["missing"]


class BrokenReader(NTUReader):
    def read(self, file):
        raise ValueError("bad frame")
"""


@pytest.fixture
def mine(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """A user's own modules in the folder in which commands run."""
    Path("mine.py").write_text(MINE)
    Path("mine_divides.py").write_text("1 / 0\n")
    Path("mine_misspelled.py").write_text("class Network:\n    def forward(self) x\n")
    Path("mine_needs.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(Path.cwd())
    for name in ("mine", "mine_divides", "mine_misspelled", "mine_needs"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Path("mine.py").absolute()


@pytest.mark.usefixtures("mine")
class TestForeignErrors:
    @pytest.mark.parametrize(
        ("target", "shown"),
        [
            ("mine.InConstructor", ["mine.py", '{}["missing"]', "KeyError: 'missing'"]),
            ("mine.Wrapped", ["KeyError: 'missing'", "direct cause", "RuntimeError: no table"]),
            ("mine_divides.Network", ["mine_divides.py", "ZeroDivisionError: division by zero"]),
            ("mine_misspelled.Network", ["mine_misspelled.py", "SyntaxError: "]),
            ("mine_needs.Network", ["mine_needs.py", "No module named 'no_such_package'"]),
        ],
    )
    def test_a_traceback_shows_where(self, run_command: RunCommand, target: str, shown: list[str]) -> None:
        outcome = run_command("train", *TINY, f"model._target_={target}")
        assert outcome.code == 1
        assert outcome.err.startswith("Traceback")
        for text in shown:
            assert text in outcome.err
        assert "InstantiationException" not in outcome.err
        assert "HYDRA_FULL_ERROR" not in outcome.err

    def test_a_sweep_shows_where_too(self, run_command: RunCommand) -> None:
        outcome = run_command("train", "-m", *TINY, "model._target_=mine.InConstructor")
        assert outcome.code == 1
        *trace, shown, run, last = outcome.err.splitlines()
        assert trace[0].startswith("Traceback")
        assert shown == "KeyError: 'missing'"
        assert run.startswith("error: outputs/")
        assert run.endswith(": KeyError: 'missing'")
        assert last.startswith("error: not every run of the sweep has finished")

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["model._target_=mine.Fien"], "there is no mine.Fien, which the config names: Are you sure that 'Fien'"),
            (["model._target_=mien.Fine"], "there is no mien.Fine, which the config names: Are you sure that module"),
            (["model._target_=stgdn.model.netwrok.Network"], "there is no stgdn.model.netwrok.Network"),
            (["model._target_=mine.Fine", "+model.colour=red"], "unknown option of filters 'colour', allowed: "),
            (["+model.colour=red"], "unknown option of filters 'colour', allowed: "),
            (["model._target_=mine.Fine", "model.blocks.6=gdn_x"], "unknown block 'gdn_x'"),
            (["model._target_=mine"], "Expected a callable target"),
            (
                ["+optimizer.colour=red"],
                "torch.optim.SGD: got an unexpected keyword argument 'colour', which",
            ),
            (["+scheduler.colour=red"], "cosine: got an unexpected keyword argument 'colour', which the config gives"),
            (["optimizer.lr=-1"], "optimizer: Invalid learning rate: -1"),
            (["optimizer.momentum=0"], "optimizer: Nesterov momentum requires a momentum"),
            (["+loss.colour=red"], "got an unexpected keyword argument"),
        ],
    )
    def test_a_mistake_in_a_config_is_a_sentence(self, run_command: RunCommand, options: list[str], told: str) -> None:
        outcome = run_command("train", *TINY, *options)
        assert outcome.code == 1
        assert len(outcome.err.splitlines()) == 1
        assert outcome.err.startswith("error: ")
        assert told in outcome.err
        assert "HYDRA_FULL_ERROR" not in outcome.err

    def test_a_mistake_in_all_jobs_of_a_sweep_is_a_sentence_each(self, run_command: RunCommand) -> None:
        outcome = run_command("train", "-m", *TINY, "model.blocks.6=gdn_x,gdn_y")
        assert outcome.code == 1
        *jobs, last = outcome.err.splitlines()
        assert [line.partition("unknown block ")[2][:7] for line in jobs] == ["'gdn_x'", "'gdn_y'"]
        assert last.startswith("error: not every run of the sweep has finished")

    def test_an_error_while_training_is_raised(self, run_command: RunCommand) -> None:
        with pytest.raises(ValueError, match="clips of this kind are not supported"):
            run_command("train", *TINY, "model._target_=mine.InForward")

    def test_an_error_of_a_callback_is_raised(self, run_command: RunCommand) -> None:
        with pytest.raises(KeyError, match="missing"):
            run_command("train", *TINY, "+callbacks.mine._target_=mine.InHook")

    def test_a_wrong_use_of_a_config_is_raised(self, run_command: RunCommand) -> None:
        with pytest.raises(ConfigAttributeError, match="wdith"):
            run_command("train", *TINY, "model._target_=mine.WithConfig")

    def test_an_error_of_a_reader_is_raised(self, run_command: RunCommand, tiny_data: Path) -> None:
        options = ["data=ntu60_xsub", f"data.source={tiny_data}/raw/demo", "data.store=store", "workers=1"]
        with pytest.raises(ValueError, match="bad frame"):
            run_command("prepare", *options, "data.reader._target_=mine.BrokenReader")
        with pytest.raises(ValueError, match="bad frame"):
            run_command("prepare", *options[:-1], "workers=2", "data.reader._target_=mine.BrokenReader")
