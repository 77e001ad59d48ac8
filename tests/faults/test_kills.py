"""A command that is killed at any moment leaves whole files or the ones of before, and works again.

Trainings that go on after a kill are in tests/training/test_kills.py.
"""

import random
import signal
import time

import pytest
from tests.faults.figures import FULL, Faults
from tests.faults.test_disks import begin
from tests.faults.writers import WRITERS, Project, expect_whole, expect_written, finished_files

COMMANDS = tuple(WRITERS) if FULL else ("prepare", "report")
KILLS = 12 if FULL else 2  # of each command

pytestmark = pytest.mark.xdist_group("kills")


@pytest.mark.parametrize("name", COMMANDS)
def test_files_are_whole(project: Project, faults: Faults, name: str) -> None:
    out = project.folder / "out"
    before = begin(project, name, out)
    begun = time.monotonic()
    assert project.kill(name, out, signal.SIGKILL, seconds=120) == 0  # it ends before
    longest = time.monotonic() - begun
    rng = random.Random(name)
    for number in range(KILLS):
        kind = (signal.SIGKILL, signal.SIGTERM)[number % 2]
        code = project.kill(name, out, kind, rng.uniform(0.2, 1) * longest)
        assert code in (0, -kind, 128 + kind, 130), (project.folder / "log").read_text()
        expect_whole(out)
        lost = set() if name == "train" else set(before) - set(finished_files(out))  # overwrite=true begins anew
        faults.add("lost" if lost else "harmless", f"{name}: {sorted(map(str, lost))}")
    assert project.run(name, out, again=True).code == 0
    expect_written(name, out)
    assert not faults.lost
