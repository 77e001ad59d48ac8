"""Results of all runs below a folder, read from their files; a damaged run does not hide the others."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stgdn.checksums import expect_unchanged
from stgdn.errors import InputError
from stgdn.files import name_problem
from stgdn.runs.folder import CONFIG, FUSION, METRICS, REPRODUCED, SUMMARY
from stgdn.runs.metrics import read_metrics
from stgdn.runs.partial import is_partial
from stgdn.runs.recipes import Fold, Settings, differing_options, find_fold, flatten, recipe_label, settings
from stgdn.runs.stored_config import read_options

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
    "test_mean_class": (int, float, type(None)),
    "test_top5": (int, float, type(None)),
    "command": (str, type(None)),
    "scored": (int, type(None)),
}


@dataclass(frozen=True)
class Result:
    """Hold the result of a finished run, or of several fused streams."""

    folder: Path  # of the run; for streams fused by a report, of the first stream's run
    data: str  # such as `ntu60_xsub`
    synthetic: bool
    model: str
    stream: str  # `joint`, ...; for fused streams `joint+bone`
    seed: int
    recipe: str  # with all changed options: `letter+epochs-3`
    epochs: int
    top1: float  # on the test split after the last epoch, in per cent
    top5: float | None  # if there are more than five classes
    parameters: int  # of all networks if fused, as are the FLOPs
    flops: float  # for a clip of `clip_shape`
    clip_shape: tuple[int, ...]  # (C, T, V, M)
    command: str | None  # that repeats the run; None if it was not stored
    mean_class: float | None = None  # mean over classes of their top-1; None if it was not stored
    origin: str = ""  # how a fused result was made; empty for a run
    config: Mapping[Any, Any] = field(default_factory=dict, repr=False)  # of the run; empty if it cannot be read
    settings: Settings = field(default_factory=dict, repr=False)  # options that affect the result, by dotted name
    clips: Mapping[str, int] = field(default_factory=dict)  # by split; empty if it was not stored
    scored: int | None = None  # number of test clips that were scored; None if it was not stored
    smoothing: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)  # by measure, of each layer
    fold: Fold | None = None  # of the clips that were tested
    parts: "tuple[Result, ...]" = field(default=(), repr=False)  # one per fold, where this is their mean

    @property
    def folds(self) -> tuple[int, ...]:
        """Return the numbers of the folds that this is the mean of; none for a run without folds."""
        return tuple(part.fold.number for part in self.parts if part.fold is not None)


@dataclass(frozen=True)
class Unusable:
    """Hold a run without a usable result; names are those of its config."""

    folder: Path
    data: str | None
    model: str | None
    stream: str | None
    status: str  # `unfinished` or `damaged`
    reason: str  # a sentence that names the file or folder


@dataclass(frozen=True)
class RunCollection:
    """Hold all runs and fusions below a folder."""

    results: tuple[Result, ...]  # of finished runs
    unusable: tuple[Unusable, ...]
    fusions: tuple[Path, ...]  # folders that `src/fuse.py` wrote
    notes: tuple[str, ...]  # sentences about problems of finished runs


def collect_runs(outputs: str | Path) -> RunCollection:
    """Read every run below `outputs`.

    Raises:
        InputError: there is no such folder.
    """
    if not Path(outputs).is_dir():
        raise InputError(f"no folder {outputs}: train with src/train.py first, or say with outputs= where runs are")
    found: list[Result | Unusable | None] = []
    fusions: list[Path] = []
    notes: list[str] = []
    for folder, names in _folders(outputs):
        if FUSION in names:
            fusions.append(folder)
        elif names & {SUMMARY, CONFIG}:
            found.append(run := _run(folder, names))
            notes += _problems(run, names) if isinstance(run, Result) else ()
    if partial := found.count(None):
        what = "runs are" if partial > 1 else "run is"
        notes.append(f"{partial} {what} left out: for debugging, or tested on a part of the test clips")
    results = distinguish_recipes([run for run in found if isinstance(run, Result)])
    unusable = (run for run in found if isinstance(run, Unusable))
    return RunCollection(tuple(results), tuple(unusable), tuple(fusions), tuple(notes))


def _run(folder: Path, names: set[str]) -> Result | Unusable | None:
    """Return the run in a folder with files of these names; None if it is no result, see `is_partial`."""
    config, summary, problem = _config(folder), {}, ""
    try:
        summary = read_json(folder / SUMMARY)
    except InputError as error:
        problem = str(error)
    if is_partial(config, *_counts(summary)):
        return None
    if SUMMARY not in names:
        reason = f"{folder} is unfinished: its command with resume=true goes on with it"
        return _unusable(folder, config, "unfinished", reason)
    try:
        return _unusable(folder, config, "damaged", problem) if problem else _result(folder, summary, config)
    except InputError as error:
        return _unusable(folder, config, "damaged", str(error))


def read_result(folder: Path) -> Result:
    """Read the result of a finished run.

    Raises:
        InputError: its summary is damaged, or it is no result.
    """
    config, summary = _config(folder), read_json(folder / SUMMARY)
    result = _result(folder, summary, config)
    if is_partial(config, *_counts(summary)):
        raise InputError(f"{folder} is no result: it is for debugging, or tested on a part of the test clips")
    return result


def _result(folder: Path, summary: dict[str, Any], config: Mapping[Any, Any]) -> Result:
    """Return what the summary and the config of a run say; the summary is checked."""
    check_summary(folder / SUMMARY, summary, "train that run anew with overwrite=true")
    command, clips = summary.get("command"), _entries(summary, "clips", int)
    fold = find_fold(config) if clips.get("test", 0) > 0 else None  # without the number of clips there is no mean
    layers = {name: values for name, values in _entries(summary, "smoothing", list).items() if _numbers(values)}
    return Result(
        folder,
        top1=float(summary["test_top1"]),
        top5=summary.get("test_top5"),
        mean_class=summary.get("test_mean_class"),
        flops=float(summary["flops"]),
        clip_shape=tuple(summary["clip_shape"]),
        recipe=recipe_label(folder.name, summary["recipe"], summary["seed"], command, fold),
        command=command,
        config=config,
        settings=settings(config),
        clips=clips,
        scored=summary.get("scored"),
        smoothing={name: tuple(map(float, values)) for name, values in layers.items()},
        fold=fold,
        **{key: summary[key] for key in ("data", "synthetic", "model", "stream", "seed", "epochs", "parameters")},
    )


def read_counts(folder: Path) -> tuple[int | None, int | None]:
    """Return the number of test clips of a finished run, and how many of them were scored; None if it is not stored."""
    try:
        return _counts(read_json(folder / SUMMARY))
    except InputError:
        return None, None


def _counts(summary: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return what `read_counts` does, of a summary."""
    scored = summary.get("scored")
    return _entries(summary, "clips", int).get("test"), scored if isinstance(scored, int) else None


