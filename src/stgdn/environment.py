"""Record what a result depends on besides its options: versions, code, data, processor, threads and device."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stgdn.data.store.store import HEADER

if TYPE_CHECKING:  # what submits jobs does without PyTorch
    import torch

PACKAGES = ("torch", "lightning", "numpy", "stgdn")
INSTRUCTION_SETS = ("avx2", "avx512", "amx")  # beginnings of the names, as Linux has them
CPUINFO = Path("/proc/cpuinfo")
COMMIT = "commit.json"  # the git state of a copy of the code, which is outside the checkout
ROOT = Path(__file__).resolve().parents[2]  # of a checkout, which has src/stgdn


def environment(device: "torch.device", checksums: Mapping[str, int]) -> dict[str, Any]:
    """Return what a result depends on, as plain data for `summary.json`.

    Args:
        device: that computes.
        checksums: of the prepared data, by file; not that of its description, which names the place of the raw files.
    """
    import torch

    sets = [flag for flag in processor_flags() if flag.startswith(INSTRUCTION_SETS)]
    return {
        "versions": versions(),
        **({"git": state} if (state := git_state()) else {}),
        "data": {name: value for name, value in checksums.items() if name != HEADER},
        "threads": torch.get_num_threads(),
        "processor": processor(),
        "instruction_sets": sets,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of what computes; what is not installed as a package has none."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def git_state(root: Path = ROOT) -> dict[str, Any] | None:
    """Return the commit of a checkout, and whether its code and configs were as committed; None outside a checkout.

    A copy that jobs run has that of the checkout in a file.
    """
    if (root / COMMIT).is_file():
        return json.loads((root / COMMIT).read_text(encoding="utf-8"))
    if not (root / ".git").exists():
        return None
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--", "src", "conf")
    return None if commit is None or changes is None else {"commit": commit, "clean": not changes}


def _git(root: Path, *words: str) -> str | None:
    """Return the output of a git command; None if there is no git, or it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(root), *words]
        ended = subprocess.run(command, env=kept, capture_output=True, text=True, check=False, timeout=30)
        return ended.stdout.strip() if ended.returncode == 0 else None
    return None


def processor(cpuinfo: Path = CPUINFO) -> str:
    """Return the name of the processor."""
    return next(iter(_cpu_entries("model name", cpuinfo)), "") or platform.processor() or platform.machine()


def processor_flags(cpuinfo: Path = CPUINFO) -> list[str]:
    """Return the names of the processor's instruction sets, as Linux has them; none on another system."""
    return sorted(set(next(iter(_cpu_entries("flags", cpuinfo)), "").split()))


def _cpu_entries(name: str, cpuinfo: Path) -> list[str]:
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.is_file() else ""
    pairs = (line.partition(":") for line in text.splitlines())
    return [value.strip() for key, _, value in pairs if key.strip() == name]
