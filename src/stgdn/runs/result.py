"""Runs below a folder, read from what they left there: no server, and one damaged run does not hide the others."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from stgdn.errors import InputError
from stgdn.runs.metrics import read_metrics
from stgdn.runs.naming import name_problem
from stgdn.runs.recipes import Settings, distinctions, leaves, recipe_label, settings
from stgdn.runs.stored_config import read_config

# What a summary has, and of which kind; what else it has is not looked at.
FIELDS: dict[str, tuple[type, ...]] = {
    "data": (str,),
    "synthetic": (bool,),
    "model": (str,),
    "stream": (str,),
    "seed": (int,),
    "recipe": (str,),
    "epochs": (int,),
    "test_top1": (int, float),
    "parameters": (int,),
    "flops": (int, float),
    "clip_shape": (list,),
    "test_top5": (int, float, type(None)),
    "command": (str, type(None)),
}
ANEW = "train that run anew with overwrite=true"


@dataclass(frozen=True)
class Result:
    """What a finished run came to, or several streams fused.

    Attributes:
        folder: where it lies; of streams fused by a report, where the first of them lies.
        data: name of the data, such as `ntu60_xsub`.
        synthetic: whether the data show nobody who exists.
        model: name of the network.
        stream: `joint`, ...; of fused ones `joint+bone`.
        seed: of the run.
        recipe: its name, with everything that was changed: `letter+epochs-3`.
        epochs: trained.
        top1: test top-1 of the last epoch, in per cent.
        top5: the same for the five best, where there are more than five classes.
        parameters: of the network, of all networks if fused.
        flops: for a clip of `clip_shape`, of all networks if fused.
        clip_shape: (C, T, V, M).
        command: that makes it; None if the run did not keep it.
        origin: how a fused result came about; empty for a run.
        settings: dotted options that decide what the run is worth.
    """

    folder: Path
    data: str
    synthetic: bool
    model: str
    stream: str
    seed: int
    recipe: str
    epochs: int
    top1: float
    top5: float | None
    parameters: int
    flops: float
    clip_shape: tuple[int, ...]
    command: str | None
    origin: str = ""
    settings: Settings = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Unusable:
    """A run without a result.

    Attributes:
        folder: where it lies.
        data: name of its data, as its config says.
        model: name of its network.
        stream: its stream.
        status: `unfinished` or `damaged`.
        reason: a sentence that names the file or folder.
    """

    folder: Path
    data: str | None
    model: str | None
    stream: str | None
    status: str
    reason: str


@dataclass(frozen=True)
class Gathered:
    """Everything below a folder of runs.

    Attributes:
        results: of finished runs.
        unusable: runs without a result.
        fusions: folders that `src/fuse.py` wrote.
        notes: sentences about what is odd with finished runs.
    """

    results: tuple[Result, ...]
    unusable: tuple[Unusable, ...]
    fusions: tuple[Path, ...]
    notes: tuple[str, ...]


def gather(outputs: str | Path) -> Gathered:
    """Read every run below `outputs`.

    Raises:
        InputError: there is no such folder.
    """
    if not Path(outputs).is_dir():
        raise InputError(f"no folder {outputs}: train with src/train.py first, or say with outputs= where runs are")
    results: list[Result] = []
    unusable: list[Unusable] = []
    fusions: list[Path] = []
    notes: list[str] = []
    for folder, names in _folders(outputs):
        if "fusion.json" in names:
            fusions.append(folder)
        elif "summary.json" in names:
            config = _config(folder)
            try:
                results.append(read_result(folder, config))
                notes += _oddities(folder, names, config)
            except InputError as error:
                unusable.append(_unusable(folder, config, "damaged", str(error)))
        elif "config.yaml" in names:
            reason = f"{folder} is unfinished: its command with resume=true goes on with it"
            unusable.append(_unusable(folder, _config(folder), "unfinished", reason))
    return Gathered(tuple(told_apart(results)), tuple(unusable), tuple(fusions), tuple(notes))


def read_result(folder: Path, config: Mapping[str, Any] | None = None) -> Result:
    """Read the result of a finished run.

    Args:
        folder: the run's.
        config: what its `config.yaml` holds; None: read it.

    Raises:
        InputError: `summary.json` is missing or damaged; the sentence says where.
    """
    path = folder / "summary.json"
    summary = read_summary(path)
    return Result(
        folder,
        top1=float(summary["test_top1"]),
        top5=summary.get("test_top5"),
        flops=float(summary["flops"]),
        clip_shape=tuple(summary["clip_shape"]),
        recipe=recipe_label(folder.name, summary["recipe"], summary["seed"]),
        command=summary.get("command"),
        settings=settings(_config(folder) if config is None else config),
        **{key: summary[key] for key in ("data", "synthetic", "model", "stream", "seed", "epochs", "parameters")},
    )


def read_summary(path: Path, remedy: str = ANEW) -> dict[str, Any]:
    """The figures of a run, or of a fusion, checked.

    Raises:
        InputError: the file is missing or damaged; the sentence says where and, in `remedy`, what to do about it.
    """
    summary = read_json(path)
    check_summary(path, summary, remedy)
    return summary


def read_json(path: Path) -> dict[str, Any]:
    """A file of figures.

    Raises:
        InputError: the file is missing or something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no figures")
    return content


