"""From the config of a benchmark to its figures."""

import tempfile
from pathlib import Path

from omegaconf import DictConfig

from stgdn.benchmark.clips import CLIPS
from stgdn.benchmark.feeding import feeding
from stgdn.benchmark.scale import scale
from stgdn.data.store import PRECISIONS
from stgdn.errors import InputError, choose

BENCHMARKS = ("feeding", "scale")


def measure(config: DictConfig) -> str:
    """Figures as Markdown; what they are measured on lies in a folder that is removed afterwards.

    Raises:
        InputError: an unknown benchmark or precision, a number out of range, or no such folder.
    """
    what = choose(config.what, BENCHMARKS, "benchmark")
    precision = choose(config.precision, PRECISIONS, "precision")
    for name in ("rounds", "clips", "workers"):
        if (number := config[name]) is not None and number < 1:
            raise InputError(f"{name}={number} must be a whole number from 1 up")
    if config.folder is not None and not Path(config.folder).is_dir():
        raise InputError(f"folder={config.folder} is not a folder: make it, or leave it out for a temporary one")
    with tempfile.TemporaryDirectory(prefix="stgdn-benchmark-", dir=config.folder) as folder:
        if what == "feeding":
            return feeding(Path(folder), config.clips or 2000, config.rounds)
        return scale(Path(folder), config.clips or CLIPS, precision, config.workers, config.rounds)
