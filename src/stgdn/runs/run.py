"""Runs: create the folder of a new one, open that of an earlier one; `folder.py` names what lies in it."""

import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError
from stgdn.files import remove_leftovers, replacing
from stgdn.runs.folder import (
    CONFIG,
    LAYERS,
    METRICS,
    REPRODUCED,
    SCORES,
    SUMMARY,
    expect_run,
    kept_checkpoints,
    last_checkpoint,
)
from stgdn.runs.folder import checkpoint as checkpoint_of
from stgdn.runs.lock import locked
from stgdn.runs.metrics import read_metrics
from stgdn.runs.naming import VALUES_OF_OLD_RUNS, changes_result
from stgdn.runs.partial import is_partial
from stgdn.runs.result import read_counts, read_json
from stgdn.runs.stored_config import read_config


class Run:
    """Hold the folder and the config of a run.

    Attributes:
        folder: path of the run folder.
        config: of the run.
        resumes: whether training continues from the last checkpoint.
    """

    def __init__(self, folder: str | Path, config: DictConfig, *, resumes: bool = False) -> None:
        self.folder, self.config, self.resumes = Path(folder), config, resumes

    def lock(self) -> AbstractContextManager[None]:
        """Return a context in which no other process trains in the folder, see `lock.py`."""
        return nullcontext() if rank() else locked(self.folder)  # held by the first process of a data-parallel run

    @property
    def overwrites(self) -> bool:
        """Return whether the run starts anew where one is; a job that Slurm has requeued does not."""
        return self.config.overwrite and not (is_requeued() and not self.finished)

    @property
    def done(self) -> bool:
        """Return whether there is nothing left to do."""
        return self.finished and not self.config.overwrite

    @property
    def starts_anew(self) -> bool:
        """Return whether training begins at epoch 1, and not at a checkpoint."""
        return self.overwrites or not self.checkpoints

    def expect_free(self, *, ask: bool = True) -> None:
        """Check that the folder holds no run that would be overwritten, and one to go on with if resume=true says so.

        Args:
            ask: False in a sweep: an unfinished run continues without resume=true. So does a run whose job Slurm has
                requeued, even with overwrite=true.

        Raises:
            InputError: it holds a finished run, or an unfinished one, or there is none to resume.
        """
        if rank() or self.overwrites:
            return
        ask = ask and not is_requeued()
        if self.finished:
            raise InputError(
                f"{self.folder} holds a finished run: look at it with `python src/evaluate.py run={self.folder}`, "
                "train it anew with overwrite=true, or give another seed"
            )
        if self.checkpoints:
            if ask and not self.config.resume:
                raise InputError(
                    f"{self.folder} holds an unfinished run: go on with resume=true, or start again with overwrite=true"
                )
            self.expect_same_config()
        elif ask and self.config.resume and not (self.folder / CONFIG).exists():
            self._expect_no_run_beside()

    def _expect_no_run_beside(self) -> None:
        """Check that resume=true cannot have meant another run of this network, on these data and with this seed.

        Raises:
            InputError: there is one; the message names the one with the fewest differing options.
        """
        others: dict[Path, list[tuple[str, Any, Any]]] = {}
        for path in sorted(self.folder.parent.glob(f"*/{CONFIG}")):
            with suppress(InputError):
                others[path.parent] = differing_settings(read_config(path), self.config)
        others = {folder: found for folder, found in others.items() if "seed" not in (key for key, _, _ in found)}
        if not others:
            print(f"nothing to resume in {self.folder}: training begins at epoch 1", flush=True)
            return
        nearest = min(others, key=lambda folder: len(others[folder]))
        options = "; ".join(f"{key}={old}, not {new}" for key, old, new in others[nearest][:3])
        raise InputError(
            f"there is nothing to resume in {self.folder}; the nearest run is {nearest} ({options}): leave out "
            "resume=true to train from the start, or give the options of that run to go on with it"
        )

    def begin(self) -> None:
        """Write the config into the folder, which `expect_free` has found free; with overwrite=true remove results."""
        overwrite = self.overwrites
        if rank() == 0:  # the other processes of a data-parallel run only read
            if overwrite:
                others = (self.folder / name for name in (METRICS, SCORES, LAYERS))
                for stale in (self.folder / SUMMARY, *self.checkpoints, *others):  # killed here, it can be resumed
                    stale.unlink(missing_ok=True)
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.last_checkpoint.parent)
            with replacing(self.folder / CONFIG) as temporary:
                OmegaConf.save(self.config, temporary, resolve=True)
        self.resumes = not overwrite and bool(self.checkpoints)

    @classmethod
    def open(cls, folder: str | Path, data_root: str | None = None) -> "Run":
        """Open a run that has at least one checkpoint; `data_root` is the new folder of the data if it has moved.

        Raises:
            InputError: a config that does not say where its data is, or that says another place than below `data_root`.
        """
        path = Path(folder)
        expect_run(path)
        config = read_config(path / CONFIG, ("data", "model"))
        if not isinstance(config.data.get("store"), str):
            raise InputError(f"{path / CONFIG} does not say where the run's data is: data.store is missing")
        if data_root is not None and "://" not in config.data.store:
            before = config.get("data_root")
            try:
                config.data.store = str(Path(data_root) / Path(config.data.store).relative_to(before))
            except (TypeError, ValueError):
                raise InputError(
                    f"data_root does not say where {config.data.store} is now, it was not below {before}: "
                    "leave data_root out, or put the store where it was"
                ) from None
        return cls(path, config)

    def reproduction(self, *, overwrite: bool = False) -> "Run":
        """Return the run in FOLDER+reproduced that trains this one again by its stored config, without loggers.

        Raises:
            InputError: this run is not finished.
        """
        if not self.finished:
            raise InputError(f"{self.folder} holds no finished run: go on with its command and resume=true, then again")
        folder = self.folder.with_name(self.folder.name + REPRODUCED)
        changed = {"folder": str(folder), "resume": False, "overwrite": overwrite, "logger": {"wandb": "off"}}
        return Run(folder, OmegaConf.create({**OmegaConf.to_container(self.config), **changed}))  # pyright: ignore

    @property
    def last_checkpoint(self) -> Path:
        """Return the path of the newest checkpoint."""
        return last_checkpoint(self.folder)

    @property
    def checkpoints(self) -> list[Path]:
        """Return all checkpoints; training continues from the first."""
        return kept_checkpoints(self.folder)

    def checkpoint(self, name: str) -> Path:
        """Return the path of the checkpoint called `name`."""
        return checkpoint_of(self.folder, name)

    @property
    def finished(self) -> bool:
        """Return whether training is finished and all test clips are scored."""
        return (self.folder / SUMMARY).exists() and not is_partial(self.config, *read_counts(self.folder))

    def objective(self) -> float:
        """Return the value that a search maximises: top-1 (0 to 1) on held-out subjects, else on the test split.

        It is that of the last epoch in both cases; nan for a run that is no result, see `partial.py`.
        """
        if not self.finished:
            return math.nan
        path = self.folder / METRICS
        held_out = read_metrics(path).get("val/top1", []) if path.exists() else []
        if len(held_out) and np.isfinite(held_out[-1]):
            return float(held_out[-1])
        return read_json(self.folder / SUMMARY)["test_top1"] / 100

    def expect_same_config(self) -> None:
        """Check that the run in the folder has the same settings as this one; neutral options may differ.

        Raises:
            InputError: settings differ; the message names them.
        """
        found = differing_settings(read_config(self.folder / CONFIG), self.config)
        if differences := [f"{key} was {old} and is {new}" for key, old, new in found]:
            raise InputError(
                f"{self.folder} was begun with other settings ({'; '.join(differences[:3])}): "
                "resume it with the same ones, or start again with overwrite=true"
            )


