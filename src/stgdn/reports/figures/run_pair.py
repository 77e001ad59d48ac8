"""Two finished runs on the same data, and names of them and of their figure."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from omegaconf import ListConfig

from stgdn.errors import InputError
from stgdn.files import file_name
from stgdn.runs.naming import MAX_NAME_LENGTH
from stgdn.runs.result import Result, read_result
from stgdn.runs.run import Run

SHARED_DATA_OPTIONS = ("name", "protocol", "stream", "input_layout")  # of `data`, in both runs

Pair = list[tuple[Run, Result]]


def open_pair(folders: object, data_root: str | None = None) -> Pair:
    """Open two finished runs; `data_root` is the new folder of the data, if it has moved.

    Raises:
        InputError: not two folders, an unfinished run, or runs of different data.
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


def distinct_names(results: Sequence[Result]) -> list[str]:
    """Return short names that tell runs apart: their networks, else with the options that differ, else their folders.

    For runs by several recipes it is these that are named, not all that they set.
    """
    if len({run.model for run in results}) == len(results):
        return [run.model for run in results]
    one_recipe = len({run.recipe.partition("+")[0] for run in results}) == 1
    options = [
        {"stream": run.stream, "seed": run.seed, **(run.settings if one_recipe else {"recipe": run.recipe})}
        for run in results
    ]
    shared = [key for key in options[0] if all(key in each for each in options)]
    differing = [key for key in shared if any(each[key] != options[0][key] for each in options)]
    names = [
        ", ".join([run.model, *(f"{key} {each[key]}" for key in differing)])
        for run, each in zip(results, options, strict=True)
    ]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in results]


def title(pair: Pair, chosen: str) -> str:
    """Return the title of the picture of a class: data, stream, class; synthetic data are marked."""
    result = pair[0][1]
    synthetic = " (synthetic people)" if result.synthetic else ""
    return (
        f"{result.data}{synthetic}, stream {result.stream}, class '{chosen}': joints at the last graph layer, by t-SNE"
    )


def differences(pair: Pair) -> list[str]:
    """Return all differences of two runs except their networks: `optimizer.lr 0.1 and 0.05`."""
    first, second = (result.settings for _, result in pair)
    return [
        f"{key} {first[key]} and {second[key]}"
        for key in sorted(first.keys() & second.keys())
        if not key.startswith("model.") and first[key] != second[key]
    ]


def default_path(outputs: str, pair: Pair, chosen: str) -> Path:
    """Return the default path of the picture, OUTPUTS/DATA/figure2/STREAM-CLASS-RUN-RUN.png, and create its folder.

    A run is named by its network and folder. Names that are too long are cut off, and have a checksum of both folders
    then, as have runs of one name.
    """
    result, runs = pair[0][1], [f"{part.model}-{part.folder.name}" for _, part in pair]
    name = re.sub(r"[^\w.+-]+", "_", "-".join([result.stream, chosen, *runs]))
    if runs[0] == runs[1] or len(name) > MAX_NAME_LENGTH:
        folders = "\n".join(str(part.folder.resolve()) for _, part in pair)
        name = f"{name[: MAX_NAME_LENGTH - 9]}-{hashlib.sha1(folders.encode()).hexdigest()[:8]}"
    folder = Path(outputs) / file_name(result.data, "data") / "figure2"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"
