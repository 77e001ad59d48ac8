"""`stgdn.load`: raw clips get the scores that the run's own test gives them; what is no run is refused."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.inference.conftest import MakeRun
from torch import nn

import stgdn
from stgdn.data.build import stored_data
from stgdn.data.clip import Clip, ClipFile
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.store.store import Store
from stgdn.data.synthetic.demo_set import DEMO_ACTIONS
from stgdn.errors import InputError
from stgdn.skeleton import layout

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


def by_the_store(run: Path) -> tuple[list[str], np.ndarray]:
    """Names and scores of the first test clips, through the store and the batches of a run's test."""
    config = OmegaConf.load(run / "config.yaml")
    data = stored_data(config)  # pyright: ignore[reportArgumentType]
    network: nn.Module = instantiate(config.model)
    weights = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    network.load_state_dict({key.removeprefix("network."): value for key, value in weights.items()})
    batch = next(iter(data.test_dataloader()))
    with torch.no_grad():
        scores = network.eval()(batch["clips"]).numpy()
    return data.store.clips["name"][batch["indices"].numpy()].tolist(), scores


def read(tiny_data: Path, names: list[str]) -> list[Clip]:
    """Raw clips by their names."""
    reader = NTUReader(tiny_data / "raw" / "demo", actions=DEMO_ACTIONS)
    return [reader.read(ClipFile(name, str(tiny_data / "raw" / "demo" / f"{name}.skeleton"))) for name in names]


@pytest.mark.parametrize(
    "options",
    [
        *[[f"data.stream={stream}"] for stream in STREAMS],
        ["data.align=body", "data.box=true"],
        ["data.sampling=loop", "data.crop=1", "data.frames=90"],
        ["data.sampling=window", "data.crop=1"],
        ["data.input_layout=kinect20"],
        ["data.input_layout=coco17", "data.rotate=[0,0,0]"],
        ["data.bodies=1", "data.reader.max_bodies=2"],
    ],
    ids=lambda options: ",".join(options),
)
def test_raw_clips_get_the_scores_of_the_test(make_run: MakeRun, tiny_data: Path, options: list[str]) -> None:
    run = make_run(*options)
    names, expected = by_the_store(run)
    network = stgdn.load(run)
    np.testing.assert_allclose(network.scores(read(tiny_data, names)), expected, rtol=1e-4, atol=1e-5)


