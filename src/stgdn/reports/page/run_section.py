"""Content of the page for every run, as plain data for the browser."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from stgdn.errors import InputError
from stgdn.files import matching
from stgdn.reports.fusion.score_fusion import StreamScores, expect_sound
from stgdn.reports.page.layer_section import layer_content
from stgdn.runs.folder import CONFIG, LAYERS, METRICS, SCORES, SUMMARY
from stgdn.runs.metrics import last_smoothing, read_metrics
from stgdn.runs.recipes import flatten
from stgdn.runs.result import Result, read_json
from stgdn.runs.scores import Scores
from stgdn.runs.stored_config import read_options

# Columns of metrics.csv that are drawn, and what their numbers are multiplied with.
CURVES = {"train/loss": 1, "train/top1": 100, "val/top1": 100}
MOST_RUNS = 24  # that are shown in detail unless others are asked for: as many as charts have colours and dashes

Content = dict[str, Any]


def detailed_runs(results: Sequence[Result], wanted: int | str | Sequence[str]) -> tuple[list[Result], list[Result]]:
    """Return the runs that a page shows in detail, and the others, which stand in its table only.

    Args:
        results: all runs of the page.
        wanted: a number, of which each network on each stream of each data set gets the same share as far as it has
            runs; `auto` for `MOST_RUNS`; `all`; or folders, also as patterns, for the runs that are there or below.

    Raises:
        InputError: no run is in one of the folders.
    """
    if wanted == "all":
        return list(results), []
    if wanted == "auto" or isinstance(wanted, int):
        most = wanted if isinstance(wanted, int) else MOST_RUNS
        turns: Counter[tuple[str, str, str]] = Counter()
        turn = []
        for result in results:
            turn.append(turns[key := (result.data, result.model, result.stream)])
            turns[key] += 1
        chosen = sorted(sorted(range(len(results)), key=turn.__getitem__)[:most])
    else:
        chosen = [
            number for given in ([wanted] if isinstance(wanted, str) else wanted) for number in _in(given, results)
        ]
    detailed = dict.fromkeys(chosen)
    others = [result for number, result in enumerate(results) if number not in detailed]
    return [results[number] for number in detailed], others


def _in(given: str, results: Sequence[Result]) -> list[int]:
    """Return the numbers of the runs that are in the folders of a name or pattern."""
    places = {path.resolve() for path in matching(given)}
    folders = [result.folder.resolve() for result in results]
    found = [number for number, folder in enumerate(folders) if places & {folder, *folder.parents}]
    if not found:
        raise InputError(
            f"page_runs={given} names no run of the tables: give folders of finished runs, or a pattern of folders "
            "such as 'outputs/demo/*/joint/demo-seed1', or how many runs, or all"
        )
    return found


def page_content(
    results: Sequence[Result],
    played: Mapping[Path, Content] = MappingProxyType({}),
    others: Sequence[Result] = (),
) -> tuple[Content, list[str]]:
    """Return the content of the page, and sentences about files of runs that cannot be used.

    The content is `runs`, each with `curves` by column, `confusion` as [true, predicted, clips, true, ...], `smoothing`
    by measure, `layers` (see `layer_content`), `mistakes` (those of `played`, by folder) and `config` by dotted key;
    and `others`, without these. Class names and skeletons are stored once, in `classes` and `skeletons`; runs hold
    their index.
    """
    classes: list[list[str]] = []
    skeletons: list[Content] = []
    problems: list[str] = []
    runs = [
        {"name": name} | _run(result, classes, skeletons, problems) | {"mistakes": played.get(result.folder)}
        for result, name in zip(results, run_names([*results, *others]), strict=False)  # others are not named
    ]
    content = {"runs": runs, "others": list(map(_figures, others)), "classes": classes, "skeletons": skeletons}
    return content, list(dict.fromkeys(problems))


def run_names(results: Sequence[Result]) -> list[str]:
    """Return a unique name for each run: data, network, stream, and recipe and seed if they differ on these data."""
    recipes = Counter(data for data, _ in {(result.data, result.recipe) for result in results})
    seeds = Counter(data for data, _ in {(result.data, result.seed) for result in results})
    names = []
    for result in results:
        parts = [f"{result.data} (synthetic)" if result.synthetic else result.data, result.model, result.stream]
        parts += [result.recipe] if recipes[result.data] > 1 else []
        parts += [f"seed {result.seed}"] if seeds[result.data] > 1 else []
        parts += [f"fold {result.fold.number}"] if result.fold else []
        names.append(", ".join(parts))
    counts = Counter(names)
    return [
        f"{name}, {result.folder}" if counts[name] > 1 else name for name, result in zip(names, results, strict=True)
    ]


def _index(items: list[Any], item: Any) -> int:  # noqa: ANN401
    """Return the index of an item; a new item is added."""
    if item not in items:
        items.append(item)
    return items.index(item)


def _figures(result: Result) -> Content:
    """Return what the table of runs says about a run."""
    return {
        "folder": str(result.folder),
        "clip_shape": ", ".join(map(str, result.clip_shape)),
        **{key: getattr(result, key) for key in ("data", "synthetic", "model", "stream", "seed", "recipe", "epochs")},
        **{key: getattr(result, key) for key in ("top1", "mean_class", "top5", "parameters", "flops")},
    }


def _run(result: Result, classes: list[list[str]], skeletons: list[Content], problems: list[str]) -> Content:
    def attempt(read: Callable[[Result], Any], nothing: Any) -> Any:  # noqa: ANN401
        try:
            return read(result)
        except InputError as error:
            problems.append(str(error))
            return nothing

    scores = attempt(_scores, None)
    layers = attempt(_layers, None)
    return {
        **_figures(result),
        "command": result.command,
        "classes": None if scores is None else _index(classes, scores.classes.tolist()),
        "confusion": None if scores is None else _confusion(scores),
        "curves": attempt(_curves, {}),
        "smoothing": attempt(_smoothing, {}),
        "layers": None if layers is None else layers | {"skeleton": _index(skeletons, layers["skeleton"])},
        "config": attempt(_config, {}),
    }


def _scores(result: Result) -> Scores:
    path = result.folder / SCORES
    scores = Scores.load(path)
    expect_sound(StreamScores(scores, str(path)))
    return scores


def _confusion(scores: Scores) -> list[int]:
    """Return nonzero counts as a flat list: true class, predicted class, clips, true class, ..."""
    counts = scores.confusion()
    pairs = np.argwhere(counts)
    return np.column_stack([pairs, counts[tuple(pairs.T)]]).flatten().tolist()


def _layers(result: Result) -> Content | None:
    path = result.folder / LAYERS
    return layer_content(path) if path.exists() else None


def _curves(result: Result) -> Content:
    """Return columns of metrics.csv by name, with `epoch`; None for empty entries, accuracies in per cent."""
    path = result.folder / METRICS
    if not path.exists():
        return {}
    metrics = read_metrics(path)
    curves = {name: metrics[name] * factor for name, factor in CURVES.items() if name in metrics}
    curves = {name: values for name, values in curves.items() if np.isfinite(values).any()}
    return {name: _rounded(values) for name, values in {"epoch": metrics["epoch"], **curves}.items()}


def _rounded(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def _smoothing(result: Result) -> Mapping[str, list[float | None]]:
    """Return over-smoothing measures after the last epoch, each by layer."""
    stored = read_json(result.folder / SUMMARY).get("smoothing")
    if not isinstance(stored, dict):
        return {name: _rounded(values) for name, values in last_smoothing(result.folder / METRICS).items()}
    lists = {str(name): values for name, values in stored.items() if isinstance(values, list)}
    numbers = {name: [v if isinstance(v, int | float) else math.nan for v in values] for name, values in lists.items()}
    return {name: _rounded(values) for name, values in numbers.items()}


def _config(result: Result) -> Content:
    """Return all options of a run by dotted name."""
    options = result.config or read_options(result.folder / CONFIG)  # which says why it could not be read
    return {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in flatten(options)}
