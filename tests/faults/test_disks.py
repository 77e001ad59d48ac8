"""A full disk, no free inodes, a read-only folder: one sentence, and what was there before is still there.

The disks are small file systems in memory, which only root can mount.
"""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.conftest import Outcome
from tests.faults.conftest import Disk
from tests.faults.figures import FULL, Faults
from tests.faults.writers import WRITERS, Project, expect_whole, expect_written, finished_files

from stgdn.files import TEMPORARY

SHORT = ("prepare", "report", "describe")  # commands that are tried usually
COMMANDS = tuple(WRITERS) if FULL else SHORT
LEVELS = 12 if FULL else 2  # amounts of free space that are tried


def content(out: Path) -> dict[Path, bytes]:
    """Return the finished files below a folder."""
    return {path: path.read_bytes() for path in finished_files(out) if path.name != "verified.json"}


def fill(disk: Path, free: int) -> Path:
    """Leave so many bytes free on a disk; returns the file that takes the others."""
    filler = disk / "filler"
    state = os.statvfs(disk)
    with filler.open("wb") as file, suppress(OSError):
        for _ in range(max(0, state.f_bavail * state.f_bsize - free) // 4096):
            file.write(bytes(4096))
            file.flush()
    return filler


def fill_inodes(disk: Path, free: int) -> Path:
    """Leave so many inodes free on a disk; returns the folder of the files that take the others."""
    filler = disk / "fillers"
    filler.mkdir()
    for number in range(os.statvfs(disk).f_favail - free):
        (filler / str(number)).touch()
    return filler


def expect_sentence(name: str, outcome: Outcome) -> None:
    """Check that a command has failed with one sentence."""
    lines = [line for line in outcome.err.splitlines() if not line.startswith(("note: ", "warning: "))]
    assert outcome.code == 1, (name, outcome.err)
    assert "Traceback" not in outcome.err, outcome.err
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, (name, outcome.err)


def begin(project: Project, name: str, out: Path) -> dict[Path, bytes]:
    """Let a command write its files for the first time; returns them."""
    out.mkdir(exist_ok=True)
    if name == "evaluate":
        shutil.copytree(project.places["run"], out / "run")
    outcome = project.run(name, out)
    assert outcome.code == 0, outcome.err
    expect_written(name, out)
    return content(out)


def attempt(project: Project, name: str, out: Path, faults: Faults, before: dict[Path, bytes]) -> None:
    """Run a command where it cannot write all, and check what it leaves."""
    anew = name == "train"  # overwrite=true removes a run before the new one begins, thus another run
    outcome = project.run(name, out, *(("seed=2",) if anew else ()), again=not anew)
    if outcome.code == 0:
        expect_written(name, out)
        faults.add("harmless")
        return
    expect_sentence(name, outcome)
    after = content(out)
    expect_whole(out)
    changed = [str(path) for path, found in before.items() if after.get(path) != found]
    if name == "evaluate":  # two files, one after the other, each of them whole
        changed = [path for path in changed if not Path(path).exists()]
    leftovers = [str(path) for path in out.rglob("*") if TEMPORARY.fullmatch(path.name)]
    faults.add("lost" if changed or leftovers else "found", f"{name}: {changed + leftovers}")


def again(project: Project, name: str, out: Path) -> None:
    """Check that a command works as before."""
    more = ("seed=2", "resume=true") if name == "train" else ()
    outcome = project.run(name, out, *more, again=name != "train")
    finished = "nothing left to do" in outcome.out + outcome.err
    assert outcome.code == 0 or finished, outcome.err
    expect_written(name, out)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(project: Project, disk: Disk, faults: Faults, name: str) -> None:
    place = disk()
    out = place / "out"
    before = begin(project, name, out)
    need = sum(map(len, before.values()))
    rng = random.Random(name)
    for free in [0, *(rng.randrange(need) for _ in range(LEVELS - 1))]:
        filler = fill(place, free)
        attempt(project, name, out, faults, before)
        filler.unlink()
        again(project, name, out)
        if name == "train":
            remove_others(out, before)
        before = content(out)
    assert not faults.lost
    assert faults.outcomes["found"]


def remove_others(out: Path, kept: dict[Path, bytes]) -> None:
    """Remove runs that were not there before."""
    for summary in list(out.rglob("summary.json")):
        if summary not in kept:
            shutil.rmtree(summary.parent)


@pytest.mark.parametrize("name", COMMANDS if FULL else SHORT[:2])
def test_no_inodes(project: Project, disk: Disk, faults: Faults, name: str) -> None:
    place = disk(files=300)
    out = place / "out"
    before = begin(project, name, out)
    for free in range(3 if FULL else 1):
        filler = fill_inodes(place, free)
        attempt(project, name, out, faults, before)
        shutil.rmtree(filler)
        again(project, name, out)
        if name == "train":
            remove_others(out, before)
        before = content(out)
    assert not faults.lost


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """Mount a disk read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)


@pytest.mark.parametrize("name", COMMANDS if FULL else SHORT)
def test_a_read_only_folder(project: Project, disk: Disk, faults: Faults, name: str) -> None:
    place = disk()
    out = place / "out"
    before = begin(project, name, out)
    with read_only(place):
        attempt(project, name, out, faults, before)
    again(project, name, out)
    assert faults.outcomes == {"found": 1}, faults.lost


@pytest.mark.parametrize("name", COMMANDS if FULL else SHORT[:2])
def test_temporary_files_on_another_disk_that_is_full(
    project: Project, disk: Disk, faults: Faults, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = disk("other", megabytes=1)
    fill(other, 0)
    monkeypatch.setenv("TMPDIR", str(other))
    monkeypatch.setattr(tempfile, "tempdir", None)
    begin(project, name, project.folder / "out")
    faults.add("harmless")
