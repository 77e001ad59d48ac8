"""The network, the paper and the block of docs/extending.md: as they stand there, run and trained."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import stgdn
from stgdn.errors import InputError
from stgdn.model.graph import adjacency
from stgdn.model.network import Network
from stgdn.runs.stored_config import read_config
from stgdn.skeleton import NTU25
from tests.conftest import TINY, RunCommand
from tests.test_readme import blocks

BLOCK = "neighbour_mean.NeighbourMean"
pytestmark = pytest.mark.usefixtures("project", "no_pictures")


@pytest.fixture
def project(run_command: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001
    """The page's files in the current folder; what is imported of them is forgotten afterwards."""
    network, block = blocks("extending.md", "python")
    model, experiment = blocks("extending.md", "yaml")
    files = {
        "my_package.py": network,
        "neighbour_mean.py": block,
        "mine/model/my_net.yaml": model,
        "mine/experiment/my_paper.yaml": experiment,
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in ("my_package", "neighbour_mean"):
        sys.modules.pop(name, None)


@pytest.fixture
def importable(tmp_path: Path) -> None:
    """Let Python import the page's files, as a program in their folder may."""
    sys.path.append(str(tmp_path))


def small_network() -> Network:
    torch.manual_seed(0)
    return Network([8, 8], [1, 2], BLOCK, num_classes=5, frames=8, bodies=2)


@pytest.mark.usefixtures("importable")
def test_block_does_what_the_page_says() -> None:
    """Each joint: a tenth of its own features and nine tenths of the mean over itself and its neighbours."""
    filter = importlib.import_module("neighbour_mean").NeighbourMean(3, 6, adjacency(NTU25, "directed")).double()
    x = torch.randn(2, 3, 4, NTU25.num_joints, dtype=torch.float64)
    for joint in range(NTU25.num_joints):
        near = {joint, *(end for bone in NTU25.bones if joint in bone for end in bone)}
        mean = sum(x[..., other] for other in near) / len(near)
        expected = functional.conv2d(
            (0.9 * mean + 0.1 * x[..., joint])[..., None], filter.theta.weight, filter.theta.bias
        )
        torch.testing.assert_close(filter(x)[..., joint], expected[..., 0], atol=1e-6, rtol=0)


@pytest.mark.usefixtures("importable")
def test_a_step_of_training_lowers_the_loss() -> None:
    network = small_network()
    clips, labels = torch.randn(6, 3, 8, NTU25.num_joints, 2), torch.tensor([0, 1, 2, 3, 4, 0])
    clips[::2, ..., 1] = 0  # one body only: computed once for all these clips
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        loss = functional.cross_entropy(network(clips), labels)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[1] < losses[0]
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.usefixtures("importable")
def test_empty_bodies_computed_once_change_nothing() -> None:
    network = small_network().double().train()
    clips = torch.randn(4, 3, 8, NTU25.num_joints, 2, dtype=torch.float64)
    clips[1:, ..., 1] = 0
    once = network(clips)
    network.empty_bodies = "padded"
    torch.testing.assert_close(once, network(clips))


@pytest.mark.usefixtures("importable")
def test_it_is_folded_by_its_own_form() -> None:
    network, clips = small_network().double(), torch.randn(4, 3, 8, NTU25.num_joints, 2, dtype=torch.float64)
    network(clips)
    torch.testing.assert_close(stgdn.fold(network)(clips), network.eval()(clips))


def test_a_network_of_the_page_s_block(run_command: RunCommand) -> None:
    row = f"[gcn,gcn,gcn,{BLOCK},{BLOCK},{BLOCK},{BLOCK}]"
    options = ("model=agcn_7l", "model.name=mean", f"model.blocks={row}", "+model.own=0.5", "model.whiten=node")
    outcome = run_command("train", *options, *TINY)
    assert outcome.code == 0, outcome.err
    (summary,) = Path("outputs/demo/mean").rglob("summary.json")
    assert f"src/evaluate.py run={summary.parent} trust=[neighbour_mean]" in outcome.out
    with pytest.raises(InputError, match=f"unknown block '{BLOCK}': if its code is yours, say trust=neighbour_mean"):
        stgdn.load(summary.parent)
    network = stgdn.load(summary.parent, trust="neighbour_mean").network
    assert isinstance(network, Network)
    assert network.block_names == ["gdn2"] * 3 + [f"{BLOCK}+node"] * 4
    layer = network.layers[3]
    assert "NeighbourMean" in repr(layer)
    with pytest.raises(InputError, match="unknown block"):  # it was trusted for that one
        stgdn.load(summary.parent)


def test_the_page_s_paper_in_one_command(run_command: RunCommand) -> None:
    outcome = run_command("train", "--config-dir", "mine", "experiment=my_paper", *TINY)
    assert outcome.code == 0, outcome.err
    (summary,) = Path("outputs/demo/my_net/joint").glob("my_paper-seed1*/summary.json")
    config = read_config(summary.parent / "config.yaml")
    assert config.model == {
        "name": "my_net", "_target_": "my_package.MyNet", "num_class": 14, "num_point": 25, "num_person": 2,
    }  # fmt: skip
    assert (config.optimizer._target_, config.scheduler.gamma) == ("torch.optim.AdamW", 0.1)
    assert config.callbacks.ema._target_ == "lightning.pytorch.callbacks.EMAWeightAveraging"
    assert "python src/train.py 'hydra.searchpath=[file://mine]' experiment=my_paper" in summary.read_text()
    outcome = run_command("evaluate", f"run={summary.parent}", "trust=my_package")
    assert outcome.code == 0, outcome.err
