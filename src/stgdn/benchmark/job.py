"""From the config of a benchmark to its figures."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from omegaconf import DictConfig

from stgdn.benchmark import network_job
from stgdn.benchmark.clips import CLIPS
from stgdn.benchmark.feeding import feeding
from stgdn.benchmark.scale import scale
from stgdn.data.store.store import PRECISIONS
from stgdn.errors import InputError, choose
from stgdn.files import around

BENCHMARKS = ("feeding", "scale", "networks", "scaling", "report")
ROUNDS = {"feeding": 50, "scale": 50, "networks": 9, "scaling": 3}
COUNTS = ("rounds", "clips", "workers", "frames", "batch", "threads")


class Findings(NamedTuple):
    """Hold results of a benchmark: Markdown, its section on a page, and a picture with its path if there is one."""

    text: str
    section: str
    figure: Figure | None = None
    picture: Path | None = None


def measure(config: DictConfig, overrides: Sequence[str] = ()) -> Findings:
    """Measure what a config says.

    Args:
        config: conf/benchmark.yaml with what was given.
        overrides: what was given, for the record.

    Raises:
        InputError: an unknown benchmark or precision, a number out of range, no such folder, a page that has no
            place for the figures, or a network that cannot be measured.
    """
    what = choose(config.what, BENCHMARKS, "benchmark")
    for name in COUNTS:
        number = config[name]
        if number is not None and (not isinstance(number, int) or number < 1):
            raise InputError(f"{name}={number} must be a whole number from 1 up")
    section = "networks" if what == "report" else what
    if config.write is not None:
        around(config.write, section)
    rounds = config.rounds or ROUNDS.get(what, 1)
    if what in ("feeding", "scale"):
        return Findings(_data(config, what, rounds), section)
    if what == "report":
        return Findings(network_job.report(config), section)
    run = network_job.networks if what == "networks" else network_job.scaled
    text, figure, picture = run(config, rounds, overrides)
    return Findings(text, section, figure, picture)


def _data(config: DictConfig, what: str, rounds: int) -> str:
    """Figures of what=feeding and what=scale; what they are measured on lies in a folder that is removed afterwards."""
    precision = choose(config.precision, PRECISIONS, "precision")
    if config.folder is not None and not Path(config.folder).is_dir():
        raise InputError(f"folder={config.folder} is not a folder: make it, or leave it out for a temporary one")
    with tempfile.TemporaryDirectory(prefix="stgdn-benchmark-", dir=config.folder) as folder:
        if what == "feeding":
            return feeding(Path(folder), config.clips or 2000, rounds)
        return scale(Path(folder), config.clips or CLIPS, precision, config.workers, rounds)
