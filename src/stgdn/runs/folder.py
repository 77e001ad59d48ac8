"""Files of a run's folder: what they are called, which checkpoints there are, and messages for missing ones.

Besides the files below there are `checkpoints/` (`last.ckpt`, and one every few epochs), `wandb/` and `slurm/`, the
output of jobs on a cluster.
"""

from pathlib import Path

from stgdn.errors import InputError, choose

CONFIG = "config.yaml"  # all options of the run, resolved
SUMMARY = "summary.json"  # results, written last: a run that has it is finished
METRICS = "metrics.csv"  # losses and accuracies by epoch
SCORES = "scores.npz"  # class scores of every test clip
LAYERS = "layers.npz"  # learned graphs and running covariances
FUSION = "fusion.json"  # in place of all but the scores, where runs were fused
REPRODUCED = "+reproduced"  # after the name of a run's folder: where `src/reproduce.py` trains it again
LOCK = "lock.json"  # the process that trains in the folder, see `lock.py`


def last_checkpoint(folder: Path) -> Path:
    """Return the path of the newest checkpoint of a run, which may not exist yet."""
    return folder / "checkpoints" / "last.ckpt"


def kept_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run: the last one, if it exists, then those of single epochs, newest first."""
    last = last_checkpoint(folder)
    others = [path for path in last.parent.glob("[!.]*.ckpt") if path != last]
    others.sort(key=lambda path: (path.stem.startswith("epoch-"), len(path.stem), path.stem), reverse=True)
    return [*([last] if last.exists() else []), *others]


def checkpoint(folder: Path, name: str) -> Path:
    """Return the path of the checkpoint called `name`; the message for an unknown one lists those that exist."""
    names = sorted(path.stem for path in kept_checkpoints(folder))
    return last_checkpoint(folder).with_name(f"{choose(name, names, 'checkpoint')}.ckpt")


def expect_run(folder: Path) -> None:
    """Check that a folder is that of a run with a checkpoint.

    Raises:
        InputError: no such folder, no run in it, or nothing trained yet.
    """
    if not (folder / CONFIG).exists():
        known = sorted(str(config.parent) for config in Path("outputs").rglob(CONFIG))
        hint = f"; runs there are: {', '.join(known[:8])}" if known else "; train one with `python src/train.py`"
        raise InputError(f"no run at {folder}{hint}")
    if not last_checkpoint(folder).exists():
        raise InputError(f"{folder} has no checkpoint yet: train it first")
