"""Networks that are not the suite's: with the arguments and habits of published code, from a config to an export."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import stgdn
from stgdn.errors import InputError
from tests.conftest import TINY, RunCommand

# As published networks are written: a graph by its dotted name, a Parameter handed to a submodule, a lambda.
PUBLISHED = """
import numpy as np
import torch
from torch import nn


def import_class(name):
    components = name.split(".")
    found = __import__(components[0])
    for component in components[1:]:
        found = getattr(found, component)
    return found


class Graph:
    def __init__(self, labeling_mode="spatial"):
        assert labeling_mode == "spatial"
        self.A = np.stack([np.eye(25), np.eye(25)[::-1]])


class Unit(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels)
        self.residual = lambda x: 0

    def forward(self, x, A):
        return torch.relu(self.bn(self.conv(x @ A)) + self.residual(x))


class Model(nn.Module):
    def __init__(self, num_class=60, num_point=25, num_person=2, graph=None, graph_args=dict(), in_channels=3):
        super().__init__()
        if graph is None:
            raise ValueError()
        A = import_class(graph)(**graph_args).A.astype(np.float32)
        self.PA, self.fixed = nn.Parameter(torch.from_numpy(A)), torch.from_numpy(A)
        self.data_bn = nn.BatchNorm1d(num_person * in_channels * num_point)
        self.l1, self.fc = Unit(in_channels, 8), nn.Linear(8, num_class)

    def forward(self, x):
        N, C, T, V, M = x.size()
        x = x.permute(0, 4, 3, 1, 2).contiguous().view(N, M * V * C, T)
        x = self.data_bn(x).view(N, M, V, C, T).permute(0, 1, 3, 4, 2).contiguous().view(N * M, C, T, V)
        self.last = self.l1(x, (self.PA + self.graph(x)).sum(0))
        return self.fc(self.last.view(N, M, 8, -1).mean(3).mean(1))

    def graph(self, x):
        return self.fixed.to(x.device)


class Positional(Model):
    def __init__(self, num_class, num_point, num_person, graph, graph_args, /):
        super().__init__(num_class, num_point, num_person, graph, graph_args)


class Cuda(Model):
    def graph(self, x):
        return self.fixed.cuda(x.get_device())


class Pair(Model):
    def forward(self, x):
        return super().forward(x), x


class Named(Model):
    def __init__(self, name, **options):
        super().__init__(**options)
        self.called = name


def make_word(num_class, **options):
    return "a word"
