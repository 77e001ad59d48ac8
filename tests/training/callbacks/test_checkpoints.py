"""Checkpoints that a run keeps, and resuming from any of them."""

import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from tests.conftest import TINY, RunCommand
from tests.training import checkpoint_writer, killed

from stgdn.errors import InputError
from stgdn.training.callbacks.checkpoints import checkpoints

SHORT = [option for option in TINY if not option.startswith("epochs")]
OPTIONS = (*SHORT, "model=agcn_7l", "callbacks.over_smoothing=null")


def folder() -> Path:
    """Return the folder of the checkpoints of one run, shared by these tests."""
    (last,) = Path("outputs").rglob("last.ckpt")
    return last.parent


def kept() -> dict[str, int]:
    """The epoch, from 0, that every file of the run was written after."""
    return {path.stem: torch.load(path, weights_only=True)["epoch"] for path in sorted(folder().glob("*.ckpt"))}


@pytest.fixture
def two_epochs(run_command: RunCommand) -> Path:
    """A run of two epochs that has kept both, its summary missing as if it had been stopped."""
    outcome = run_command("train", *OPTIONS, "epochs=2", "checkpoint_every=1")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    next(Path("outputs").rglob("summary.json")).unlink()
    return folder()


def test_every_epoch_is_kept_and_a_run_goes_on_from_it(run_command: RunCommand, two_epochs: Path) -> None:
    assert kept() == {"epoch-000": 0, "epoch-001": 1, "last": 1}
    straight = torch.load(two_epochs / "last.ckpt", weights_only=True)["state_dict"]
    shutil.copy(two_epochs / "epoch-000.ckpt", two_epochs / "last.ckpt")
    outcome = run_command("train", *OPTIONS, "epochs=2", "checkpoint_every=1", "resume=true")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert "epoch 2/2" in outcome.out
    assert "epoch 1/2" not in outcome.out
    assert kept() == {"epoch-000": 0, "epoch-001": 1, "last": 1}
    again = torch.load(two_epochs / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(again[key], value) for key, value in straight.items())


def test_checkpoints_of_earlier_versions_are_resumed_elsewhere_and_without_a_word(
    run_command: RunCommand, two_epochs: Path
) -> None:
    earlier = torch.load(two_epochs / "epoch-000.ckpt", weights_only=True)
    for every in (1, 10):  # Lightning's own, which they were made by, with the folder that the run was in
        callback = ModelCheckpoint(two_epochs / "moved", every_n_epochs=every, save_top_k=1)
        earlier["callbacks"][callback.state_key] = callback.state_dict()
    assert len(earlier["callbacks"]) == 2
    torch.save(earlier, two_epochs / "last.ckpt")
    outcome = run_command("train", *OPTIONS, "epochs=2", "checkpoint_every=2", "resume=true")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    assert "epoch 1/2" not in outcome.out
    assert kept()["last"] == 1


