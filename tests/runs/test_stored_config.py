"""Configs in files that came from a stranger: no command makes or calls what they name, or writes where they say."""

import contextlib
import json
import re
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch
import yaml
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch.callbacks import Callback
from omegaconf import OmegaConf
from tests.conftest import ROOT, TINY, RunCommand
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

import stgdn
from stgdn.errors import InputError
from stgdn.model.network import Network
from stgdn.runs.run import Run
from stgdn.runs.scores import Scores
from stgdn.runs.stored_config import CLASSES, MOST_BYTES, build, read_config, read_options, stored_config
from stgdn.training.loss import CrossEntropy
from stgdn.training.recognizer import Recognizer, load_recognizer

RUN = Path("outputs/demo/st_gdn/joint/demo-seed1+batch_size-16+data.frames-16+epochs-1+width-0.125")
BONES = Path(str(RUN).replace("/joint/", "/bone/"))
EXPORTED = Path("exported")
STORED = Path(__file__).parent / "stored_run"
CHECKPOINT = RUN / "checkpoints" / "last.ckpt"

Config = dict[str, Any]
Plant = Callable[[Config, Path], None]


def command(place: Path) -> Config:
    """A harmless command, as a config names it: it writes a file, and Hydra lets it."""
    return {"_target_": "numpy.savetxt", "fname": str(place), "X": [1]}


def test_the_command_works_where_it_is_made(tmp_path: Path) -> None:
    instantiate(command(tmp_path / "marker"))
    assert (tmp_path / "marker").read_text()


def reader(config: Config, outside: Path) -> None:
    config["data"] |= {"reader": command(outside / "marker"), "store": str(outside / "store")}
    config["data"] |= {"synthetic": True, "source": str(outside / "raw")}


def network(config: Config, outside: Path) -> None:
    config["model"] = command(outside / "marker") | {"name": "st_gdn"}


def function_of_the_suite(config: Config, outside: Path) -> None:
    config["model"] = {
        "_target_": "stgdn.data.synthetic.demo_set.write_demo",
        "folder": str(outside / "marker"),
        "name": "x",
    }


def block(config: Config, outside: Path) -> None:
    config["model"]["blocks"] = [*config["model"]["blocks"][:-1], command(outside / "marker")]


def nested(config: Config, outside: Path) -> None:
    config["model"]["whitening"] |= {"eps": command(outside / "marker")}


def optimisation(config: Config, outside: Path) -> None:
    config["optimisation"] = command(outside / "marker")


def elsewhere(config: Config, outside: Path) -> None:
    config["data"]["rotate"] = [0, 0, {"angle": command(outside / "marker")}]


def environment(config: Config, outside: Path) -> None:
    config["data"] |= {"store": f"{outside}/${{oc.env:SECRET}}", "synthetic": True}


def data_name(config: Config, outside: Path) -> None:
    config["data"]["name"] = f"../../{outside.name}/marker"


def model_name(config: Config, outside: Path) -> None:
    config["model"]["name"] = str(outside / "marker")


# Why each is refused; the first are refused as the config is read, the others as the network is built.
READ_BY_ALL: dict[Plant, str] = {
    optimisation: "it says _target_ in optimisation, where nothing is made by a class",
    elsewhere: "it says _target_ in data.rotate.2.angle, where nothing is made by a class",
    environment: "data.store is the interpolation ",
    data_name: "data.name='../../",
    model_name: "model.name='/",
}
BUILT_BY_ALL: dict[Plant, str] = {
    network: "'numpy.savetxt' as its network, which is none of this suite's",
    function_of_the_suite: "write_demo' as its network, which is none of this suite's",
    block: "the config of its network says _target_",
    nested: "the config of its network says _target_",
}
COMMANDS: dict[str, list[str]] = {
    "evaluate": [f"run={RUN}"],
    "figure2": [f"runs=[{RUN},again/{RUN.name}]", "class=throw", "logger.wandb=off"],
    "compare": [f"runs=[{RUN},{BONES}]", "page=compare.html"],
    "predict": [f"run=[{RUN},{BONES}]", "clips=clips"],
    "live": [f"run={RUN}/checkpoints/last.ckpt", "input=clips", "pace=fast"],
    "export": [f"run={RUN}", "format=safetensors", "clips=1"],
    "export an export": [f"run={EXPORTED}", "format=torch_export", "clips=1"],
    "train": [*TINY, "resume=true"],
}
NEED_STORE = ("evaluate", "figure2", "compare")
# Each command with two of the plants, so that each plant meets a command; OPENED meets all of them.
PLANTED = [
    (name, (*plants, reader) if name in NEED_STORE else plants)
    for name, *plants in zip(COMMANDS, cycle(READ_BY_ALL), cycle(BUILT_BY_ALL), strict=False)
]
# How commands and users get a network from files.
OPENED: dict[str, Callable[[], object]] = {
    "load a run": lambda: stgdn.load(RUN),
    "load a checkpoint": lambda: stgdn.load(CHECKPOINT),
    "load an export": lambda: stgdn.load(EXPORTED),
    "load_recognizer": lambda: load_recognizer(Run.open(RUN).config, CHECKPOINT),
    "load_from_checkpoint": lambda: Recognizer.load_from_checkpoint(CHECKPOINT),
}