def rank() -> int:
    """Return the rank of this process in a data-parallel run, as set by torchrun, Lightning or srun."""
    values = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((int(value) for value in values if value), 0)


def started_together() -> bool:
    """Return whether srun or torchrun started this process, with others of its run: these wait for each other."""
    return any(os.environ.get(name) for name in ("RANK", "SLURM_PROCID"))


def is_requeued() -> bool:
    """Return whether Slurm has requeued the job of this process: out of time, preempted, or its node lost."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0


def differing_settings(before: DictConfig, config: DictConfig) -> list[tuple[str, Any, Any]]:
    """Return (dotted key, old, new) of the options in which a stored config and a new one differ as to the result."""
    now = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    return [
        (key, old, new)
        for key, old, new in config_differences(before, now)
        if changes_result(key) and (old is not None or VALUES_OF_OLD_RUNS.get(key) != new)
    ]


def config_differences(before: Any, now: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401
    """Yield (dotted key, old, new) of every value that differs."""
    if not (OmegaConf.is_dict(before) and OmegaConf.is_dict(now)):
        if before != now:
            yield prefix, before, now
        return
    for key in dict.fromkeys([*before, *now]):
        yield from config_differences(before.get(key), now.get(key), f"{prefix}.{key}" if prefix else str(key))
