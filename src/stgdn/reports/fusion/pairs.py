"""Two finished runs on the same data."""

from pathlib import Path

from omegaconf import ListConfig

from stgdn.errors import InputError
from stgdn.runs.result import Result, read_result
from stgdn.runs.run import Run

SHARED_DATA_OPTIONS = ("name", "protocol", "stream", "input_layout")  # of `data`, in both runs

Pair = list[tuple[Run, Result]]


def open_pair(folders: object, data_root: str | None = None) -> Pair:
    """Open two finished runs.

    Args:
        folders: of the runs.
        data_root: new folder of the data, if it has moved.

    Raises:
        InputError: not two folders, one without a run, an unfinished or damaged run, or runs of different data.
    """
    given = [str(folder) for folder in folders] if isinstance(folders, ListConfig | list | tuple) else [str(folders)]
    if len(given) != 2 or len({Path(folder).resolve() for folder in given}) != 2:
        raise InputError(f"runs={','.join(given)} is not two runs: give two folders, runs=[A,B]")
    pair = []
    for folder in given:
        run = Run.open(folder, data_root)
        if not run.finished:
            raise InputError(f"{folder} holds an unfinished run: go on with its command and resume=true")
        pair.append((run, read_result(run.folder)))
    first, second = (run.config.data for run, _ in pair)
    for key in SHARED_DATA_OPTIONS:
        if first.get(key) != second.get(key):
            raise InputError(
                f"the runs saw different data (data.{key}={first.get(key)} and {second.get(key)}): "
                "give two that differ in their network only"
            )
    return pair


def other_differences(pair: Pair) -> list[str]:
    """Return all differences of two runs except their networks: `optimizer.lr 0.1 and 0.05`."""
    first, second = (result.settings for _, result in pair)
    return [
        f"{key} {first[key]} and {second[key]}"
        for key in sorted(first.keys() & second.keys())
        if not key.startswith(("model.", "oversmoothing")) and first[key] != second[key]
    ]


def names(pair: Pair) -> list[str]:
    """Return different short names of the runs: their networks, else with recipe and seed, else their folders."""
    results = [result for _, result in pair]
    for candidates in (
        [result.model for result in results],
        [f"{result.model} {result.recipe} seed{result.seed}" for result in results],
    ):
        if len(set(candidates)) == len(candidates):
            return candidates
    return [str(result.folder) for result in results]
