"""Killed at random and begun again by the same command, a run ends as one that was left alone, bit by bit.

`STGDN_KILLS=50` in the environment kills more often than is usual.
"""

import csv
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from tests.conftest import ROOT
from tests.faults.figures import Faults
from tests.training import killed

from stgdn.runs.scores import Scores
from stgdn.training.callbacks.epoch_report import TIME_METRICS
from stgdn.training.checkpoint_file import whole_epochs

KILLS = int(os.environ.get("STGDN_KILLS", "5"))
EPOCHS = 4
# Dropout, running covariances and statistics, over-smoothing: whatever a resumed run could go on from wrongly.
OPTIONS = (
    *("model=st_gdn", "model.dropout=0.5", "width=0.125", "data.frames=16", "batch_size=12"),
    *(f"epochs={EPOCHS}", "checkpoint_every=2", "callbacks.over_smoothing.clips=8", "trainer.limit_train_batches=3"),
    *("trainer.accelerator=cpu", "logger.wandb=off", "resume=true"),
)
# What else is on the command line, and its share of all kills: two processes import everything anew each time.
OFTEN = "checkpoint_minutes=1e-9"  # after every step
RANKS = ("trainer=ddp", "trainer.devices=2", "workers=0", OFTEN)
COMMANDS = {("workers=0",): 0.4, ("workers=2", OFTEN): 0.4, RANKS: 0.2}
STATES = ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")  # of a checkpoint
LONGEST = 60  # seconds in which all processes must have ended

