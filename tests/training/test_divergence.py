"""Numbers that are not finite: the clips, the layer, the gradient or the weights where they began are named."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import ROOT, TINY, RunCommand
from tests.training.test_recognizer import random_batches, tiny_network, train
from torch import Tensor, nn

from stgdn.data.store.store import Store, checksum, header_text
from stgdn.errors import DivergedError, InputError
from stgdn.training.divergence import find_divergence, unusable_clips, usable
from stgdn.training.recognizer import Recognizer

SMALL = (*(option for option in TINY if not option.startswith("epochs")), "callbacks.over_smoothing=null")


class RootOfZero(nn.Module):
    """A layer with a finite output and an infinite gradient at zero."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (0 * x.sum()).sqrt()


class Scaled(nn.Module):
    """A linear network of which one layer is multiplied by a number."""

    def __init__(self, factor: float = 1.0, last: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 4), nn.Linear(4, 4), last or nn.Identity()
        with torch.no_grad():
            self.second.weight *= factor

    def forward(self, clips: Tensor) -> Tensor:
        return self.last(self.second(self.first(clips.flatten(1)[:, :4])))


class TestSentence:
    def test_a_layer(self) -> None:
        network = Scaled(1e38)
        with torch.no_grad():
            network.first.bias.fill_(1e3)
        assert find_divergence(network, torch.ones(2, 4)).endswith("first so is the output of second (Linear)")
        assert not any(module._forward_hooks for module in network.modules())

    @pytest.mark.filterwarnings("error")
    def test_a_gradient(self) -> None:
        network = Scaled(last=RootOfZero())
        network(torch.ones(2, 4)).sum().backward()
        assert find_divergence(network, torch.ones(2, 4)) == (
            "the loss is finite, but the gradient of second.bias is no finite number"
        )

    def test_weights(self) -> None:
        network = Scaled(float("inf"))
        assert find_divergence(network, torch.ones(2, 4)).endswith("after a step that left second.weight not finite")

    def test_the_loss_alone(self) -> None:
        assert "though all scores are" in find_divergence(Scaled(), torch.ones(2, 4))

    @pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e30, -2e6])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_clips(self, value: float, dtype: torch.dtype) -> None:
        clips = torch.zeros(3, 3, 8, 20, 1, dtype=dtype)
        assert bool(usable(clips))
        clips[1, 2, 3, 4] = value
        assert not bool(usable(clips))
        (named,) = unusable_clips(clips, ["a", "b", "c"])
        assert named == f"b ({value:.3g})"


@pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*treespec",
    "ignore:.*logging interval",
    "ignore:.*no `val_dataloader`",
)
class TestTraining:
    """Batches without `SkeletonData`."""

    def test_clips_of_another_data_module(self) -> None:
        batches = random_batches(3)
        batches[2]["clips"][1, 0, 0, 0] = 1e30
        with pytest.raises(
            InputError, match=r"clips of a batch in epoch 1 .*large: number 1 \(1e\+30\)\. The data"
        ) as error:
            train(Recognizer(tiny_network(), 7), batches)
        assert not isinstance(error.value, DivergedError)

    @pytest.mark.parametrize("at_once", [True, False])
    @pytest.mark.parametrize("batch", [1, 2])
    def test_a_loss(self, monkeypatch: pytest.MonkeyPatch, at_once: bool, batch: int) -> None:
        """Also where the step goes on before it is checked, as on a GPU; the last batch is checked in any case."""
        monkeypatch.setattr(Recognizer, "_checks_at_once", lambda _: at_once)
        recognizer = Recognizer(tiny_network(), 7, batch_size=4)
        self.spoil_step(recognizer, batch, lambda network: network.layers[1].register_forward_hook(self.divide))
        with pytest.raises(DivergedError, match=r"first so is the output of layers\.1 .* in epoch 1: training has"):
            train(recognizer, random_batches(3))
        assert all(bool(weight.isfinite().all()) for weight in recognizer.parameters())

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_gradient(self, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
        monkeypatch.setattr(Recognizer, "_checks_at_once", lambda _: at_once)
        recognizer = Recognizer(tiny_network(), 7, batch_size=4)
        weight = next(iter(recognizer.network.parameters()))
        self.spoil_step(recognizer, 1, lambda _: weight.register_hook(lambda gradient: gradient / 0))
        with pytest.raises(DivergedError, match=r"the loss is finite, but the gradient of .* in epoch 1"):
            train(recognizer, random_batches(3))
        assert all(bool(weight.isfinite().all()) for weight in recognizer.parameters())

    def divide(self, *arguments: Any) -> Tensor:  # noqa: ANN401
        return arguments[-1] / 0

    def spoil_step(self, recognizer: Recognizer, batch: int, spoil: Callable[[Any], Any]) -> None:
        """Let `spoil` change the network before a batch, counted from 0."""
        step = recognizer.training_step

        def training_step(given: Any, batch_idx: int) -> Tensor:  # noqa: ANN401
            if batch_idx == batch:
                spoil(recognizer.network)
            return step(given, batch_idx)

        recognizer.training_step = training_step  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def odd_store(tiny_data: Path, tmp_path: Path) -> Callable[[float], tuple[str, str]]:
    """Write a value into a training clip, past the checks; returns the store's option and the clip's name."""

    def write(value: float) -> tuple[str, str]:
        folder = tmp_path / "odd"
        shutil.copytree(tiny_data / "prepared" / "demo", folder)
        store = Store(folder)
        clip = int(np.flatnonzero(store.split("ntu60_xsub").train)[5])
        changed = np.array(store.coordinates)
        first, frames = store.clips["row"][clip, 0], store.clips["frames"][clip, 0]
        changed[first : first + frames, 3, 1] = value
        (folder / "coordinates.bin").write_bytes(changed.tobytes())
        store.header.checksums["coordinates.bin"] = checksum(folder / "coordinates.bin")
        (folder / "store.json").write_text(header_text(store.header))
        return f"data.store={folder}", str(store.clips["name"][clip])

    return write


Odd = Callable[[float], tuple[str, str]]


class TestCommand:
    @pytest.mark.parametrize("value", [float("nan"), 1e30])
    def test_the_clip_is_named_before_the_first_step(
        self, run_command: RunCommand, odd_store: Odd, value: float
    ) -> None:
        option, name = odd_store(value)
        outcome = run_command("train", *SMALL, "model=agcn_7l", option)
        assert outcome.code == 1
        assert f"error: the clip {name} of " in outcome.err
        assert f"has a coordinate of {value:g} (joint head)" in outcome.err
        assert "epoch 1" not in outcome.out
        assert len(outcome.err.splitlines()) == 1

    def test_and_when_training_meets_it(self, run_command: RunCommand, odd_store: Odd) -> None:
        option, name = odd_store(float("nan"))
        outcome = run_command("train", *SMALL, "model=agcn_7l", option, "data.verify=false", "epochs=2")
        assert outcome.code == 1
        assert outcome.err.startswith("error: clips of a batch in epoch ")
        assert f"large: {name} (nan). The data are wrong, training has not diverged: look at" in outcome.err
        assert len(outcome.err.splitlines()) == 1

    def test_by_two_processes(self, tiny_data: Path, tmp_path: Path, odd_store: Odd) -> None:
        option, name = odd_store(float("nan"))
        command = [sys.executable, str(ROOT / "src" / "train.py"), *SMALL, "model=agcn_7l", option, "data.verify=false"]
        options = ["trainer=ddp", "trainer.devices=2", "epochs=2", f"outputs={tmp_path}"]
        environment = os.environ | {"STGDN_DATA": str(tiny_data), "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert ended.returncode == 1
        assert f"absurdly large: {name} (nan)" in ended.stderr
        assert "Traceback" not in ended.stderr
