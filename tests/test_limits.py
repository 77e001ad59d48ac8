"""A test that crashes or hangs ends the run soon, by name, and nothing that it started outlives it."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import limited_run
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux are daemons of a killed test found")

# What is run: groups of several tests for pytest-xdist, and in the middle of one a test that starts a daemon and then
# never ends. `pause` holds Python's lock, as a loop in C may: no Python code runs any more, in no thread.
SUITE = """
import ctypes
import os
import subprocess
import time
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", range(6))
def test_alone(number):
    pass


@pytest.mark.xdist_group("group")
@pytest.mark.parametrize("number", range(5))
def test_group(number):
    if number == 1:
        daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
        Path("daemon.tmp").write_text(str(daemon.pid))
        Path("daemon.tmp").rename("daemon")
        {end}
"""
STUBBORN = """
import signal
import subprocess

signal.signal(signal.SIGINT, lambda *_: print("told to end", flush=True))
daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
with open("daemon", "w") as file:
    file.write(str(daemon.pid))
signal.pause()
"""
CULPRIT = "test_group[1]@group"


def command(folder: Path, end: str, *options: str) -> list[str]:
    """The command of `make unit` for a small suite, in which a test comes to this end."""
    (folder / "test_suite.py").write_text(SUITE.replace("{end}", end))
    project = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}", "-p", "tests.unfinished"]
    given = shlex.join([*project, "test_suite.py", "-n", "2", *options])
    make = ["make", "-n", "unit", f"BIN={Path(sys.executable).parent}", "LIMIT=60", f"ARGS={given}"]
    planned = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in planned.splitlines() if "pytest" in line)
    words = [word for word in shlex.split(line) if not word.startswith("O")]  # numbers of threads
    return [str(ROOT / word) if word.startswith("tests/") else word for word in words]


def start(words: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(words, cwd=folder, env=environment, **pipes)


def alive(folder: Path) -> bool:
    """Whether the daemon that the test has started still runs."""
    try:
        os.kill(int((folder / "daemon").read_text()), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("end", "reason"),
    [("os.abort()", "Fatal Python error: Aborted"), ("ctypes.PyDLL(None).pause()", "Timeout (0:00:01)!")],
    ids=["crash", "hang"],
)
@pytest.mark.parametrize("workers", ["2", "0"])
def test_a_crash_or_hang_ends_the_run(tmp_path: Path, end: str, reason: str, workers: str) -> None:
    process = start(command(tmp_path, end, "-n", workers, "-o", "faulthandler_timeout=1"), tmp_path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode not in (0, limited_run.OVER), out
    if (workers, end) != ("2", "os.abort()"):  # there another worker may write between two letters of the report
        assert reason in out
        assert "in test_group" in out  # the stack of the process
    if workers == "2":
        assert f"crashed while running 'test_suite.py::{CULPRIT}'" in out
        assert f"NOT ENDED test_suite.py::{CULPRIT}" in out
        assert re.search("[12] failed", out)  # the other worker may have tried it once more
    assert not alive(tmp_path)


def test_the_whole_run_has_a_limit(tmp_path: Path) -> None:
    words = [sys.executable, limited_run.__file__, "3", sys.executable, "-c", STUBBORN]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == limited_run.OVER
    assert "error: not finished after 3 s, the limit of the whole run" in ended.stderr
    assert ended.stdout == "told to end\n"
    assert not alive(tmp_path)


def test_interrupted_nothing_is_left_running(tmp_path: Path) -> None:
    process = start(command(tmp_path, "time.sleep(600)"), tmp_path)
    end = time.monotonic() + 30
    while not (tmp_path / "daemon").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    started = limited_run.descendants(process.pid)
    assert len(started) >= 4  # pytest, two workers, the daemon
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, out
    assert f"NOT ENDED test_suite.py::{CULPRIT}" in out
    assert not alive(tmp_path)
    assert not [number for number in started if Path(f"/proc/{number}").exists()]


def test_a_command_that_ends_has_its_exit_code(tmp_path: Path) -> None:
    for code in ("raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"):
        words = [sys.executable, limited_run.__file__, "60", sys.executable, "-c", code]
        assert subprocess.run(words, cwd=tmp_path, check=False).returncode == (3 if "3" in code else 137)


@pytest.mark.parametrize(
    ("made", "code", "line"),
    [
        ("exit 0", 0, r"CI passed in \d+ s"),
        ("[ $1 = install-dev ]", 1, r"CI FAILED with exit code 1 after \d+ s \(LIMIT=2\)"),
        ("[ $1 = install-dev ] || sleep 600", 124, r"CI FAILED with exit code 143 after \d+ s \(LIMIT=2\)"),
    ],
    ids=["passes", "fails", "hangs"],
)
def test_ci_ends_with_a_line_that_says_how(tmp_path: Path, made: str, code: int, line: str) -> None:
    for name, script in (("make", made), ("id", "echo 1000")):  # not root: nothing is installed
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LIMIT": "2"}
    ended = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stderr
    assert re.fullmatch(line, ended.stdout.splitlines()[-1])