def planted(config: Config, plant: Plant, outside: Path) -> Config:
    """A copy of a config with something put into it."""
    copy = json.loads(json.dumps(config))
    plant(copy, outside)
    return copy


class Stranger:
    """Runs, an export and clips below the working directory, as they come from somebody; and a folder beside it.

    Attributes:
        outside: a folder in which no command has any business.
    """

    def __init__(self, outside: Path) -> None:
        self.outside = outside
        self.configs = {path: yaml.safe_load(path.read_text()) for path in Path().rglob("config.yaml")}
        self.facts = {path: json.loads(path.read_text()) for path in Path().rglob("config.json")}
        for path in Path().rglob("summary.json"):  # a stranger can change these as well
            path.write_text(json.dumps(json.loads(path.read_text()) | {"checksums": {}}))
        self.checkpoints = {path: torch.load(path, weights_only=True) for path in Path().rglob("*.ckpt")}

    def plant(self, plant: Plant, below: Path = Path()) -> None:
        """Put something into every config that is stored below a folder."""
        for path, config in self.configs.items():
            if path.is_relative_to(below):
                path.write_text(yaml.safe_dump(planted(config, plant, self.outside)))
        for path, facts in self.facts.items():
            if path.is_relative_to(below):
                path.write_text(
                    json.dumps(facts | {"config": planted(facts["config"], plant, self.outside), "checksums": {}})
                )
        for path, content in self.checkpoints.items():
            if path.is_relative_to(below):
                torch.save(content | {"config": planted(content["config"], plant, self.outside)}, path)


