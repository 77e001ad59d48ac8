"""A run and its reproduction: which bits are equal, by how much results differ, and what the two were trained in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from stgdn.rounding import fixed
from stgdn.runs.folder import METRICS, SCORES, SUMMARY, last_checkpoint
from stgdn.runs.metrics import read_metrics
from stgdn.runs.recipes import flatten
from stgdn.runs.result import read_json
from stgdn.runs.scores import Scores
from stgdn.training.callbacks.epoch_report import TIME_METRICS
from stgdn.training.checkpoint_file import read_checkpoint

MOST = 8  # differences of the environment that are named


@dataclass(frozen=True)
class Differences:
    """Hold in what two trainings of one run differ."""

    folder: Path  # of the reproduction
    weights: tuple[str, ...]  # names of the weights of which a bit differs, or that one of the two lacks
    metrics: tuple[str, ...]  # columns of `metrics.csv`, but for times
    top1: tuple[float, float]  # in per cent, before and now
    largest: float | None  # difference of a score; None if the clips are other ones
    environment: Mapping[str, tuple[Any, Any]] | None  # by dotted name, before and now; None if it was not stored

    @property
    def equal(self) -> bool:
        """Return whether weights, scores and metrics are equal bit by bit."""
        return not self.weights and not self.metrics and self.largest == 0


def compare_runs(before: Path, now: Path) -> Differences:
    """Compare the folders of two finished runs."""
    weights, other_weights = (read_checkpoint(last_checkpoint(folder))["state_dict"] for folder in (before, now))
    metrics, other_metrics = (read_metrics(folder / METRICS) for folder in (before, now))
    scores = [Scores.load(folder / SCORES) for folder in (before, now)]
    same_clips = np.array_equal(scores[0].names, scores[1].names) and scores[0].scores.shape == scores[1].scores.shape
    trained_in, now_in = (read_json(folder / SUMMARY).get("environment") for folder in (before, now))
    return Differences(
        now,
        tuple(_differing(weights, other_weights, _same_bits)),
        tuple(name for name in _differing(metrics, other_metrics, _same_numbers) if name not in TIME_METRICS),
        (scores[0].top1, scores[1].top1),
        float(np.abs(scores[0].scores - scores[1].scores).max()) if same_clips else None,
        _environments(trained_in, now_in) if isinstance(trained_in, dict) and isinstance(now_in, dict) else None,
    )


def _differing(before: Mapping[str, Any], now: Mapping[str, Any], same: Any) -> list[str]:  # noqa: ANN401
    """Return the keys that one of two mappings lacks, or under which the values are not the same."""
    keys = dict.fromkeys([*before, *now])
    return [key for key in keys if key not in before or key not in now or not same(before[key], now[key])]


def _same_bits(before: torch.Tensor, now: torch.Tensor) -> bool:
    return before.dtype == now.dtype and torch.equal(before, now)


def _same_numbers(before: np.ndarray, now: np.ndarray) -> bool:
    return np.array_equal(before, now, equal_nan=True)


def _environments(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    old, new = (dict(flatten(each)) for each in (before, now))
    return {key: (old.get(key), new.get(key)) for key in _differing(old, new, lambda one, other: one == other)}


def print_differences(found: Differences) -> None:
    """Print whether the bits are equal, else what differs and by how much."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"reproduced in {found.folder}")
    before, now = (fixed(value, 2) for value in found.top1)
    if found.equal:
        console.print(f"equal bits: weights, scores and metrics; test top-1 {before}")
    else:
        console.print(f"test top-1 was {before} and is {now} ({fixed(found.top1[1] - found.top1[0], 2, '+')})")
        largest = "the test clips are others" if found.largest is None else f"a score by at most {found.largest:.3g}"
        parts = [f"{len(found.weights)} of the weights", f"{len(found.metrics)} of the metrics", largest]
        console.print(f"differing: {', '.join(parts)}")
    for line in environment_lines(found):
        console.print(line)


def environment_lines(found: Differences) -> list[str]:
    """Return sentences about what the two were trained in."""
    if found.environment is None:
        return ["the run is of a former version, which did not record what it was trained in"]
    if not found.environment:
        same = "both were trained by the same code and versions, with the same data, processor, threads and device"
        advice = "; a GPU adds in an order that varies, trainer.deterministic=true asks it not to"
        return [same + ("" if found.equal else advice)]
    names = [f"{key} was {old} and is {new}" for key, (old, new) in found.environment.items()]
    more = f"; and {len(names) - MOST} more" if len(names) > MOST else ""
    data = ["the data have changed since"] if any(key.startswith("data.") for key in found.environment) else []
    return [*data, f"trained in another environment: {'; '.join(names[:MOST])}{more}"]