def test_arrays_are_clips(run: Path, tiny_store: Store) -> None:
    names, expected = by_the_store(run)
    index = {name: place for place, name in enumerate(tiny_store.clips["name"].tolist())}
    arrays = [tiny_store.joints(index[name]) for name in names]
    network = stgdn.load(run)
    np.testing.assert_allclose(network.scores(arrays), expected, rtol=1e-4, atol=1e-5)
    shares = np.exp(expected - expected.max(axis=1, keepdims=True))
    np.testing.assert_allclose(network.probabilities(arrays), shares / shares.sum(axis=1, keepdims=True), atol=1e-5)
    swapped = [np.concatenate([np.zeros_like(array[:1]), array]) for array in arrays]  # nobody is the first body
    np.testing.assert_allclose(network.scores(swapped), expected, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_file_is_enough(run: Path, tmp_path: Path) -> None:
    alone = tmp_path / "somewhere" / "weights.ckpt"
    alone.parent.mkdir()
    shutil.copy(run / "checkpoints" / "last.ckpt", alone)
    first, second = stgdn.load(run), stgdn.load(str(alone))
    clip = np.random.default_rng(0).normal(0, 0.3, (1, 20, 25, 3))
    np.testing.assert_array_equal(first.scores([clip]), second.scores([clip]))
    assert second.classes == first.classes
    assert (second.name, second.stream, second.layout.name) == ("st_gdn", "joint", "ntu25")
    assert not second.network.training


def test_class_names_are_recorded(run: Path, tiny_store: Store, tmp_path: Path) -> None:
    path = run / "checkpoints" / "last.ckpt"
    assert torch.load(path, weights_only=True)["config"]["data"]["classes"] == tiny_store.header.classes
    assert stgdn.load(run).classes == tuple(tiny_store.header.classes)
    content = torch.load(path, weights_only=True)
    del content["config"]["data"]["classes"]  # a run of before they were
    torch.save(content, path)
    assert stgdn.load(run).classes == tuple(tiny_store.header.classes)
    content["config"]["data"]["store"] = str(tmp_path / "nowhere")
    torch.save(content, path)
    assert stgdn.load(run).classes == tuple(f"class {number}" for number in range(14))


def test_epochs_and_whether_they_are_all(make_run: MakeRun) -> None:
    unfinished = stgdn.load(make_run("epochs=3", epoch=1))
    assert (unfinished.epoch, unfinished.finished) == (2, False)
    assert stgdn.load(make_run("epochs=3", name="done", epoch=2)).finished


def test_random_numbers_are_left_alone(run: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    stgdn.load(run)
    assert torch.equal(torch.rand(3), expected)


def test_importing_the_package_is_cheap() -> None:
    code = "import stgdn, sys; assert 'torch' not in sys.modules and 'load' in stgdn.__all__"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        stgdn.laod  # noqa: B018


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple:
        return Path.touch, (self.place,)


class TestMistakes:
    def test_no_run(self, run: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no run at"):
            stgdn.load(tmp_path / "nothing")
        with pytest.raises(InputError, match="no checkpoint file"):
            stgdn.load(tmp_path / "nothing.ckpt")
        with pytest.raises(InputError, match="unknown checkpoint 'best', allowed: last"):
            stgdn.load(run, "best")
        (run / "checkpoints" / "last.ckpt").unlink()
        with pytest.raises(InputError, match="has no checkpoint yet"):
            stgdn.load(run)
        (run / "fusion.json").touch()
        with pytest.raises(InputError, match="is a fusion"):
            stgdn.load(run)

    def test_pickled_code_does_not_run(self, tmp_path: Path) -> None:
        torch.save({"state_dict": {}, "config": Trap(tmp_path / "trapped")}, tmp_path / "trap.ckpt")
        with pytest.raises(InputError, match="not a readable checkpoint"):
            stgdn.load(tmp_path / "trap.ckpt")
        assert not (tmp_path / "trapped").exists()

    @pytest.mark.parametrize("target", ["os.mkdir", "stgdn.model.network.row", "torch.nn.Linear", "stgdn.model.no.X"])
    def test_a_config_makes_nothing_but_networks(self, run: Path, tmp_path: Path, target: str) -> None:
        path = run / "checkpoints" / "last.ckpt"
        content = torch.load(path, weights_only=True)
        content["config"]["model"] = {"_target_": target, "path": str(tmp_path / "made"), "name": "x"}
        torch.save(content, path)
        with pytest.raises(InputError, match=r"none of this suite's|cannot use"):
            stgdn.load(run)
        assert not (tmp_path / "made").exists()

    def test_a_checkpoint_without_config(self, run: Path) -> None:
        path = run / "checkpoints" / "last.ckpt"
        content = torch.load(path, weights_only=True)
        torch.save({"state_dict": content["state_dict"]}, path)
        with pytest.raises(InputError, match="does not carry the config"):
            stgdn.load(run)
        content["config"]["data"].pop("layout")
        torch.save(content, path)
        with pytest.raises(InputError, match="a config that this version cannot use"):
            stgdn.load(run)

    @pytest.mark.parametrize(
        ("clip", "told"),
        [
            (np.zeros((1, 8, 25, 3)), "no body in any frame"),
            (np.zeros((1, 0, 25, 3)), "no body in any frame"),
            (np.ones((1, 8, 24, 3)), "24 joints with 3 numbers, layout ntu25 has 25 with 3"),
            (np.ones((8, 25, 3)), "an array of 3 axes"),
            (np.full((1, 8, 25, 3), np.nan), "NaN"),
            ([["a"]], "no array of numbers"),
            (1000 * np.random.default_rng(0).normal(size=(1, 8, 25, 3)), "scale=0.001"),
            (Clip("x", 0, np.ones((1, 8, 20, 3), np.float32), np.ones((1, 8), bool)), "20 joints"),
        ],
    )
    def test_what_is_no_clip(self, run: Path, clip: object, told: str) -> None:
        network = stgdn.load(run)
        with pytest.raises(InputError, match=f"clip 0 cannot be used: .*{told}"):
            network.scores([clip])  # pyright: ignore[reportArgumentType]
        with pytest.raises(InputError, match="no clip was given"):
            network.scores([])

    def test_joints_that_cannot_be_mapped(self, run: Path) -> None:
        stick = layout({"name": "stick", "joints": ["a", "b"], "bones": [["b", "a"]]})
        with pytest.raises(InputError, match="layout stick has no joint for 'spine_base' of ntu25"):
            stgdn.load(run).scores([np.ones((1, 4, 2, 3))], stick)

    def test_a_network_that_has_diverged(self, run: Path) -> None:
        network = stgdn.load(run)
        with torch.no_grad():
            next(network.network.parameters()).fill_(torch.nan)
        with pytest.raises(InputError, match="not finite"):
            network.scores([np.random.default_rng(0).normal(0, 0.3, (1, 20, 25, 3))])