@pytest.fixture(scope="module")
def first_stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `stranger`, once they are made: once, then copied."""
    return tmp_path_factory.mktemp("stranger") / "files"


@pytest.fixture
def stranger(
    trained: object, run_command: RunCommand, tiny_data: Path, tmp_path: Path, first_stranger: Path
) -> Stranger:
    """Two finished runs, one of them twice, an export and a clip."""
    del trained
    if first_stranger.exists():
        shutil.copytree(first_stranger, ".", dirs_exist_ok=True)
    else:
        outcome = run_command("export", f"run={RUN}", "format=safetensors", f"write={EXPORTED}", "clips=1")
        assert outcome.code == 0, outcome.err
        shutil.copytree(RUN, Path("again") / RUN.name)
        bones()
        Path("clips").mkdir()
        first = min((tiny_data / "raw" / "demo").glob("*.skeleton"))
        shutil.copy(first, Path("clips") / first.name)
        shutil.copytree(".", first_stranger)
    outside = tmp_path.with_name(f"{tmp_path.name}-outside")
    outside.mkdir()
    return Stranger(outside)


def bones(stream: str = "bone") -> None:
    """A copy of the run that says to be of another stream and takes the clips for others."""
    shutil.copytree(RUN, BONES)
    scores = Scores.load(BONES / "scores.npz")
    replace(scores, scores=scores.scores[::-1], stream=stream).save(BONES / "scores.npz")
    summary = json.loads((BONES / "summary.json").read_text())
    (BONES / "summary.json").write_text(json.dumps(summary | {"stream": "bone", "checksums": {}}))
    path = BONES / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    content["config"]["data"]["stream"] = "bone"
    torch.save(content, path)


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize(("name", "plants"), PLANTED, ids=COMMANDS)
def test_commands_refuse_planted_configs(
    stranger: Stranger,
    run_command: RunCommand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    plants: Sequence[Plant],
) -> None:
    monkeypatch.setenv("SECRET", "secret")
    if name == "train":
        (RUN / "summary.json").unlink()
    before = files(tmp_path)
    for plant in plants:
        stranger.plant(plant)
        outcome = run_command(name.split()[0], *COMMANDS[name])
        what = f"{plant.__name__}: {outcome.out}{outcome.err}"
        assert outcome.code == 1, what
        assert "Traceback" not in outcome.err, what
        assert outcome.err.splitlines()[-1].startswith("error: "), what
        assert "secret" not in outcome.out + outcome.err, what
        assert files(stranger.outside) == set(), what
        assert files(tmp_path) == before, what


@pytest.mark.parametrize(("plant", "reason"), (READ_BY_ALL | BUILT_BY_ALL).items())
def test_networks_of_planted_configs_are_refused(
    stranger: Stranger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Plant, reason: str
) -> None:
    monkeypatch.setenv("SECRET", "secret")
    before = files(tmp_path)
    stranger.plant(plant)
    for name, opened in OPENED.items():
        with pytest.raises(InputError, match=re.escape(reason)) as error:
            opened()
        assert "secret" not in str(error.value), name
        assert files(stranger.outside) == set(), name
        assert files(tmp_path) == before, name


def test_pages_and_fusions_of_planted_runs(stranger: Stranger, run_command: RunCommand, tmp_path: Path) -> None:
    """They show the figures that are stored; what they would have to build for is left out, with a sentence."""
    for plants in ((environment, data_name), (network, nested), (reader, reader)):
        for run, plant in zip((RUN, BONES), plants, strict=True):
            stranger.plant(plant, below=run)
        what = [plant.__name__ for plant in plants]
        outcome = run_command("report", "page=report.html", "mistakes=1")
        assert outcome.code == 0, outcome.err
        for run in (RUN, BONES):
            assert f"no mistakes of {run} are played: " in outcome.err, what
        outcome = run_command("fuse", f"runs=[{RUN},{BONES}]", "folder=fused")
        assert outcome.code == 0, outcome.err
        assert files(stranger.outside) == set(), what
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "fused" / "fusion.json").exists()


def test_a_reader_that_is_not_ours_is_not_made(stranger: Stranger, run_command: RunCommand) -> None:
    """Nor is it needed: people train on data that a reader of their own has prepared, and use the network anywhere."""
    stranger.plant(reader)
    for name in ("predict", "live", "export"):
        outcome = run_command(name, *COMMANDS[name])
        assert outcome.code == 0, outcome.err
        assert files(stranger.outside) == set()


def put(*groups: str) -> Plant:
    """Return what puts the command into these groups of a config."""

    def plant(config: Config, outside: Path) -> None:
        config |= {group: command(outside / "marker") for group in groups}

    return plant


def test_what_only_training_needs_is_not_made(stranger: Stranger, run_command: RunCommand) -> None:
    """People train by an optimizer of their own, and the network can be used anywhere; nothing of it is made there."""
    groups = ("optimizer", "loss", "scheduler", "callbacks", "logger", "trainer")
    stranger.plant(put(*groups))
    for name in ("predict", "evaluate"):
        outcome = run_command(name, *COMMANDS[name])
        assert outcome.code == 0, outcome.err
    for group in groups:
        stranger.plant(put(group))
        if group in CLASSES:
            with pytest.raises(InputError, match=f"as its {group}, which is none of this suite's"):
                Recognizer.load_from_checkpoint(CHECKPOINT)
        else:
            Recognizer.load_from_checkpoint(CHECKPOINT)
    assert files(stranger.outside) == set()


def test_data_that_are_not_there_are_not_made(
    stranger: Stranger, run_command: RunCommand, tmp_path: Path, tiny_data: Path
) -> None:
    """A run from another machine: its demo is told to be missing, prepared by a command, and found by data_root=."""

    def moved(config: Config, outside: Path) -> None:
        root = outside / "data"
        config["data_root"] = str(root)
        config["data"] |= {"source": str(root / "raw" / "demo"), "store": str(root / "prepared" / "demo")}

    stranger.plant(moved)
    outcome = run_command("evaluate", f"run={RUN}")
    assert outcome.code == 1
    assert f"data=demo is not prepared ({stranger.outside}/data/prepared/demo is missing)" in outcome.err
    assert "`python src/prepare.py data=demo`; if it is prepared elsewhere, say data_root=FOLDER" in outcome.err
    outcome = run_command("evaluate", f"run={RUN}", f"data_root={tmp_path}/new")
    assert outcome.code == 1
    assert files(stranger.outside) == set()
    assert not (tmp_path / "new").exists()
    assert run_command("evaluate", f"run={RUN}", f"data_root={tiny_data}").code == 0


@pytest.mark.parametrize("key", ["data", "model", "stream"])
def test_names_in_a_summary_are_no_paths(trained: object, run_command: RunCommand, tmp_path: Path, key: str) -> None:
    del trained
    shutil.copytree(RUN, BONES)
    for folder in (RUN, BONES):
        summary = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps(summary | {key: "../../../../made", "checksums": {}}))
    for options in (("fuse", f"runs=[{RUN},{BONES}]"), ("figure2", f"runs=[{RUN},{BONES}]", "class=throw")):
        outcome = run_command(*options)
        assert outcome.code == 1
        assert f"has {key}='../../../../made', which cannot be a file's name: it has a '/'" in outcome.err
    assert not list(tmp_path.parent.glob("made*"))


def test_a_stream_in_a_file_of_scores_is_no_path(trained: object, run_command: RunCommand, tmp_path: Path) -> None:
    del trained
    bones("/../../../../../made")
    outcome = run_command("fuse", f"runs=[{RUN},{BONES}]")
    assert outcome.code == 1
    assert "cannot be the name of a file or folder" in outcome.err
    assert not list(tmp_path.parent.glob("made*"))


@pytest.mark.parametrize("name", ["evaluate", "predict", "live", "export"])
def test_checkpoints_are_looked_for_in_their_folder(trained: object, run_command: RunCommand, name: str) -> None:
    del trained
    shutil.copy(CHECKPOINT, "stray.ckpt")
    more = {"predict": ["clips=x"], "live": ["input=x"]}.get(name, [])
    up = "/".join([".."] * (len(RUN.parts) + 1))
    outcome = run_command(name, f"run={RUN}", f"checkpoint={up}/stray", *more)
    assert outcome.code == 1
    assert "unknown checkpoint" in outcome.err


class TestReading:
    def write(self, place: Path, text: str) -> Path:
        path = place / "config.yaml"
        path.write_text(text)
        return path

    def test_plain_data_are_what_omegaconf_reads(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "a: {b: [1, 2.5e-3, x, null, true], c: 1e-4}\nd: '* not an alias'\n")
        assert read_config(path) == OmegaConf.load(path)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("a: &x [1]\nb: *x\n", "it has aliases"),
            ("a: !!python/object/apply:os.mkdir [made]\n", "could not determine a constructor"),
            ("a: !!python/object/apply:pathlib.Path [made]\n", "a is a PosixPath, and only words"),
            ("a: ${oc.env:HOME}\n", "a is the interpolation"),
            ("a: {b: ['x ${b}']}\n", "a.b.0 is the interpolation"),
            ("a: {'${b}': 1}\n", "a has a key with an interpolation"),
            ("a: '${'\n", "cannot be read"),
            ("a: {_target_: x}\n", "it says _target_ in a"),
            ("_args_: [1]\n", "it says _args_ in its first level"),
            ("a: [1\n", "cannot be read"),
            ("a: 1\na: 2\n", "duplicate key"),
            ("- 1\n", "does not hold the config of a run"),
            ("a: " + "[" * 2000, "cannot be read"),
            ("a: " + "x" * MOST_BYTES, "no config has more than 1 MB"),
            ("data: {name: a}\n", "does not hold the config of a run"),
            ("data: {name: a/b}\nmodel: {name: x}\n", "data.name='a/b' cannot be the name"),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
        monkeypatch.chdir(tmp_path)
        path = self.write(tmp_path, text)
        with pytest.raises(InputError, match=r"config\.yaml") as error:
            read_config(path, ("data", "model") if "data" in text else ())
        assert told in str(error.value)
        assert not (tmp_path / "made").exists()

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"cannot be read: .*No such file"):
            read_config(tmp_path / "none.yaml")
        (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
        with pytest.raises(InputError, match="cannot be read: "):
            read_config(tmp_path / "bytes.yaml")

    @pytest.mark.parametrize("content", [{"a": torch.zeros(2)}, {"a": b"x"}, {"a": {1, 2}}, [1], None, "text"])
    def test_what_a_checkpoint_may_hold(self, content: object) -> None:
        with pytest.raises(InputError, match=r"weights\.ckpt"):
            stored_config(content, Path("weights.ckpt"))

    @given(st.text("ab:{}[]-,&*!|>'\"\n ${}?.#1_%@\t", max_size=40))
    def test_whatever_text_is_read_or_refused(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        path = self.write(tmp_path_factory.getbasetemp(), text)
        with contextlib.suppress(InputError):
            assert "${" not in str(OmegaConf.to_container(read_config(path)))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab 0_:.e-#'*[", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=12,
)


class TestPlainOptions:
    @given(st.dictionaries(st.text("abc", min_size=1), PLAIN, max_size=4))
    def test_are_what_omegaconf_reads(self, tmp_path_factory: pytest.TempPathFactory, content: dict) -> None:
        path = tmp_path_factory.getbasetemp() / "config.yaml"
        OmegaConf.save(OmegaConf.create(content), path)
        expected = OmegaConf.to_container(OmegaConf.load(path))
        options = read_options(path)
        assert options == expected
        assert repr(options) == repr(expected)  # 1 is no 1.0, and no True

    @pytest.mark.parametrize(
        "text", ["lr: 1e-4", "day: 2024-01-31", "a: 1_0.5\nb: .5e3", "a: '1e-4'", "a: 0o17\nb: 1:30"]
    )
    def test_written_by_hand_are_read_by_the_same_rules(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "config.yaml").write_text(text)
        expected = OmegaConf.to_container(OmegaConf.load(tmp_path / "config.yaml"))
        assert repr(read_options(tmp_path / "config.yaml")) == repr(expected)

    def test_of_version_0_1_are_renamed(self) -> None:
        options = read_options(STORED / "config.yaml")
        assert "optimisation" not in options
        assert options == OmegaConf.to_container(read_config(STORED / "config.yaml"))

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("data: 5\n", "data is 5, and no group with a name"),
            ("a: {~: 1}\n", "a has the key None, which is no word or number"),
            (f"a: {'[' * 200}{']' * 200}\n", "groups within groups, more than 100"),
            ('a: "\\x24{b}"\n', "a is the interpolation"),
        ],
    )
    def test_what_only_omegaconf_refused(self, tmp_path: Path, text: str, told: str) -> None:
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(InputError, match=r"config\.yaml") as error:
            read_options(tmp_path / "config.yaml")
        assert told in str(error.value)

    @pytest.mark.parametrize("text", ["[" * 400_000, "{" * 400_000, "- " * 400_000, "? " * 400_000])
    def test_no_depth_ends_the_process(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "config.yaml").write_text(text)
        with pytest.raises(InputError, match=r"config\.yaml cannot be read"):
            read_options(tmp_path / "config.yaml")


SMALL = {"_target_": "stgdn.model.network.Network", "channels": [8], "strides": [1], "blocks": "gcn", "num_classes": 2}


class TestBuild:
    def test_a_network(self) -> None:
        made = build(SMALL | {"frames": 4}, "network")
        assert isinstance(made, Network)
        assert made.clip_shape == (3, 4, 25, 2)
        assert isinstance(build(OmegaConf.create(SMALL | {"frames": 4}), "network"), Network)

    @pytest.mark.parametrize("partial", [True, False])
    def test_an_optimizer(self, partial: bool) -> None:
        parameters = [torch.nn.Parameter(torch.zeros(2))]
        config = {"_target_": "torch.optim.SGD", "lr": 0.5}
        made = build(config | {"_partial_": True}, "optimizer")(parameters) if partial else None
        made = made or build(config, "optimizer", parameters)
        assert isinstance(made, torch.optim.SGD)
        assert made.param_groups[0]["lr"] == 0.5

    def test_a_partial_optimizer_with_options_of_another(self) -> None:
        with pytest.raises(InputError, match=r"torch\.optim\.SGD cannot be made as the config says.*betas"):
            build({"_target_": "torch.optim.SGD", "_partial_": True, "betas": [0.9, 0.9]}, "optimizer")

    def test_the_table_names_classes_only(self) -> None:
        kinds = {
            "network": nn.Module,
            "loss": CrossEntropy,
            "optimizer": torch.optim.Optimizer,
            "scheduler": LRScheduler,
        }
        kinds |= {"callback": Callback}
        assert kinds.keys() == CLASSES.keys()
        for kind, names in CLASSES.items():
            for name in names:
                module, _, attribute = name.rpartition(".")
                made = getattr(import_module(module), attribute)
                assert issubclass(made if isinstance(made, type) else get_type_hints(made)["return"], kinds[kind])

    @pytest.mark.parametrize(
        "target",
        [
            *(
                "torch.optim.SGD",
                "stgdn.model.network",
                "stgdn.model.network.Network.forward",
                "stgdn.model.network.row",
            ),
            *("stgdn.model.network.torch.load", "stgdn.model.block.Block", "stgdn.model.network.Network ", "Network"),
            *("os.mkdir", "", None, 3, ["stgdn.model.network.Network"], "stgdn.model..network.Network"),
        ],
    )
    def test_other_names(self, target: object) -> None:
        with pytest.raises(InputError, match="none of this suite's"):
            build(SMALL | {"frames": 4, "_target_": target}, "network")

    @pytest.mark.parametrize(
        "options",
        [
            *({"_partial_": True}, {"_args_": [1]}, {"_recursive_": False}, {"_convert_": "all"}),
            {"whitening": {"_target_": "os.mkdir", "path": "made"}},
            {"terms": [{"a": [{"_target_": "os.mkdir"}]}]},
            {"blocks": [{"_target_": "os.mkdir"}]},
        ],
    )
    def test_calls_within_options(self, options: Config) -> None:
        with pytest.raises(InputError, match=r"says _\w+_: no part of it may name"):
            build(SMALL | {"frames": 4} | options, "network")

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"nonsense": 1}, "unknown option of filters 'nonsense'"),
            ({"blocks": "os.mkdir"}, "unknown block 'os.mkdir'"),
            ({"blocks": ["stgdn.model.block.Block"]}, "unknown block"),
            ({"blocks": [{"a": 1}]}, "unknown block"),
            ({"frames": "x"}, "this version cannot use it"),
            ({"channels": None}, "this version cannot use it"),
        ],
    )
    def test_options_that_do_not_fit(self, options: Config, told: str) -> None:
        with pytest.raises(InputError, match=told):
            build(SMALL | {"frames": 4} | options, "network")


def test_loading_connects_to_nowhere(trained: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Class names of runs of before they were recorded come from the store, if that is on this machine."""
    del trained
    content = torch.load(CHECKPOINT, weights_only=True)
    content["config"]["data"] |= {"classes": None, "store": "http://192.0.2.1/store"}
    torch.save(content, CHECKPOINT)

    def refuse(place: object) -> None:
        raise AssertionError(f"{place} was opened")

    monkeypatch.setattr("stgdn.inference.load.open_prepared", refuse)
    assert stgdn.load(RUN).classes[:2] == ("class 0", "class 1")


def test_shell_commands_of_a_launcher_are_left_aside(stranger: Stranger, run_command: RunCommand) -> None:
    """They may hold ${NAME}; how a run was started does not matter to anybody who uses it."""

    def launched(config: Config, outside: Path) -> None:
        del outside
        config["launcher"] = {"name": "slurm", "setup": ["source ${CONDA}/bin/activate"]}

    stranger.plant(launched)
    assert run_command("evaluate", f"run={RUN}").code == 0
    assert "launcher" not in stgdn.load(RUN).config


def test_the_lowest_versions_are_those_that_are_safe_and_were_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest = dict(re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(project["dependencies"]), re.MULTILINE))
    tested = dict(re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert lowest["hydra-core"] == tested["hydra-core"]
    assert (2, 11) <= tuple(map(int, lowest["torch"].split("."))) <= tuple(map(int, tested["torch"].split(".")))