def check_summary(path: Path, summary: Mapping[str, Any], remedy: str) -> None:
    """Check the figures of a run or a fusion.

    Raises:
        InputError: one is missing or impossible; `remedy` is what to do about it.
    """
    for key, kinds in FIELDS.items():
        value = summary.get(key)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InputError(f"{path} has {key}={value!r}: {remedy}")
    for key in ("data", "model", "stream"):  # parts of the folders of fusions and pictures
        if problem := name_problem(summary[key]):
            raise InputError(f"{path} has {key}={summary[key]!a}, which cannot be a file's name: {problem}; {remedy}")
    for key, highest in (("test_top1", 100), ("test_top5", 100), ("flops", 1e30)):
        if summary.get(key) is not None and not 0 <= summary[key] <= highest:
            raise InputError(f"{path} has {key}={summary[key]!r}, which is not between 0 and {highest:g}: {remedy}")


def told_apart(results: list[Result]) -> list[Result]:
    """The results, recipes of one name that differ told apart by what differs: `letter+epochs-3`.

    Options of the network are compared among runs of one network only.
    """
    for model in (False, True):
        claims = [((each.data, each.recipe, each.model if model else ""), each.settings) for each in results]
        extras = distinctions(claims, model)
        results = [replace(result, recipe=result.recipe + extra) for result, extra in zip(results, extras, strict=True)]
    return results


def _folders(outputs: str | Path) -> Iterator[tuple[Path, set[str]]]:
    """Every folder with the names of its files, in order, without W&B's own."""
    for folder, below, files in os.walk(outputs):
        below[:] = sorted(name for name in below if name not in ("wandb", "checkpoints"))
        yield Path(folder), set(files)


def _config(folder: Path) -> Mapping[str, Any]:
    """A run's config; empty if it cannot be read."""
    try:
        content = OmegaConf.to_container(read_config(folder / "config.yaml"))
    except InputError:
        return {}
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}


def _unusable(folder: Path, config: Mapping[str, Any], status: str, reason: str) -> Unusable:
    known = {key: value for key, value in leaves(config) if isinstance(value, str)}
    names = (known.get("data.name"), known.get("model.name"), known.get("data.stream"))
    return Unusable(folder, *names, status=status, reason=reason)


def _oddities(folder: Path, names: set[str], config: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the other files of a finished run."""
    if "metrics.csv" in names:
        try:
            read_metrics(folder / "metrics.csv")
        except InputError as error:
            yield f"{error}; that run's figures are used, its curves are not"
    if not config:
        place = folder / "config.yaml"
        yield f"{place} is missing or damaged, or refused; that run's recipe is known by the folder's name only"
