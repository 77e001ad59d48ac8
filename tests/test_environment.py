"""What a result depends on: git, processor, versions."""

import json
import subprocess
from pathlib import Path

import torch

from stgdn.environment import COMMIT, environment, git_state, processor, processor_flags, versions


def git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(root), *identity, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_state_of_a_checkout(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    for part in ("src", "conf", "outputs"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "file").write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "src", "conf")
    git(tmp_path, "commit", "-qm", "first")
    expected = {"commit": git(tmp_path, "rev-parse", "HEAD"), "clean": True}
    assert git_state(tmp_path) == expected  # results beside the code do not matter
    (tmp_path / "src" / "file").write_text("2")
    assert git_state(tmp_path) == expected | {"clean": False}
    copy = tmp_path / "outputs" / "copy"
    copy.mkdir()
    assert git_state(copy) is None
    (copy / COMMIT).write_text(json.dumps(expected))
    assert git_state(copy) == expected


def test_the_processor(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx2 avx512f amx_bf16 sse\n")
    assert processor(path) == "Some CPU @ 2 GHz"
    assert processor_flags(path) == ["amx_bf16", "avx2", "avx512f", "fpu", "sse"]
    assert processor_flags(tmp_path / "missing") == []
    assert processor(tmp_path / "missing")


def test_what_is_recorded() -> None:
    found = environment(torch.device("cpu"), {"clips.npy": 1, "store.json": 2})
    assert found["data"] == {"clips.npy": 1}
    assert found["device"] == "cpu"
    assert found["versions"] == versions()
    assert all(name.startswith(("avx2", "avx512", "amx")) for name in found["instruction_sets"])
    assert json.loads(json.dumps(found)) == found
