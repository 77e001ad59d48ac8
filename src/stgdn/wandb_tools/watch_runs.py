"""The newest runs in `wandb leet`, the terminal dashboard of W&B."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from stgdn.errors import InputError
from stgdn.wandb_tools.local import RunRecord, display_name, find_records, split_damaged


def watch(outputs: str | Path, newest: int) -> None:
    """Show the newest records below a folder in leet until the user quits; damaged ones are named and left out.

    Raises:
        InputError: there are no readable records, or no terminal.
    """
    if newest < 1:
        raise InputError(f"newest={newest} must be at least 1")
    good, damaged = split_damaged(find_records(outputs)[:newest])
    if not good:
        raise InputError(f"none of the {len(damaged)} newest W&B records below {outputs} can be read")
    if not (os.isatty(0) and os.isatty(1)):
        raise InputError("leet needs a terminal; `python src/report.py` tabulates finished runs without one")
    with TemporaryDirectory(prefix="stgdn-watch-") as directory:
        link_records(Path(directory), good)
        left = subprocess.run([sys.executable, "-m", "wandb", "leet", directory], check=False)
    if left.returncode:
        raise InputError(f"`wandb leet` ended with exit code {left.returncode}: is wandb 0.28 or newer installed?")


def link_records(directory: Path, records: list[RunRecord]) -> None:
    """Link records into one folder as leet reads it, each under a readable name.

    leet lists the names of folders `run-DATE_TIME-ID` and opens `run-ID.wandb` in them, so ID is where the name goes.
    """
    for record in records:
        name = record_name(record)
        folder = directory / f"run-{record.begun}-{name}"
        folder.mkdir()
        (folder / f"run-{name}.wandb").symlink_to(record.log.resolve())
        (folder / "files").symlink_to((record.folder / "files").resolve())


def record_name(record: RunRecord) -> str:
    """Return the name of a record in leet: `st_gdn joint seed1 demo demo (abcd1234)`."""
    return f"{display_name(*('', '', '', *record.run.parts)[-4:])} ({record.run_id})"
