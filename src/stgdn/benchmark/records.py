"""Results of a benchmark as a JSON file, with all that is needed to repeat it."""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from stgdn.benchmark import devices
from stgdn.benchmark.literal import ROOT
from stgdn.benchmark.measures import Setting
from stgdn.errors import InputError
from stgdn.files import DAMAGE, write_json

Record = dict[str, Any]


def origin(setting: Setting, overrides: Sequence[str]) -> Record:
    """When, where and how figures are taken: the first part of a record.

    Args:
        setting: how networks are run.
        overrides: what was given to src/benchmark.py.
    """
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": shlex.join(["python", "src/benchmark.py", *overrides]),
        "commit": commit(),
        "machine": devices.described(setting),
        "device": setting.device,
        "precision": setting.precision,
        "compile": setting.compile,
        "threads": setting.threads,
    }


def commit() -> str | None:
    """Hash of the repository's commit, with `+` where files differ from it; None where there is no repository."""
    git = ["git", "-C", str(ROOT)]
    try:
        found = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip() + ("+" if changed.stdout.strip() else "")


def save(record: Record, folder: Path) -> Path:
    """Write `NAME.json` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{record['name']}.json"
    write_json(path, record)
    return path


def read(places: str | Sequence[str]) -> list[Record]:
    """Records of what=networks from files, or patterns such as `outputs/bench/*.json`; others are left out.

    Raises:
        InputError: no such file, or one that is no record.
    """
    patterns = [places] if isinstance(places, str) else list(places)
    found = (path for pattern in patterns for path in sorted(Path(pattern).parent.glob(Path(pattern).name)))
    paths = [path for path in found if not path.name.startswith(".")]  # half written
    records = [record for record in map(_read, paths) if record["what"] == "networks"]
    if not records:
        raise InputError(
            f"from={','.join(patterns)}: no file with figures of what=networks; measure some with make bench"
        )
    return sorted(
        records, key=lambda record: (record["device"], record["clip_shape"][1], record["precision"], record["name"])
    )


def _read(path: Path) -> Record:
    try:
        record = json.loads(path.read_text())
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read as a benchmark's figures: {error}") from None
    if not isinstance(record, dict) or not {"what", "name", "rows"} <= record.keys():
        raise InputError(f"{path} holds no figures of src/benchmark.py: name files of outputs/bench")
    return record


def seconds(record: Record, row: str, kind: str) -> np.ndarray | None:
    """Seconds of a measure in every round; None if it was not taken."""
    measures: Mapping[str, Any] = record["rows"].get(row, {}).get("measures", {})
    return np.array(measures[kind]["seconds"]) if kind in measures else None


def quartiles(values: np.ndarray) -> tuple[float, float, float]:
    """Median, lower and upper quartile."""
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return median, lower, upper


def times_as_fast(record: Record, row: str, baseline: str, kind: str) -> np.ndarray | None:
    """Return the speed relative to the baseline in every round; None if one of them was not measured."""
    own, other = seconds(record, row, kind), seconds(record, baseline, kind)
    return None if own is None or other is None else other / own
