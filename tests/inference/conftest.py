"""Runs of networks that nobody has trained: the weights are random, the files are those of training."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf, open_dict
from tests.conftest import ROOT, TINY, WrittenRuns

from stgdn.data.build import build_data
from stgdn.runs import naming
from stgdn.training.trainer import build_recognizer

MakeRun = Callable[..., Path]
# Options for a network with every block of st_gdn, once: its graph is exported in half the time.
SHALLOW = ("model.channels=[8,8,8,8]", "model.strides=[1,2,1,1]", "model.blocks=[gdcn,gdn2,gdn_t,gdn_e]")


def config(tiny_data: Path, *options: str) -> DictConfig:
    """Return the config of `src/train.py`."""
    naming.register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        made = compose("train", [*TINY, f"data_root={tiny_data}", *options])
    with open_dict(made):
        made.folder = made.experiment_name = None
    return made


def write_run(folder: Path, tiny_data: Path, options: tuple[str, ...], epoch: int) -> None:
    """Write a run's folder: its config, and a checkpoint of random weights."""
    given = config(tiny_data, *options)
    data = build_data(given)
    recognizer = build_recognizer(given)
    recognizer.train()
    batch = next(iter(data.test_dataloader()))
    recognizer(batch["clips"])  # the running averages of the norms
    (folder / "checkpoints").mkdir(parents=True)
    OmegaConf.save(given, folder / "config.yaml", resolve=True)
    content = {"state_dict": recognizer.state_dict(), "config": dict(recognizer.hparams), "epoch": epoch}
    torch.save(content, folder / "checkpoints" / "last.ckpt")


@pytest.fixture
def make_run(
    tmp_path: Path,
    tiny_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    written_runs: WrittenRuns,
) -> MakeRun:
    """Make a run's folder with options of `src/train.py`; its checkpoint is of the last epoch or of another one."""

    def make(*options: str, name: str = "run", epoch: int = 0) -> Path:
        if (options, epoch) not in written_runs:
            kept = tmp_path_factory.mktemp("written") / "run"
            write_run(kept, tiny_data, options, epoch)
            written_runs[options, epoch] = kept
        return Path(shutil.copytree(written_runs[options, epoch], tmp_path / name))

    return make


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A run of joints on the demo."""
    return make_run()
