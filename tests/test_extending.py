"""The block, the script and the network of docs/extending.md: as they stand there, run and trained."""

import importlib
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from torch.nn import functional

import stgdn
from stgdn.errors import InputError
from stgdn.model.block import BLOCKS
from stgdn.model.graph import adjacency
from stgdn.model.network import Network
from stgdn.skeleton import NTU25
from tests.conftest import ROOT, TINY
from tests.test_readme import blocks


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `src` and the page's files; what they register is forgotten afterwards."""
    block, train = blocks("extending.md", "python")
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / "neighbour_mean.py").write_text(block)
    (tmp_path / "train_mine.py").write_text(train)
    config = tmp_path / "mine" / "model" / "agcn_mean.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(blocks("extending.md", "yaml")[0])
    before = dict(BLOCKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    BLOCKS.clear()
    BLOCKS.update(before)
    sys.modules.pop("neighbour_mean", None)


def small_network() -> Network:
    torch.manual_seed(0)
    return Network([8, 8], [1, 2], "neighbour_mean", num_classes=5, frames=8, bodies=2)


@pytest.mark.usefixtures("project")
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


@pytest.mark.usefixtures("project")
def test_a_step_of_training_lowers_the_loss() -> None:
    importlib.import_module("neighbour_mean")
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


@pytest.mark.usefixtures("project")
def test_empty_bodies_computed_once_change_nothing() -> None:
    importlib.import_module("neighbour_mean")
    network = small_network().double().train()
    clips = torch.randn(4, 3, 8, NTU25.num_joints, 2, dtype=torch.float64)
    clips[1:, ..., 1] = 0
    once = network(clips)
    network.empty_bodies = "padded"
    torch.testing.assert_close(once, network(clips))


@pytest.mark.usefixtures("project")
def test_it_is_folded_by_its_own_form() -> None:
    importlib.import_module("neighbour_mean")
    network, clips = small_network().double(), torch.randn(4, 3, 8, NTU25.num_joints, 2, dtype=torch.float64)
    network(clips)
    torch.testing.assert_close(stgdn.fold(network)(clips), network.eval()(clips))


def test_the_page_s_script_trains_the_page_s_network(
    project: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STGDN_DATA", str(tiny_data))
    options = ["--config-dir", "mine", "model=agcn_mean", *TINY]
    monkeypatch.setattr(sys, "argv", ["train_mine.py", *options])
    GlobalHydra.instance().clear()
    runpy.run_path("train_mine.py", run_name="__main__")
    (summary,) = (project / "outputs" / "demo" / "agcn_mean").rglob("summary.json")
    network = stgdn.load(summary.parent).network
    assert isinstance(network, Network)
    assert network.block_names == ["gcn"] * 3 + ["neighbour_mean"] * 4
    assert type(network.layers[3].spatial).__name__ == "NeighbourMean"
    del BLOCKS["neighbour_mean"]
    with pytest.raises(InputError, match="neighbour_mean"):
        stgdn.load(summary.parent)
