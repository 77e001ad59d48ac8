"""Runs of networks that nobody has trained: the weights are random, the files are those of training."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict
from tests.conftest import ROOT, TINY

from stgdn.data.build import build_data
from stgdn.runs import naming
from stgdn.training.trainer import build_recognizer

MakeRun = Callable[..., Path]


def config(tiny_data: Path, *options: str) -> DictConfig:
    """Return the config of `src/train.py`."""
    naming.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        made = compose("train", [*TINY, f"data_root={tiny_data}", *options])
    with open_dict(made):
        made.folder = made.experiment_name = None
    return made


@pytest.fixture
def make_run(tmp_path: Path, tiny_data: Path) -> MakeRun:
    """Make a run's folder with options of `src/train.py`; its checkpoint is of the last epoch or of another one."""

    def make(*options: str, name: str = "run", epoch: int = 0) -> Path:
        given, folder = config(tiny_data, *options), tmp_path / name
        data = build_data(given)
        recognizer = build_recognizer(given)
        recognizer.train()
        batch = next(iter(data.test_dataloader()))
        recognizer(batch["clips"])  # the running averages of the norms
        (folder / "checkpoints").mkdir(parents=True)
        OmegaConf.save(given, folder / "config.yaml", resolve=True)
        content = {"state_dict": recognizer.state_dict(), "config": dict(recognizer.hparams), "epoch": epoch}
        torch.save(content, folder / "checkpoints" / "last.ckpt")
        return folder

    return make


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A run of joints on the demo."""
    return make_run()
