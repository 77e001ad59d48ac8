"""What W&B has on this machine: a key, and what it recorded below runs' folders, found and checked without a server.

Every start of a run leaves a folder `wandb/[offline-]run-DATE_TIME-ID` with one log, `run-ID.wandb`: 7 bytes that say
what it is, then blocks of 32 KiB of records, each with its checksum (the log format of LevelDB, with plain CRC-32).
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import wandb

from stgdn.errors import InputError

FOLDER = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(.+)")  # when it was begun, its id
MAGIC = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
BLOCK = 32768
RECORD = struct.Struct("<IHB")  # checksum, length, kind


def logged_in() -> bool:
    """Whether this machine has a key that W&B takes; never asks for one.

    Raises:
        AuthenticationError: there is a key, and W&B refuses it or is not reached.
    """
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
        return False
    return bool(wandb.login(prompt=False))


@dataclass(frozen=True)
class Part:
    """One start of a run, as W&B recorded it; a resumed run has several, of one id.

    Attributes:
        folder: W&B's, `RUN/wandb/offline-run-20260101_120000-abcd1234`.
        begun: when, as in its name.
        run_id: W&B's.
    """

    folder: Path
    begun: str
    run_id: str

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.folder.parent.parent

    @property
    def log(self) -> Path:
        """The file that holds everything but media."""
        return self.folder / f"run-{self.run_id}.wandb"

    @property
    def offline(self) -> bool:
        """Whether it was recorded without a server."""
        return self.folder.name.startswith("offline-")

    @property
    def uploaded(self) -> bool:
        """Whether `wandb sync` has uploaded it."""
        return self.log.with_suffix(".wandb.synced").exists()


def find_parts(outputs: str | Path) -> list[Part]:
    """What W&B recorded of the runs below a folder, the newest first.

    Of a run that was trained anew only its last record counts.

    Raises:
        InputError: there is nothing.
    """
    parts = [part for place in Path(outputs).rglob("wandb") for part in parts_of(place.parent)]
    if not parts:
        raise InputError(
            f"no W&B records below {outputs}: train with `python src/train.py` (without logger.wandb=off), "
            "or say where runs are with outputs=FOLDER"
        )
    return sorted(parts, key=lambda part: part.begun, reverse=True)


def parts_of(run: Path) -> list[Part]:
    """What W&B recorded of one run since it was last begun from the start, the newest first."""
    found = [
        Part(folder, match[1], match[2])
        for folder in run.glob("wandb/*run-*")
        if not folder.is_symlink() and (match := FOLDER.fullmatch(folder.name))
    ]
    found.sort(key=lambda part: part.begun, reverse=True)
    return [part for part in found if part.run_id == found[0].run_id]


def sort_out(parts: list[Part]) -> tuple[list[Part], dict[Part, str]]:
    """The parts whose logs can be read, and why the others cannot."""
    reasons = {part: reason for part in parts if (reason := damage(part.log)) is not None}
    return [part for part in parts if part not in reasons], reasons


def damage(log: Path) -> str | None:
    """What is wrong with a log; None for one that is whole, or whole up to where its run was killed."""
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
    """Position, checksum and checked bytes (kind and payload) of every whole record of a log."""
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