def _entries(summary: Mapping[str, Any], key: str, kind: type) -> dict[str, Any]:
    """Return the entries of one kind below a key of a summary; older runs lack some of them."""
    found = summary.get(key)
    entries = found if isinstance(found, dict) else {}
    return {str(name): value for name, value in entries.items() if isinstance(value, kind)}


def _numbers(values: Sequence[object]) -> bool:
    """Return whether a list holds numbers, one or more, and nothing else."""
    return bool(values) and all(isinstance(value, int | float) for value in values)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a dictionary.

    Raises:
        InputError: the file is missing or of another kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no figures")
    expect_unchanged(path, path)
    return content


def check_summary(path: Path, summary: Mapping[str, Any], remedy: str) -> None:
    """Check the summary of a run or a fusion.

    Raises:
        InputError: an entry is missing or impossible; the message ends with `remedy`, what to do.
    """
    for key, kinds in FIELDS.items():
        value = summary.get(key)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InputError(f"{path} has {key}={value!r}: {remedy}")
    for key in ("data", "model", "stream"):  # parts of the folders of fusions and pictures
        if problem := name_problem(summary[key]):
            raise InputError(f"{path} has {key}={summary[key]!a}, which cannot be a file's name: {problem}; {remedy}")
    for key, highest in (("test_top1", 100), ("test_mean_class", 100), ("test_top5", 100), ("flops", 1e30)):
        if summary.get(key) is not None and not 0 <= summary[key] <= highest:
            raise InputError(f"{path} has {key}={summary[key]!r}, which is not between 0 and {highest:g}: {remedy}")


def distinguish_recipes(results: list[Result]) -> list[Result]:
    """Return the results; different recipes of one name get the differing options as a suffix: `letter+epochs-3`.

    Options of the network are compared only between runs of one network.
    """
    for model in (False, True):
        groups: dict[tuple[str, ...], list[Result]] = {}
        for run in results:
            groups.setdefault((run.data, run.recipe, run.model if model else ""), []).append(run)
        named: dict[Path, str] = {}
        for (_, recipe, _), same in groups.items():
            differing = differing_options([run.settings for run in same], model)
            named |= {run.folder: recipe + "".join(f"+{key}-{run.settings[key]}" for key in differing) for run in same}
        results = [replace(run, recipe=named[run.folder]) for run in results]
    return results


def _folders(outputs: str | Path) -> Iterator[tuple[Path, set[str]]]:
    """Yield every folder with the names of its files, in order, without W&B's, checkpoints and reproduced runs."""
    for folder, below, files in os.walk(outputs):
        kept = (name for name in below if name not in ("wandb", "checkpoints") and not name.endswith(REPRODUCED))
        below[:] = sorted(kept)
        yield Path(folder), set(files)


def _config(folder: Path) -> Mapping[Any, Any]:
    """Return the config of a run; empty if it cannot be read."""
    try:
        return read_options(folder / CONFIG)
    except InputError:
        return {}


def _unusable(folder: Path, config: Mapping[str, Any], status: str, reason: str) -> Unusable:
    known = {key: value for key, value in flatten(config) if isinstance(value, str)}
    names = (known.get("data.name"), known.get("model.name"), known.get("data.stream"))
    return Unusable(folder, *names, status=status, reason=reason)


def _problems(run: Result, names: set[str]) -> Iterator[str]:
    """Yield a sentence for each problem with the other files of a finished run."""
    if METRICS in names:
        try:
            read_metrics(run.folder / METRICS)
        except InputError as error:
            yield f"{error}; that run's figures are used, its curves are not"
    if not run.config:
        place = run.folder / CONFIG
        yield f"{place} is missing or damaged, or refused; that run's recipe is known by the folder's name only"
