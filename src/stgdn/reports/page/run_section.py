"""What a page shows of every run, as plain data that the browser draws."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from stgdn.errors import InputError
from stgdn.reports.fusion.alignment import Part, expect_sound
from stgdn.reports.page.layer_section import layer_content
from stgdn.runs.layers import last_smoothing
from stgdn.runs.metrics import read_metrics
from stgdn.runs.recipes import flatten
from stgdn.runs.result import Result, read_summary
from stgdn.runs.scores import Scores
from stgdn.runs.stored_config import read_config

# Columns of metrics.csv that are drawn, and what their numbers are multiplied with.
CURVES = {"train/loss": 1, "train/top1": 100, "val/top1": 100}

Content = dict[str, Any]


def page_content(
    results: Sequence[Result], played: Mapping[Path, Content] = MappingProxyType({})
) -> tuple[Content, list[str]]:
    """Everything the page draws, and sentences about files of the runs that cannot be used.

    The content is `runs`, with what each has: `curves` by column, `confusion` as [true, predicted, clips, true, ...],
    `smoothing` by measure, `layers` (see `layer_content`), `mistakes` (those of `played`, by folder) and `config` by
    dotted key. Lists of class names and
    skeletons that runs have in common stand once, in `classes` and `skeletons`; runs hold their places there.
    """
    classes, skeletons, problems = Shelf(), Shelf(), []
    names = run_names(results)
    runs = [
        _run(result, name, classes, skeletons, problems) | {"mistakes": played.get(result.folder)}
        for result, name in zip(results, names, strict=True)
    ]
    return {"runs": runs, "classes": classes.kept, "skeletons": skeletons.kept}, list(dict.fromkeys(problems))


class Shelf:
    """Things that several runs have in common, kept once."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def place(self, thing: Any) -> int:  # noqa: ANN401
        """Where a thing stands, put there if it is new."""
        if thing not in self.kept:
            self.kept.append(thing)
        return self.kept.index(thing)


def run_names(results: Sequence[Result]) -> list[str]:
    """A name for each run that no other has: data and network, and of the rest what differs on these data."""
    names = []
    for result in results:
        same = [other for other in results if other.data == result.data]
        parts = [f"{result.data} (synthetic)" if result.synthetic else result.data, result.model, result.stream]
        parts += [result.recipe] if len({other.recipe for other in same}) > 1 else []
        parts += [f"seed {result.seed}"] if len({other.seed for other in same}) > 1 else []
        names.append(", ".join(parts))
    return [
        f"{name}, {result.folder}" if names.count(name) > 1 else name
        for name, result in zip(names, results, strict=True)
    ]


def _run(result: Result, name: str, classes: Shelf, skeletons: Shelf, problems: list[str]) -> Content:
    def attempt(read: Callable[[Result], Any], nothing: Any) -> Any:  # noqa: ANN401
        try:
            return read(result)
        except InputError as error:
            problems.append(str(error))
            return nothing

    scores = attempt(_scores, None)
    layers = attempt(_layers, None)
    return {
        "name": name,
        "folder": str(result.folder),
        "clip_shape": ", ".join(map(str, result.clip_shape)),
        **{key: getattr(result, key) for key in ("data", "synthetic", "model", "stream", "seed", "recipe", "epochs")},
        **{key: getattr(result, key) for key in ("top1", "top5", "parameters", "flops", "command")},
        "classes": None if scores is None else classes.place(scores.classes.tolist()),
        "confusion": None if scores is None else _confusion(scores),
        "curves": attempt(_curves, {}),
        "smoothing": attempt(_smoothing, {}),
        "layers": None if layers is None else layers | {"skeleton": skeletons.place(layers["skeleton"])},
        "config": attempt(_config, {}),
    }


def _scores(result: Result) -> Scores:
    path = result.folder / "scores.npz"
    scores = Scores.load(path)
    expect_sound(Part(scores, str(path)))
    return scores


def _confusion(scores: Scores) -> list[int]:
    """Counts that are not zero: true class, predicted class and clips, one after the other."""
    counts = scores.confusion()
    places = np.argwhere(counts)
    return np.column_stack([places, counts[tuple(places.T)]]).flatten().tolist()


def _layers(result: Result) -> Content | None:
    path = result.folder / "layers.npz"
    return layer_content(path) if path.exists() else None


def _curves(result: Result) -> Content:
    """Columns of metrics.csv by name, with `epoch`; entries that are empty are None. Accuracies in per cent."""
    path = result.folder / "metrics.csv"
    if not path.exists():
        return {}
    metrics = read_metrics(path)
    found = {name: metrics[name] * factor for name, factor in CURVES.items() if name in metrics}
    found = {name: values for name, values in found.items() if np.isfinite(values).any()}
    return {name: _rounded(values) for name, values in {"epoch": metrics["epoch"], **found}.items()}


def _rounded(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values]


def _smoothing(result: Result) -> Mapping[str, list[float | None]]:
    """Measures of over-smoothing after the last epoch, each by layer."""
    found = read_summary(result.folder / "summary.json").get("smoothing")
    if not isinstance(found, dict):
        return {name: _rounded(values) for name, values in last_smoothing(result.folder / "metrics.csv").items()}
    lists = {str(name): values for name, values in found.items() if isinstance(values, list)}
    numbers = {name: [v if isinstance(v, int | float) else math.nan for v in values] for name, values in lists.items()}
    return {name: _rounded(values) for name, values in numbers.items()}


def _config(result: Result) -> Content:
    """Every option of a run by its dotted name."""
    content = OmegaConf.to_container(read_config(result.folder / "config.yaml"))
    assert isinstance(content, dict)
    return {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in flatten(content)}
