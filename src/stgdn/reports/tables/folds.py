"""Runs that differ in their fold alone as one result: the accuracy over the clips of all folds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from stgdn.data.protocols import PROTOCOLS
from stgdn.runs.commands import fold_command
from stgdn.runs.recipes import find_fold
from stgdn.runs.result import Result

PROTOCOL_FOLDS = [find_fold({"data": {"protocol": name}}) for name in PROTOCOLS]


def merge_folds(results: Iterable[Result]) -> tuple[list[Result], list[str]]:
    """Merge the folds of one network, stream, recipe and seed; also return notes on folds that occur twice.

    Accuracies are means weighted by the numbers of test clips, which is the accuracy over all of these clips.
    """
    merged: list[Result] = []
    groups: dict[tuple[object, ...], dict[int, Result]] = {}
    doubles = []
    for result in results:
        if result.fold is None:
            merged.append(result)
            continue
        key = (result.data, result.model, result.stream, result.recipe, result.seed, result.fold.group)
        first = groups.setdefault(key, {}).setdefault(result.fold.number, result)
        if first is not result:
            doubles.append(f"{result.folder} is in no table: {first.folder} is of the same recipe, seed and fold")
    merged += [_mean([folds[number] for number in sorted(folds)]) for folds in groups.values()]
    return merged, doubles


def _mean(parts: Sequence[Result]) -> Result:
    """Return the mean of results over folds."""
    weights = [part.clips["test"] for part in parts]

    def mean(values: Sequence[object]) -> float | None:
        return None if None in values else float(np.average(np.asarray(values, float), weights=weights))

    shapes = [{name: len(values) for name, values in part.smoothing.items()} for part in parts]
    shared = [name for name, count in shapes[0].items() if all(other.get(name) == count for other in shapes)]
    layers = {name: np.array([part.smoothing[name] for part in parts]) for name in shared}
    return replace(
        parts[0],
        top1=mean([part.top1 for part in parts]) or 0.0,
        top5=mean([part.top5 for part in parts]),
        mean_class=mean([part.mean_class for part in parts]),
        clips={**parts[0].clips, "test": sum(weights)},
        smoothing={name: tuple(np.average(values, axis=0, weights=weights)) for name, values in layers.items()},
        parts=tuple(parts),
    )


def fold_text(result: Result) -> str:
    """Return which folds were run, `folds 1, 2, 4 of 5`; `5 folds` for all of them; empty for a run without folds."""
    if result.fold is None:
        return ""
    numbers = ", ".join(map(str, result.folds))
    count, group = len(result.folds), result.fold.group
    word = f"{group.removesuffix('_out')}s" if group.endswith("_out") else "folds"
    known = sum(fold is not None and fold.group == group for fold in PROTOCOL_FOLDS)
    clips = sum(result.parts[0].clips.values())
    if count == known or result.clips["test"] == clips:
        return f"{count} {word}"
    share = f" of {known}" if known else f", {result.clips['test'] / clips:.0%} of the clips"
    return f"{word} {numbers}{share}"


def part_commands(result: Result) -> list[str]:
    """Return the commands of the runs or fusions that a result is made of, in so far as they were kept."""

    def named(command: str, part: Result) -> str:
        by_number = part.fold is not None and part.fold.option == "data.fold" and not part.origin
        return fold_command(command, part.fold.number) if by_number and part.fold else command

    return [named(part.command, part) for part in result.parts or (result,) if part.command is not None]
