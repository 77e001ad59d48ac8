"""A training of many steps takes no more memory and holds no more files open than at its beginning."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunCommand
from tests.faults.figures import FULL, Faults
from tests.faults.writers import TRAINING

from stgdn.training.recognizer import Recognizer

EPOCHS = 150 if FULL else 10
STEPS = 21 * EPOCHS  # 84 clips, 4 a step
GROWTH = 24 << 20  # bytes that memory may grow by after the first third
PAGE = os.sysconf("SC_PAGE_SIZE")

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="no /proc, which says what memory is used"
)


def test_memory_and_files_stay(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch, faults: Faults) -> None:
    memory: list[int] = []
    files: list[int] = []
    step = Recognizer.training_step

    def measured(self: Recognizer, *batch: Any) -> Any:  # noqa: ANN401
        memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * PAGE)
        files.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208
        return step(self, *batch)

    monkeypatch.setattr(Recognizer, "training_step", measured)
    options = (*TRAINING, "data.frames=8", "width=0.0625", "batch_size=4", f"epochs={EPOCHS}")
    outcome = run_command("train", *options)
    assert outcome.code == 0, outcome.err
    assert len(memory) == STEPS
    third = STEPS // 3
    grown = max(memory[-third:]) - max(memory[:third])
    more = max(files[-third:]) - max(files[:third])
    faults.add("harmless" if grown < GROWTH and more <= 0 else "lost", f"{grown} bytes, {more} files")
    assert not faults.lost
