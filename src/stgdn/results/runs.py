"""Run folders: claim one for a new run, find and read a finished one.

config.yaml      everything the run was made with, resolved
checkpoints/     last.ckpt, and one every few epochs
metrics.csv      losses and accuracies by epoch
scores.npz       class scores of every test clip
summary.json     written last: a folder that has it is finished
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError, choose
from stgdn.files import replacing

# What may differ between a run and its continuation.
PASSING = ("resume", "overwrite", "trainer", "logger", "workers", "checkpoint_every")


class Run:
    """A run's folder.

    Attributes:
        folder: where it is.
        config: everything the run was made with.
    """

    def __init__(self, folder: str | Path, config: DictConfig) -> None:
        self.folder, self.config = Path(folder), config

    @classmethod
    def claim(cls, config: DictConfig) -> "Run":
        """Make the folder of a new run, or take up an unfinished one with resume=true.

        Raises:
            InputError: the folder holds a run that would be overwritten, or one of another config to be resumed.
        """
        run = cls(config.folder, config)
        if config.overwrite:
            checkpoints = run.last_checkpoint.parent.glob("*.ckpt")
            for stale in (run.summary, run.folder / "metrics.csv", run.folder / "scores.npz", *checkpoints):
                stale.unlink(missing_ok=True)
        elif run.finished:
            raise InputError(
                f"{run.folder} holds a finished run: look at it with `python src/evaluate.py run={run.folder}`, "
                "train it anew with overwrite=true, or give another seed"
            )
        elif run.last_checkpoint.exists():
            if not config.resume:
                raise InputError(
                    f"{run.folder} holds an unfinished run: go on with resume=true, or start again with overwrite=true"
                )
            run._expect_same_config()
        run.folder.mkdir(parents=True, exist_ok=True)
        with replacing(run.folder / "config.yaml") as temporary:
            OmegaConf.save(config, temporary, resolve=True)
        return run

    @classmethod
    def open(cls, folder: str | Path, data_root: str | None = None) -> "Run":
        """Open a run that has at least one checkpoint; `data_root` says where the data lies now, if it has moved.

        Raises:
            InputError: no such folder, no run in it, or nothing trained yet.
        """
        path = Path(folder)
        if not (path / "config.yaml").exists():
            known = sorted(str(config.parent) for config in Path("outputs").rglob("config.yaml"))
            there = f"; runs there are: {', '.join(known[:8])}" if known else "; train one with `python src/train.py`"
            raise InputError(f"no run at {path}{there}")
        config = OmegaConf.load(path / "config.yaml")
        assert isinstance(config, DictConfig)
        if data_root is not None:
            config.data.store = str(Path(data_root) / Path(config.data.store).relative_to(config.data_root))
        run = cls(path, config)
        if not run.last_checkpoint.exists():
            raise InputError(f"{path} has no checkpoint yet: train it first")
        return run

    @property
    def last_checkpoint(self) -> Path:
        """The newest checkpoint."""
        return self.folder / "checkpoints" / "last.ckpt"

    def checkpoint(self, name: str) -> Path:
        """The checkpoint called `name`.

        Raises:
            InputError: there is none of that name; the sentence lists those there are.
        """
        there = sorted(path.stem for path in self.last_checkpoint.parent.glob("*.ckpt"))
        return self.last_checkpoint.with_name(f"{choose(name, there, 'checkpoint')}.ckpt")

    @property
    def summary(self) -> Path:
        """Results of a finished run."""
        return self.folder / "summary.json"

    @property
    def finished(self) -> bool:
        """Whether training and testing came to their end."""
        return self.summary.exists()

    def _expect_same_config(self) -> None:
        before = OmegaConf.load(self.folder / "config.yaml")
        now = OmegaConf.create(OmegaConf.to_container(self.config, resolve=True))
        differences = [
            f"{key} was {old} and is {new}"
            for key, old, new in config_differences(before, now)
            if key.split(".")[0] not in PASSING
        ]
        if differences:
            raise InputError(
                f"{self.folder} was begun with other settings ({'; '.join(differences[:3])}): "
                "resume it with the same ones, or start again with overwrite=true"
            )


def config_differences(before: Any, now: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401
    """Yield (dotted key, old, new) of every value that differs."""
    if not (OmegaConf.is_dict(before) and OmegaConf.is_dict(now)):
        if before != now:
            yield prefix, before, now
        return
    for key in dict.fromkeys([*before, *now]):
        yield from config_differences(before.get(key), now.get(key), f"{prefix}.{key}" if prefix else str(key))