class TestDamaged:
    """Checkpoints of a full disk, of an earlier version that was killed, or of a broken disk."""

    def test_the_newest_whole_one_is_resumed_and_told(self, run_command: RunCommand, two_epochs: Path) -> None:
        straight = torch.load(two_epochs / "last.ckpt", weights_only=True)["state_dict"]
        metrics = (two_epochs.parent / "metrics.csv").read_text().splitlines()
        (two_epochs / "last.ckpt").write_bytes(b"")
        content = bytearray((two_epochs / "epoch-001.ckpt").read_bytes())
        content[len(content) // 2] ^= 1
        (two_epochs / "epoch-001.ckpt").write_bytes(content)
        outcome = run_command("train", *OPTIONS, "epochs=2", "checkpoint_every=1", "resume=true")
        assert outcome.code == 0, outcome.err
        told = "resuming outputs/.*/epoch-000.ckpt, after epoch 1 of 2; last.ckpt, epoch-001.ckpt cannot be read\n"
        assert re.search(told, outcome.out)
        assert kept() == {"epoch-000": 0, "epoch-001": 1, "last": 1}
        again = torch.load(two_epochs / "last.ckpt", weights_only=True)["state_dict"]
        assert all(torch.equal(again[key], value) for key, value in straight.items())
        rows = (two_epochs.parent / "metrics.csv").read_text().splitlines()
        assert [row.split(",")[:3] for row in rows] == [row.split(",")[:3] for row in metrics]

    def test_none_is_whole(self, run_command: RunCommand, two_epochs: Path) -> None:
        for path in two_epochs.glob("*.ckpt"):
            path.write_bytes(b"")
        outcome = run_command("train", *OPTIONS, "epochs=2", "checkpoint_every=1", "resume=true")
        assert outcome.code == 1
        assert outcome.err.startswith("error: there is no checkpoint to go on from, outputs/")
        assert "/last.ckpt is not a readable checkpoint: " in outcome.err
        assert outcome.err.endswith(": start the run again with overwrite=true\n")
        assert len(outcome.err.splitlines()) == 1
        assert run_command("train", *OPTIONS, "epochs=2", "checkpoint_every=1", "overwrite=true").code == 0
        assert kept() == {"epoch-000": 0, "epoch-001": 1, "last": 1}


def test_a_kill_between_two_checkpoints_of_an_epoch_loses_none_of_them() -> None:
    assert [each.filename for each in checkpoints(Path("nowhere"), 2)] == ["epoch-{epoch:03d}", "last"]


@pytest.fixture
def other_file_system(tmp_path: Path) -> Iterator[Path]:
    """A folder of another file system than the tests'."""
    for place in map(Path, ("/dev/shm", "/var/tmp", "/tmp", str(Path.home()))):
        if place.is_dir() and os.access(place, os.W_OK) and place.stat().st_dev != tmp_path.stat().st_dev:
            with tempfile.TemporaryDirectory(dir=place) as folder:
                yield Path(folder)
            return
    pytest.skip("there is no second file system to write to")


@pytest.mark.xdist_group("kills")
def test_killed_while_it_writes_leaves_the_checkpoint_before_and_nothing_elsewhere(
    tmp_path: Path, other_file_system: Path
) -> None:
    path, log, rng = tmp_path / "checkpoints" / "last.ckpt", tmp_path / "log", random.Random(0)
    for _ in range(10):
        log.write_text("")
        script = Path(checkpoint_writer.__file__)
        process = killed.start(script, (str(path),), tmp_path, {"TMPDIR": str(other_file_system)})
        end = time.monotonic() + 60
        while not log.read_text():
            assert time.monotonic() < end
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.join()
        content = torch.load(path, weights_only=True)
        assert content["epoch"] >= int(log.read_text().split()[-1])
        assert bool((content["state_dict"]["weight"] == content["epoch"]).all())
        assert len(list(path.parent.iterdir())) <= 2  # itself, and what was being written
    assert list(other_file_system.iterdir()) == []


@pytest.mark.parametrize(("every", "names"), [(0, {"last"}), (None, {"last"}), (2, {"epoch-001", "epoch-003", "last"})])
def test_what_is_kept_of_five_epochs(run_command: RunCommand, every: int | None, names: set[str]) -> None:
    outcome = run_command("train", *OPTIONS, "epochs=5", f"checkpoint_every={'null' if every is None else every}")
    assert outcome.code == 0, outcome.err
    assert kept().keys() == names
    assert kept()["last"] == 4


@pytest.mark.parametrize("every", [-1, 2.5, "ten", True])
def test_no_number_of_epochs(every: object) -> None:
    with pytest.raises(InputError, match=rf"checkpoint_every={every} is no number of epochs: give .* 0 for the last"):
        checkpoints(Path("nowhere"), every)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("minutes", [0, -1.5, "ten", True, float("nan")])
def test_no_minutes(minutes: object) -> None:
    with pytest.raises(InputError, match=rf"checkpoint_minutes={minutes} is no time: give minutes above 0, or null"):
        checkpoints(Path("nowhere"), 10, minutes)  # pyright: ignore[reportArgumentType]
