"""Finished runs as a table."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stgdn.errors import InputError
from stgdn.files import replacing

START, END = "<!-- results -->", "<!-- end of results -->"
HEADINGS = ("data", "model", "stream", "epochs", "seed", "test top-1", "parameters", "GFLOP a clip (C, T, V, M)", "run")


def rows(outputs: str | Path, **only: str | None) -> list[dict[str, Any]]:
    """Summaries of the finished runs below `outputs` whose entries are those of `only`, each with its folder.

    Raises:
        InputError: no finished run matches, or a summary cannot be read.
    """
    wanted = {key: value for key, value in only.items() if value is not None}
    found = []
    for path in sorted(Path(outputs).rglob("summary.json")):
        if "wandb" in path.parts:
            continue
        try:
            summary = json.loads(path.read_text())
        except ValueError as error:
            raise InputError(f"{path} is damaged ({error}): evaluate or train that run again") from None
        if all(summary[key] == value for key, value in wanted.items()):
            found.append(summary | {"folder": str(path.parent)})
    if not found:
        raise InputError(
            f"no finished run below {outputs} matches {wanted or 'anything'}: train with src/train.py first"
        )
    return found


def markdown(summaries: Sequence[dict[str, Any]]) -> str:
    """A Markdown table, one row a run."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
    for summary in summaries:
        cells = (
            f"{summary['data']}{' (synthetic)' if summary['synthetic'] else ''}",
            f"`{summary['model']}`",
            summary["stream"],
            summary["epochs"],
            summary["seed"],
            f"{summary['test_top1']:.1f}",
            f"{summary['parameters']:,}",
            f"{summary['flops'] / 1e9:.2f} ({', '.join(map(str, summary['clip_shape']))})",
            f"`{Path(summary['folder']).name}`",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def insert(path: str | Path, table: str) -> None:
    """Replace what stands between the two marks in a file.

    Raises:
        InputError: the file lacks the marks.
    """
    target = Path(path)
    text = target.read_text() if target.exists() else ""
    if START not in text or END not in text:
        raise InputError(f"{path} has no lines {START} and {END} for the table to go between")
    before, after = text.split(START)[0], text.split(END)[1]
    with replacing(target) as temporary:
        temporary.write_text(f"{before}{START}\n{table}\n{END}{after}")
