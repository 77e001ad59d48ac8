"""The lock of a run's folder: one process trains in it, and another one says who that is.

The lock is a file that names its owner. A thread renews its time of change every minute. It is stale, and another
process may take it, if its owner was a process of this machine and has ended, or has not renewed it for five minutes;
a job that Slurm has started again takes its own. Times are compared within the file system that holds the folder, so
that the clocks of two machines do not matter.
"""

import hashlib
import json
import os
import platform
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from signal import SIGINT

from stgdn.errors import InputError
from stgdn.files import process_exists, write_json
from stgdn.runs.folder import LOCK

HEARTBEAT = 60.0  # seconds after which a lock is renewed
STALE = 300.0  # seconds without renewal after which another process may take it
CLOCK_ERROR = 2.0  # seconds by which times of one file system may go backwards


class LockedError(InputError):
    """Another process trains in the folder."""


@dataclass(frozen=True)
class Owner:
    """Name the process that holds a lock."""

    token: str  # of this lock alone
    host: str
    machine: str  # within which numbers of processes are unique: one start of a machine, one container
    process: int
    started: int  # time when the process began, as the system counts: numbers of processes are used again
    job: str | None  # of Slurm
    restarts: int  # of the job
    since: str  # time by the host's clock

    @classmethod
    def of_this_process(cls) -> "Owner":
        """Return the owner of a new lock."""
        job, restarts = os.environ.get("SLURM_JOB_ID"), int(os.environ.get("SLURM_RESTART_COUNT") or 0)
        number, since = os.getpid(), f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
        return cls(uuid.uuid4().hex, platform.node(), _machine(), number, start_time(number), job, restarts, since)

    @classmethod
    def read(cls, lock: Path) -> "Owner | None":
        """Return the owner that a lock names; None if there is none, none yet, or the file is damaged."""
        try:
            owner = cls(**json.loads(lock.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        numbers = (owner.process, owner.started, owner.restarts)
        return owner if all(type(number) is int for number in numbers) and str(owner).isprintable() else None

    def is_alive(self) -> bool | None:
        """Return whether the process still runs; None if it is of another machine."""
        if self.machine != _machine() or sys.platform == "win32":
            return None
        return start_time(self.process) == self.started and process_exists(self.process)

    def continued_by(self, other: "Owner") -> bool:
        """Return whether another owner is the same process, or its job started again."""
        if (self.machine, self.process, self.started) == (other.machine, other.process, other.started):
            return True
        return self.job is not None and self.job == other.job and self.restarts < other.restarts

    def __str__(self) -> str:
        """Describe the owner for a message."""
        job = f" of Slurm job {self.job}" if self.job else ""
        return f"process {self.process}{job} on {self.host}, since {self.since}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which is made if it is missing, and removed again if nothing was put into it.

    Raises:
        LockedError: another process holds it.
        KeyboardInterrupt: another process has taken it, as this one had not renewed it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    owner, lock, ended = Owner.of_this_process(), folder / LOCK, threading.Event()
    try:
        acquire(lock, owner)
        threading.Thread(target=_renew, args=(lock, owner, ended), daemon=True).start()
        yield
    finally:
        ended.set()
        if Owner.read(lock) == owner:
            lock.unlink(missing_ok=True)
        for path in made:
            with suppress(OSError):  # something is in it
                path.rmdir()


def acquire(lock: Path, owner: Owner) -> None:
    """Create a lock, or replace a stale one; of several processes that try at once, one succeeds.

    Raises:
        LockedError: another process holds the lock, or has just taken it.
    """
    try:
        _create(lock, owner)
        return
    except FileExistsError:
        holder = Owner.read(lock)
    if not lock.exists():  # released at this moment
        acquire(lock, owner)
        return
    if (holder is not None and holder.continued_by(owner)) or is_stale(lock, holder):
        _take_over(lock, holder, owner)
    holder = Owner.read(lock)
    if holder != owner:
        who = holder or "a process that does not say its name"
        raise LockedError(f"{lock.parent} is in use: {who}; wait for its end, or stop it, then type the command again")


def _create(lock: Path, owner: Owner) -> None:
    """Write a lock where there is none.

    Raises:
        FileExistsError: there is one.
    """
    with lock.open("x", encoding="utf-8") as file:
        try:
            json.dump(asdict(owner), file)
            file.flush()
        except OSError:
            lock.unlink()
            raise


def is_stale(lock: Path, holder: Owner | None) -> bool:
    """Return whether the holder of a lock has ended, or has not renewed the lock for long."""
    if holder is not None and (alive := holder.is_alive()) is not None:
        return not alive
    age = _age(lock)
    if age >= -CLOCK_ERROR:
        return age > STALE
    before = _changed(lock)  # the clock has been set back: only a further renewal tells
    time.sleep(1.5 * HEARTBEAT)
    return _changed(lock) == before


def _take_over(lock: Path, holder: Owner | None, owner: Owner) -> None:
    """Replace the lock of a holder, if no other process does so at the same time.

    The right to do so is a file named by the holder, which one process alone can create. It is removed after the
    lock has been replaced: who creates it later finds another holder.
    """
    right = lock.with_name(f".{lock.name}.{hashlib.sha1(repr(holder).encode()).hexdigest()}")
    with suppress(FileNotFoundError):
        if _age(right) > STALE:  # its owner was killed within a millisecond
            right.unlink()
    try:
        right.open("x").close()
    except FileExistsError:
        return
    try:
        if Owner.read(lock) == holder:
            write_json(lock, asdict(owner))
    finally:
        right.unlink(missing_ok=True)


def _renew(lock: Path, owner: Owner, ended: threading.Event) -> None:
    """Renew a lock until its owner ends; end the owner if another process has taken the lock."""
    while not ended.wait(HEARTBEAT):
        holder = Owner.read(lock)
        if holder is not None and holder != owner:
            print(f"error: {lock.parent} has been taken over: {holder}; this process ends", file=sys.stderr, flush=True)
            os.kill(os.getpid(), SIGINT)
            return
        with suppress(OSError):  # the file system does not answer: it may at the next time
            os.utime(lock)


def _age(path: Path) -> float:
    """Return the seconds since a file's last change, by the clock of its file system."""
    with tempfile.TemporaryFile(dir=path.parent) as file:
        file.write(b"now")
        file.flush()
        return os.fstat(file.fileno()).st_mtime - _changed(path)


def _changed(path: Path) -> float:
    """Return the time of a file's last change; the present if it is gone."""
    return path.stat().st_mtime if path.exists() else time.time()


def start_time(process: int) -> int:
    """Return when a process began, in clock ticks since the start of the machine; 0 if there is none, or no /proc."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def _machine() -> str:
    """Return what tells starts of machines and containers apart; the host's name where there is no /proc."""
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{started}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()
