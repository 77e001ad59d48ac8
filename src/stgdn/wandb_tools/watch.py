"""The newest runs in W&B's terminal dashboard, `wandb leet`, which shows the runs of one folder."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from stgdn.errors import InputError
from stgdn.wandb_tools.local import Part, find_parts, sort_out

LONGEST_NAME = 150  # characters; a file's name may have 255


def watch(outputs: str | Path, newest: int) -> None:
    """Open leet on the newest records below a folder until it is left; damaged ones are named and left out.

    Raises:
        InputError: there is nothing to watch, or no terminal to show it in.
    """
    if newest < 1:
        raise InputError(f"newest={newest} must be at least 1")
    good, damaged = sort_out(find_parts(outputs)[:newest])
    for part, reason in damaged.items():
        print(f"note: left out {part.log}: {reason}", file=sys.stderr)
    if not good:
        raise InputError(f"none of the {len(damaged)} newest W&B records below {outputs} can be read")
    if not (os.isatty(0) and os.isatty(1)):
        raise InputError("leet needs a terminal; `python src/report.py` tabulates finished runs without one")
    with TemporaryDirectory(prefix="stgdn-watch-") as shelf:
        fill(Path(shelf), good)
        left = subprocess.run([sys.executable, "-m", "wandb", "leet", shelf], check=False)
    if left.returncode:
        raise InputError(f"`wandb leet` ended with exit code {left.returncode}: is wandb 0.28 or newer installed?")


def fill(shelf: Path, parts: list[Part]) -> None:
    """Gather records in one folder as leet reads it, each under a name that says what it is.

    leet lists the names of folders `run-DATE_TIME-ID` and opens `run-ID.wandb` in them, so ID is where the name goes.
    """
    for part in parts:
        name = label(part)
        folder = shelf / f"run-{part.begun}-{name}"
        folder.mkdir()
        (folder / f"run-{name}.wandb").symlink_to(part.log.resolve())
        (folder / "files").symlink_to((part.folder / "files").resolve())


def label(part: Part) -> str:
    """What leet calls a record: what differs in a sweep comes first, as leet's list is narrow.

    `st_gdn joint seed1 demo demo (abcd1234)` of `outputs/demo/st_gdn/joint/demo-seed1`.
    """
    data, model, stream, recipe = ("", "", "", *part.run.parts)[-4:]
    recipe, _, rest = recipe.partition("-seed")
    words = [model, stream, f"seed{rest}" if rest else "", recipe, data]
    return f"{' '.join(word for word in words if word)[:LONGEST_NAME]} ({part.run_id})"
