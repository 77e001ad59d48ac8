"""Which checkpoints a run keeps, and that it goes on from any of them."""

import shutil
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from tests.conftest import TINY, Door

from stgdn.errors import InputError
from stgdn.training.checkpoints import checkpoints

OPTIONS = (*(option for option in TINY if not option.startswith("epochs")), "model=agcn_7l", "oversmoothing=null")


def folder() -> Path:
    """Where the one run here keeps its checkpoints."""
    (last,) = Path("outputs").rglob("last.ckpt")
    return last.parent


def kept() -> dict[str, int]:
    """The epoch, from 0, that every file of the run was written after."""
    return {path.stem: torch.load(path, weights_only=True)["epoch"] for path in sorted(folder().glob("*.ckpt"))}


@pytest.fixture
def two_epochs(door: Door) -> Path:
    """A run of two epochs that has kept both, its summary missing as if it had been stopped."""
    outcome = door("train", *OPTIONS, "epochs=2", "checkpoint_every=1")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    next(Path("outputs").rglob("summary.json")).unlink()
    return folder()


def test_every_epoch_is_kept_and_a_run_goes_on_from_it(door: Door, two_epochs: Path) -> None:
    assert kept() == {"epoch-000": 0, "epoch-001": 1, "last": 1}
    straight = torch.load(two_epochs / "last.ckpt", weights_only=True)["state_dict"]
    shutil.copy(two_epochs / "epoch-000.ckpt", two_epochs / "last.ckpt")
    outcome = door("train", *OPTIONS, "epochs=2", "checkpoint_every=1", "resume=true")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert "epoch 2/2" in outcome.out
    assert "epoch 1/2" not in outcome.out
    assert kept() == {"epoch-000": 0, "epoch-001": 1, "last": 1}
    again = torch.load(two_epochs / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(again[key], value) for key, value in straight.items())


def test_checkpoints_of_earlier_versions_are_resumed_elsewhere_and_without_a_word(door: Door, two_epochs: Path) -> None:
    earlier = torch.load(two_epochs / "epoch-000.ckpt", weights_only=True)
    for every in (1, 10):  # Lightning's own, which they were made by, with the folder that the run was in
        callback = ModelCheckpoint(two_epochs / "moved", every_n_epochs=every, save_top_k=1)
        earlier["callbacks"][callback.state_key] = callback.state_dict()
    assert len(earlier["callbacks"]) == 2
    torch.save(earlier, two_epochs / "last.ckpt")
    outcome = door("train", *OPTIONS, "epochs=2", "checkpoint_every=2", "resume=true")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert "epoch 1/2" not in outcome.out
    assert kept()["last"] == 1


@pytest.mark.parametrize(("every", "names"), [(0, {"last"}), (None, {"last"}), (2, {"epoch-001", "epoch-003", "last"})])
def test_what_is_kept_of_five_epochs(door: Door, every: int | None, names: set[str]) -> None:
    outcome = door("train", *OPTIONS, "epochs=5", f"checkpoint_every={'null' if every is None else every}")
    assert outcome.code == 0, outcome.err
    assert kept().keys() == names
    assert kept()["last"] == 4


@pytest.mark.parametrize("every", [-1, 2.5, "ten", True])
def test_no_number_of_epochs(every: object) -> None:
    with pytest.raises(InputError, match=rf"checkpoint_every={every} is no number of epochs: give .* 0 for the last"):
        checkpoints(Path("nowhere"), every)  # pyright: ignore[reportArgumentType]
