"""W&B on this machine: the login, and the records below run folders, found and checked without a server.

Every start of a run leaves a folder `wandb/[offline-]run-DATE_TIME-ID` with one log, `run-ID.wandb`: 7 bytes that say
what it is, then blocks of 32 KiB of records, each with its checksum (the log format of LevelDB, with plain CRC-32).
"""

import os
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stgdn.errors import InputError

FOLDER = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(.+)")  # when it was begun, its id
MAGIC = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
BLOCK = 32768
RECORD = struct.Struct("<IHB")  # checksum, length, kind
LONGEST_NAME = 128  # characters of a run's name


def logged_in() -> bool:
    """Return whether this machine has a valid W&B key; never asks for one.

    Raises:
        AuthenticationError: there is a key, and W&B refuses it or cannot be reached.
    """
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
        return False
    import wandb

    return bool(wandb.login(prompt=False))


def display_name(data: str, model: str, stream: str, name: str) -> str:
    """Return the name of a run in W&B's lists, which show its beginning only: what differs in a sweep comes first.

    `st_gdn joint seed1+epochs-5 letter demo` of the run `demo/st_gdn/joint/letter-seed1+epochs-5`.
    """
    recipe, _, rest = name.partition("-seed")
    words = [model, stream, f"seed{rest}" if rest else "", recipe, data]
    return " ".join(word for word in words if word)[:LONGEST_NAME]


@dataclass(frozen=True)
class RunRecord:
    """Hold the W&B record of one start of a run; a resumed run has several with the same id."""

    folder: Path  # RUN/wandb/offline-run-20260101_120000-abcd1234
    begun: str  # time of the start, as in the name of the folder
    run_id: str  # at W&B

    @property
    def run(self) -> Path:
        """Return the folder of the run."""
        return self.folder.parent.parent

    @property
    def log(self) -> Path:
        """Return the path of the log, which holds everything but media."""
        return self.folder / f"run-{self.run_id}.wandb"

    @property
    def offline(self) -> bool:
        """Return whether the record was made without a server."""
        return self.folder.name.startswith("offline-")

    @property
    def uploaded(self) -> bool:
        """Return whether `wandb sync` has uploaded the record."""
        return self.log.with_suffix(".wandb.synced").exists()


def find_records(outputs: str | Path) -> list[RunRecord]:
    """Find the W&B records of all runs below a folder, newest first.

    If a run was trained again from the start, earlier records are left out.

    Raises:
        InputError: there are no records.
    """
    records = [record for place in Path(outputs).rglob("wandb") for record in records_of_run(place.parent)]
    if not records:
        raise InputError(
            f"no W&B records below {outputs}: train with `python src/train.py` (without logger.wandb=off), "
            "or say where runs are with outputs=FOLDER"
        )
    return sorted(records, key=lambda record: record.begun, reverse=True)


def records_of_run(run: Path) -> list[RunRecord]:
    """Return the W&B records of one run since its last start from the beginning, newest first."""
    records = [
        RunRecord(folder, match[1], match[2])
        for folder in run.glob("wandb/*run-*")
        if not folder.is_symlink() and (match := FOLDER.fullmatch(folder.name))
    ]
    records.sort(key=lambda record: record.begun, reverse=True)
    return [record for record in records if record.run_id == records[0].run_id]


def split_damaged(records: list[RunRecord]) -> tuple[list[RunRecord], list[RunRecord]]:
    """Return the records with readable logs, and the damaged ones, which are named on standard error."""
    reasons = {record: reason for record in records if (reason := log_problem(record.log)) is not None}
    for record, reason in reasons.items():
        print(f"note: left out {record.log}: {reason}", file=sys.stderr)
    return [record for record in records if record not in reasons], list(reasons)


def log_problem(log: Path) -> str | None:
    """Return the problem of a log; None if it is intact, or intact up to the point where its run was killed."""
    try:
        content = log.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    if not content.startswith(MAGIC):
        return "it is no log of W&B" if content else "it is empty"
    for position, checksum, body in log_records(content):
        if zlib.crc32(body) != checksum:
            return f"the record at byte {position} has a wrong checksum"
    return None


def log_records(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield position, checksum and checked bytes (kind and payload) of every complete record of a log."""
    position = len(MAGIC)
    while position + RECORD.size <= len(content):
        left = BLOCK - position % BLOCK
        if left < RECORD.size:  # too little for a record: the rest of the block is padding
            position += left
            continue
        checksum, length, kind = RECORD.unpack_from(content, position)
        end = position + RECORD.size + length
        if end > len(content):  # still being written, or cut off
            return
        if checksum == length == kind == 0 and not any(content[position:]):  # zeros after a crash
            return
        yield position, checksum, bytes([kind]) + content[position + RECORD.size : end]
        position = end