"""
ARGUMENTS = (
    "num_class: ${data.num_classes}\nnum_point: ${num_joints:${data.input_layout}}\nnum_person: ${data.bodies}\n"
)
GRAPH = "graph: published.net.Graph\ngraph_args: {labeling_mode: spatial}\n"
CONFIGS = {
    "plain": f"_target_: published.net.Model\n{ARGUMENTS}{GRAPH}",
    "positional": "_target_: published.net.Positional\n"
    "_args_: ['${data.num_classes}', 25, 2, published.net.Graph, {labeling_mode: spatial}]\n",
    "cuda": f"_target_: published.net.Cuda\n{ARGUMENTS}{GRAPH}",
    "pair": f"_target_: published.net.Pair\n{ARGUMENTS}{GRAPH}",
    "renamed": f"name: another\n_target_: published.net.Model\n{ARGUMENTS}{GRAPH}",
    "named": f"_target_: published.net.Named\n{ARGUMENTS}{GRAPH}",
    "word": f"_target_: published.net.make_word\n{ARGUMENTS}",
    "interpolated": "_target_: published.net.Model\nnum_class: ${data.num_clases}\n",
    "no_graph": f"_target_: published.net.Model\n{ARGUMENTS}",
}
EXPERIMENTS = {
    "mistyped": "# @package _global_\nepoch: 3\n",
    "misnamed": "# @package _global_\ndefaults: [{override /optimiser: adamw}]\n",
}
OWN = ("--config-dir", "mine")
pytestmark = pytest.mark.usefixtures("project", "no_pictures")


@pytest.fixture
def project(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001
    """A package `published` and configs in `mine/model`, in the current folder; imports of it are forgotten."""
    for folder in ("published", "mine/model", "mine/experiment"):
        Path(folder).mkdir(parents=True)
    Path("published/__init__.py").touch()
    Path("published/net.py").write_text(PUBLISHED)
    for name, text in CONFIGS.items():
        Path(f"mine/model/{name}.yaml").write_text(text)
    for name, text in EXPERIMENTS.items():
        Path(f"mine/experiment/{name}.yaml").write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "published"]:
        del sys.modules[name]


def finished(model: str) -> Path:
    """The folder of the one finished run of a network."""
    (summary,) = Path("outputs/demo", model).rglob("summary.json")
    return summary.parent


def test_a_run_from_its_config_to_an_export(run_command: RunCommand, tiny_data: Path) -> None:
    outcome = run_command("train", *OWN, "model=plain", *TINY)
    assert outcome.code == 0, outcome.err
    assert "left out over-smoothing by layer, graphs and folding" in outcome.out
    run = finished("plain")
    assert f"src/evaluate.py run={run} trust=[published]" in outcome.out
    assert not (run / "layers.npz").exists()
    shutil.move("published", "elsewhere")
    for name in [name for name in sys.modules if name.startswith("published")]:
        del sys.modules[name]
    clip = next((tiny_data / "raw" / "demo").glob("*.skeleton"))
    commands = {"evaluate": [], "predict": [f"clips={clip}"], "export": ["format=torch_export", "clips=2"]}
    for name, options in commands.items():
        told = run_command(name, f"run={run}", *options)
        assert told.code == 1
        assert "'published.net.Model' as its network, which is none of this suite's" in told.err
        assert "say trust=published" in told.err
        told = run_command(name, f"run={run}", "trust=published", *options)  # it is not there
        assert "there is no published.net.Model, which the config names" in told.err
    shutil.move("elsewhere", "published")
    for name, options in commands.items():
        told = run_command(name, f"run={run}", "trust=published", *options)
        assert told.code == 0, told.err
    told = run_command("export", f"run={run}", "trust=published", "format=safetensors", "write=weights", "clips=2")
    assert told.code == 0, told.err
    one, other = (stgdn.load(place, trust=["published"]) for place in (run, "weights"))
    clips = torch.randn(2, *one.clip_shape)
    torch.testing.assert_close(one.network(clips), other.network(clips))
    told = run_command("export", f"run={run}", "trust=published", "format=safetensors", "write=more", "folded=true")
    assert "plain is none of this suite's own networks and cannot be folded" in told.err
    with pytest.raises(InputError, match="none of this suite's"):
        stgdn.load("weights")


def test_a_published_file_of_onnx(run_command: RunCommand) -> None:
    pytest.importorskip("onnxruntime")
    assert run_command("train", *OWN, "model=plain", *TINY).code == 0
    told = run_command("export", f"run={finished('plain')}", "trust=published", "clips=2")
    assert told.code == 0, told.err


@pytest.mark.parametrize(
    ("model", "called"), [("positional", "positional"), ("renamed", "another"), ("named", "named")]
)
def test_other_ways_of_making_it(run_command: RunCommand, model: str, called: str) -> None:
    outcome = run_command("train", *OWN, f"model={model}", *TINY, "compile=false", "callbacks=ema")
    assert outcome.code == 0, outcome.err
    network = stgdn.load(finished(called), trust="published").network
    assert getattr(network, "called", called) == called


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["model=cuda"], r"cuda computes on a CPU here, and .*net.py:\d+ takes a GPU .*write .to\(x.device\) there"),
        (["model=pair"], r"pair gives tuple for 2 clips where \(N, classes\) = \(2, 14\) is needed"),
        (["model=plain", "model.num_class=7"], r"plain gives \(2, 7\) for 2 clips where .* num_class: "),
        (["model=plain", "model.num_point=20"], r"plain fails on clips .* = \(2, 3, 16, 25, 2\): .*net.py:\d+\)"),
        (["model=word"], "model._target_=published.net.make_word makes a str: name a class of torch.nn.Module"),
        (["model=plian"], "unknown model 'plian', allowed: .*did you mean 'plain'"),
        (["model=plain", "model.num_clas=3"], "unknown option 'model.num_clas'; did you mean 'model.num_class'"),
        (["model=plain", "+model.width=3"], "unexpected keyword argument 'width'"),
        (["model=plain", "model._target_=published.net.Modle"], "there is no published.net.Modle, .*current folder"),
        (["model=plain", "model._target_=publishd.net.Model"], "there is no publishd.net.Model, .*current folder"),
        (["model=agcn_7l", "model.blocks=published.net.Unti"], "unknown block of published.net 'Unti'.*'Unit'"),
        (["model=agcn_7l", "model.blocks=publishd.net.Unit"], "block 'publishd.net.Unit' cannot be imported"),
        (["model=interpolated"], "Interpolation key 'data.num_clases' not found"),
        (["experiment=mistyped"], "unknown option 'epoch'; did you mean 'epochs'"),
        (["experiment=misnamed"], "unknown option 'optimiser'; did you mean 'optimizer'"),
        (["model=as_gcn"], "as_gcn trains its inference module alone for 10 epochs, and epochs=1: give more"),
    ],
)
def test_mistakes_get_one_sentence(run_command: RunCommand, options: list[str], message: str) -> None:
    outcome = run_command("train", *OWN, *options, *TINY)
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert re.search(message, line), line
    assert not list(Path("outputs").rglob("summary.json"))


def test_its_own_mistake_shows_where_it_was_made(run_command: RunCommand) -> None:
    outcome = run_command("train", *OWN, "model=no_graph", *TINY)
    assert outcome.code == 1
    assert "raise ValueError()" in outcome.err


@pytest.mark.parametrize("folder", ["mine", "."])
def test_a_sweep_in_processes_of_their_own(run_command: RunCommand, folder: str) -> None:
    if folder == "mine":  # beside the configs instead
        shutil.move("published", "mine/published")
    outcome = run_command("train", *OWN, "launcher=joblib", "launcher.jobs=1", "model=plain", "seed=1,2", *TINY)
    assert outcome.code == 0, outcome.err
    assert len(list(Path("outputs/demo/plain").rglob("summary.json"))) == 2


@pytest.mark.parametrize("model", ["gcn_nas", "as_gcn"])
def test_a_demo_epoch_of_the_networks_that_came_in_this_way(run_command: RunCommand, model: str) -> None:
    links = ("model.inference_epochs=1", "model.inference_frames=3", "epochs=2") if model == "as_gcn" else ()
    limits = ("trainer.limit_train_batches=2", "data.frames=8")
    outcome = run_command("train", f"model={model}", *TINY, *limits, *links)
    assert outcome.code == 0, outcome.err
    told = run_command("export", f"run={finished(model)}", "format=torch_export", "clips=2")
    assert told.code == 0, told.err
