"""Where a run's checkpoints lie, and what to say where there are none."""

from pathlib import Path

from stgdn.errors import InputError, choose


def last_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a run, whether it is there yet or not."""
    return folder / "checkpoints" / "last.ckpt"


def kept_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run: the last one, if it is there, then those of single epochs, the newest first."""
    last = last_checkpoint(folder)
    others = [path for path in last.parent.glob("[!.]*.ckpt") if path != last]
    others.sort(key=lambda path: (path.stem.startswith("epoch-"), len(path.stem), path.stem), reverse=True)
    return [*([last] if last.exists() else []), *others]


def checkpoint(folder: Path, name: str) -> Path:
    """The checkpoint called `name`.

    Raises:
        InputError: there is none of that name; the sentence lists those there are.
    """
    there = sorted(path.stem for path in kept_checkpoints(folder))
    return last_checkpoint(folder).with_name(f"{choose(name, there, 'checkpoint')}.ckpt")


def expect_run(folder: Path) -> None:
    """Check that a folder is that of a run with a checkpoint.

    Raises:
        InputError: no such folder, no run in it, or nothing trained yet.
    """
    if not (folder / "config.yaml").exists():
        known = sorted(str(config.parent) for config in Path("outputs").rglob("config.yaml"))
        there = f"; runs there are: {', '.join(known[:8])}" if known else "; train one with `python src/train.py`"
        raise InputError(f"no run at {folder}{there}")
    if not last_checkpoint(folder).exists():
        raise InputError(f"{folder} has no checkpoint yet: train it first")
