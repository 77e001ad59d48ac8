"""Run a command for so many seconds at most; nothing that it starts outlives it: `limited_run.py SECONDS COMMAND ...`.

A test that crashes or hangs is ended together with its process, which cannot stop the trainings, data workers and
daemons that the test has started. On Linux this process becomes the parent of those that lose theirs, and kills them;
elsewhere it kills the command's process group. Ctrl-C is handed on; after a second one the command is not waited for.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

GRACE = 30  # seconds to end in: pytest-xdist gives its workers 10, then the summary is printed
OVER = 124  # exit code of a command that took too long, as timeout(1) has it
CHECK_EVERY = 0.05  # seconds
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


def main(limit: float, command: Sequence[str]) -> int:
    """Run `command` for at most `limit` seconds; returns its exit code, 124 after the limit, 128 + N after signal N."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: received.append(number))
    adopt_orphans()
    end = time.monotonic() + limit
    process = subprocess.Popen(command, start_new_session=True)
    while not (ended := reap(process)) and not received and time.monotonic() < end:
        time.sleep(CHECK_EVERY)
    if not ended:
        if not received:
            print(f"\nerror: not finished after {limit:g} s, the limit of the whole run", file=sys.stderr, flush=True)
        interrupt(process, received)
    end_all(process)
    if ended:
        return process.returncode if process.returncode >= 0 else 128 - process.returncode
    return 128 + received[0] if received else OVER


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent ends, where the system can do that: on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(process: subprocess.Popen[bytes]) -> bool:
    """Forget children that have ended; returns whether the command is one of them."""
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if found[0] == process.pid:
                process.returncode = os.waitstatus_to_exitcode(found[1])
    return process.returncode is not None


def interrupt(process: subprocess.Popen[bytes], received: list[int]) -> None:
    """Give the command and what it started the time to end by themselves, until it is over or Ctrl-C comes again."""
    before, end = received.count(signal.SIGINT), time.monotonic() + GRACE
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    while not reap(process) and received.count(signal.SIGINT) == before and time.monotonic() < end:
        time.sleep(CHECK_EVERY)


def end_all(process: subprocess.Popen[bytes]) -> None:
    """Kill all that is left: the command's process group and, on Linux, every descendant."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    end = time.monotonic() + GRACE
    while (found := descendants(os.getpid())) and time.monotonic() < end:
        for number in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)
        reap(process)
        time.sleep(CHECK_EVERY)
    reap(process)


def descendants(ancestor: int) -> list[int]:
    """Processes that `ancestor` has started, that these have started, and so on; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [ancestor]
    for number in found:
        found.extend(children.get(number, ()))
    return found[1:]


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
