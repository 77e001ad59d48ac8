"""A project for the tests of faults, and small disks."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.writers import project

__all__ = ["project"]

Disk = Callable[..., Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a function that mounts a small file system of its own; skips the test where that is not allowed."""
    mounted: list[Path] = []

    def mount(name: str = "disk", megabytes: int = 64, files: int = 2000) -> Path:
        place = tmp_path / name
        place.mkdir()
        options = f"size={megabytes}m,nr_inodes={files}"
        ended = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True)
        if ended.returncode:
            pytest.skip("no small disks: only root can mount a tmpfs")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
