"""Run folders: claim one for a new run, find and read a finished one.

config.yaml      everything the run was made with, resolved
checkpoints/     last.ckpt, and one every few epochs
metrics.csv      losses and accuracies by epoch
scores.npz       class scores of every test clip
layers.npz       graphs and covariances by layer
summary.json     written last: a folder that has it is finished
slurm/           what a job on a cluster printed
"""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError
from stgdn.files import remove_leftovers, replacing
from stgdn.runs.folder import checkpoint, expect_run, kept_checkpoints, last_checkpoint
from stgdn.runs.naming import BEFORE, changes_result
from stgdn.runs.stored_config import read_config


class Run:
    """A run's folder.

    Attributes:
        folder: where it is.
        config: everything the run was made with.
        resumes: whether it was taken up to go on from its last checkpoint.
    """

    def __init__(self, folder: str | Path, config: DictConfig, *, resumes: bool = False) -> None:
        self.folder, self.config, self.resumes = Path(folder), config, resumes

    @classmethod
    def claim(cls, config: DictConfig, *, ask: bool = True) -> "Run":
        """Make the folder of a new run, or take up an unfinished one with resume=true.

        Args:
            config: of the run; `folder` says where it goes.
            ask: False in a sweep: an unfinished run goes on without resume=true. So does one whose job Slurm has
                started again, even with overwrite=true.

        Raises:
            InputError: the folder holds a run that would be overwritten, or one of another config to be resumed.
        """
        again = started_again()
        run = cls(config.folder, config)
        overwrite = config.overwrite and not (again and not run.finished)
        if rank() == 0:  # the other processes of a data-parallel run only look
            run._make_room(overwrite=overwrite, ask=ask and not config.resume and not again)
        run.resumes = not overwrite and bool(run.checkpoints)
        return run

    def _make_room(self, *, overwrite: bool, ask: bool) -> None:
        if overwrite:
            arrays = (self.folder / name for name in ("scores.npz", "layers.npz"))
            for stale in (self.summary, *self.checkpoints, self.metrics, *arrays):  # killed here, it can be resumed
                stale.unlink(missing_ok=True)
        elif self.finished:
            raise InputError(
                f"{self.folder} holds a finished run: look at it with `python src/evaluate.py run={self.folder}`, "
                "train it anew with overwrite=true, or give another seed"
            )
        elif self.checkpoints:
            if ask:
                raise InputError(
                    f"{self.folder} holds an unfinished run: go on with resume=true, or start again with overwrite=true"
                )
            self.expect_same_config()
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.last_checkpoint.parent)
        with replacing(self.folder / "config.yaml") as temporary:
            OmegaConf.save(self.config, temporary, resolve=True)

    @classmethod
    def open(cls, folder: str | Path, data_root: str | None = None) -> "Run":
        """Open a run that has at least one checkpoint; `data_root` says where the data lies now, if it has moved.

        Raises:
            InputError: no such folder, no run in it, nothing trained yet, or a config that is refused (`read_config`).
        """
        path = Path(folder)
        expect_run(path)
        config = read_config(path / "config.yaml", ("data", "model"))
        if not isinstance(config.data.get("store"), str):
            raise InputError(f"{path / 'config.yaml'} does not say where the run's data is: data.store is missing")
        if data_root is not None and "://" not in config.data.store:
            config.data.store = str(Path(data_root) / _below(config.data.store, config.data_root))
        return cls(path, config)

    @property
    def last_checkpoint(self) -> Path:
        """The newest checkpoint."""
        return last_checkpoint(self.folder)

    @property
    def checkpoints(self) -> list[Path]:
        """All checkpoints, the one to go on from first."""
        return kept_checkpoints(self.folder)

    def checkpoint(self, name: str) -> Path:
        """The checkpoint called `name`.

        Raises:
            InputError: there is none of that name; the sentence lists those there are.
        """
        return checkpoint(self.folder, name)

    @property
    def summary(self) -> Path:
        """Results of a finished run."""
        return self.folder / "summary.json"

    @property
    def finished(self) -> bool:
        """Whether training and testing came to their end."""
        return self.summary.exists()

    @property
    def metrics(self) -> Path:
        """Losses and accuracies by epoch."""
        return self.folder / "metrics.csv"

    def outcome(self) -> float:
        """What choosing among finished runs may go by: top-1 (0 to 1) on held-out subjects, on the test split without.

        It is the last epoch's in either case.
        """
        lines = self.metrics.read_text().splitlines() if self.metrics.exists() else []  # none with epochs=0
        held_out = [row.get("val/top1") for row in csv.DictReader(lines)][-1:]
        return (
            float(held_out[0]) if held_out and held_out[0] else json.loads(self.summary.read_text())["test_top1"] / 100
        )

    def expect_same_config(self) -> None:
        """Check that the folder's run has the settings of this one, but for what does not change a result.

        Raises:
            InputError: it has others; the sentence names them.
        """
        before = read_config(self.folder / "config.yaml")
        now = OmegaConf.create(OmegaConf.to_container(self.config, resolve=True))
        differences = [
            f"{key} was {old} and is {new}"
            for key, old, new in config_differences(before, now)
            if changes_result(key) and (old is not None or BEFORE.get(key) != new)
        ]
        if differences:
            raise InputError(
                f"{self.folder} was begun with other settings ({'; '.join(differences[:3])}): "
                "resume it with the same ones, or start again with overwrite=true"
            )


def rank() -> int:
    """Which process of a data-parallel run this is, as torchrun, Lightning or srun say it."""
    said = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((int(number) for number in said if number), 0)


def started_again() -> bool:
    """Whether this process belongs to a job that Slurm has started before: out of time, preempted, or its node lost."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0


def config_differences(before: Any, now: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401
    """Yield (dotted key, old, new) of every value that differs."""
    if not (OmegaConf.is_dict(before) and OmegaConf.is_dict(now)):
        if before != now:
            yield prefix, before, now
        return
    for key in dict.fromkeys([*before, *now]):
        yield from config_differences(before.get(key), now.get(key), f"{prefix}.{key}" if prefix else str(key))


def _below(store: str, root: str) -> Path:
    """A store's place below the folder for data.

    Raises:
        InputError: it was elsewhere.
    """
    try:
        return Path(store).relative_to(root)
    except ValueError:
        raise InputError(
            f"data_root does not say where {store} is now, it was not below {root}: leave data_root out, or put the "
            "store where it was"
        ) from None