pytestmark = [
    pytest.mark.xdist_group("kills"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc, which says what processes there are"),
]


class End(NamedTuple):
    """The results of a finished run, without times."""

    checkpoints: dict[str, dict[str, Any]]
    rows: list[dict[str, str]]
    scores: Scores


class Command:
    """A command that can be begun again and again in its folder."""

    def __init__(self, folder: Path, data: Path, options: tuple[str, ...]) -> None:
        folder.mkdir()
        self.folder, self.data, self.options = folder, data, (*OPTIONS, *options)

    def begin(self) -> None:
        environment = {"STGDN_DATA": str(self.data), "OMP_NUM_THREADS": "1"}
        (self.folder / "log").write_text("")
        self.process = killed.start(ROOT / "src" / "train.py", self.options, self.folder, environment)
        assert self.process.pid
        self.group = self.process.pid

    def wait(self, condition: Callable[[], Any]) -> None:
        """Wait until something is so, or the command has ended."""
        end = time.monotonic() + LONGEST
        while self.process.is_alive() and not condition():
            assert time.monotonic() < end, self.log()
            time.sleep(0.0005)  # a checkpoint is written in a few milliseconds

    def end(self) -> int | None:
        """Wait for the end of all processes; returns the exit code."""
        self.process.join(LONGEST)
        end = time.monotonic() + LONGEST
        while members(self.group):
            if time.monotonic() > end:
                os.killpg(self.group, signal.SIGKILL)
                pytest.fail(f"processes do not end: {self.log()}")
            time.sleep(0.05)
        return self.process.exitcode

    def log(self) -> str:
        """Return the output since the last start."""
        return (self.folder / "log").read_text()

    def epochs(self) -> list[int]:
        """The epochs, from 1, that it has printed since then."""
        return [int(line.split()[1].split("/")[0]) for line in self.log().splitlines() if line.startswith("epoch ")]

    def files(self, pattern: str) -> list[Path]:
        return list((self.folder / "outputs").rglob(pattern))

    def saved(self) -> int:
        """Return the number of whole epochs of the last checkpoint."""
        return max((whole_epochs(read(path)) for path in self.files("last.ckpt")), default=0)

    def finished(self) -> bool:
        return bool(self.files("summary.json"))

    def result(self) -> End:
        (folder,) = (path.parent for path in self.files("summary.json"))
        assert not self.files(".*")  # temporary files of killed processes
        with (folder / "metrics.csv").open(newline="") as file:
            rows = [{key: cell for key, cell in row.items() if key not in TIME_METRICS} for row in csv.DictReader(file)]
        checkpoints = {path.name: read(path) for path in (folder / "checkpoints").iterdir()}
        return End(checkpoints, rows, Scores.load(folder / "scores.npz"))


def read(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def members(group: int) -> int:
    """Return the number of processes of a group that have not ended."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just gone
            fields = path.read_text().rpartition(")")[2].split()
            found += int(fields[2]) == group and fields[0] != "Z"
    return found


def differences(found: Any, expected: Any, place: str = "") -> Iterator[str]:  # noqa: ANN401
    """Return the paths at which nested values differ, tensors bit by bit."""
    if isinstance(expected, torch.Tensor):
        same = torch.equal(found, expected)
    elif isinstance(expected, dict):
        same = found.keys() == expected.keys()
        for key in found.keys() & expected.keys():
            yield from differences(found[key], expected[key], f"{place}/{key}")
    elif isinstance(expected, list):
        same = len(found) == len(expected)
        for number, pair in enumerate(zip(found, expected, strict=False)):
            yield from differences(*pair, f"{place}/{number}")
    else:
        same = found == expected
    if not same:
        yield place


def expect_same(found: End, expected: End) -> None:
    assert found.rows == expected.rows
    assert found.checkpoints.keys() == expected.checkpoints.keys() == {"last.ckpt", "epoch-001.ckpt", "epoch-003.ckpt"}
    for name, content in expected.checkpoints.items():
        assert [at for key in STATES for at in differences(found.checkpoints[name][key], content[key], key)] == []
    np.testing.assert_array_equal(found.scores.scores, expected.scores.scores)


def kill(command: Command, number: signal.Signals, moment: str, rng: random.Random, longest: float) -> None:
    """Send a signal to a command that has just begun, once it has come to a moment that is random."""
    if moment == "any":
        time.sleep(rng.uniform(0, longest))
    if moment == "epoch":
        command.wait(command.epochs)
        time.sleep(rng.uniform(0, longest / EPOCHS))
    if moment == "checkpoint":
        command.wait(lambda: command.files("checkpoints/.*"))
    everyone = number == signal.SIGINT or rng.random() < 0.5  # Ctrl-C goes to all; so may the others on a cluster
    with suppress(ProcessLookupError):  # it has ended
        (os.killpg if everyone else os.kill)(command.group, number)


@pytest.mark.parametrize("options", COMMANDS, ids=" ".join)
def test_a_run_ends_as_if_it_had_been_left_alone(
    tmp_path: Path, tiny_data: Path, faults: Faults, options: tuple[str, ...]
) -> None:
    start, kills = time.monotonic(), round(KILLS * COMMANDS[options])
    command = Command(tmp_path / "alone", tiny_data, options)
    command.begin()
    assert command.end() == 0, command.log()
    expected, longest = command.result(), time.monotonic() - start

    rng, killed_by, repeated = random.Random(str(options)), Counter[str](), 0
    signals = cycle((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    moments = cycle(("checkpoint", "epoch", "any", "epoch", "checkpoint", "checkpoint", "any", "any", "epoch"))
    lives = 0
    while killed_by.total() < kills:
        lives += 1
        command, saved = Command(tmp_path / f"life{lives}", tiny_data, options), 0
        while not command.finished():
            command.begin()
            number, moment = next(signals), next(moments)
            left_alone = killed_by.total() >= kills
            if not left_alone:
                kill(command, number, moment, rng, longest)
            code = command.end()
            before, saved, epochs = saved, command.saved(), command.epochs()
            assert epochs == list(range(before + 1, before + 1 + len(epochs)))
            assert saved >= before + max(len(epochs) - 1, 0)  # but for the one whose checkpoint was being written
            if before and epochs:
                assert f"checkpoints/last.ckpt, after epoch {before} of {EPOCHS}" in command.log()
            if code:
                assert not left_alone, command.log()
                # Hydra ends in ways of its own; of several processes Lightning kills those that are left
                begun = "network " in command.log()
                assert not begun or code in (-number, 128 + signal.SIGINT, -signal.SIGKILL), command.log()
                killed_by[number.name] += 1
                repeated += before + len(epochs) - saved
            else:
                assert command.finished(), command.log()
        expect_same(command.result(), expected)
    for _ in range(killed_by.total()):
        faults.add("harmless")
    print(f"{options}: {dict(killed_by)}, {repeated} epochs repeated, {lives} runs end as the one left alone")


def test_a_process_does_not_wait_for_one_that_was_killed_before_they_met(tmp_path: Path, tiny_data: Path) -> None:
    command = Command(tmp_path / "ranks", tiny_data, RANKS)
    command.begin()
    command.wait(lambda: members(command.group) == 2)
    os.kill(command.group, signal.SIGKILL)
    assert command.end() == -signal.SIGKILL
