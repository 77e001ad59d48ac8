"""Fused results for tables: those of `src/fuse.py` if still valid; the others are computed here."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from stgdn.data.batches.settings import STREAMS
from stgdn.errors import InputError
from stgdn.inference.stream_weights import rank
from stgdn.reports.fusion.fusion_files import fusion_command
from stgdn.reports.fusion.score_fusion import StreamScores, fuse
from stgdn.runs.folder import FUSION, SCORES
from stgdn.runs.result import Result, RunCollection, check_summary, read_json
from stgdn.runs.scores import Scores

COMBINATIONS = (("joint", "bone"), STREAMS)
WRITTEN, COMPUTED = "by src/fuse.py", "by this report, from the runs' scores"


def fused_results(collection: RunCollection) -> tuple[list[Result], list[str]]:
    """Return the fusions of all runs, and sentences about fusions that cannot be used.

    Joint with bone, and all four streams, are computed from the scores of runs of one network, recipe, seed and fold
    where `src/fuse.py` has not written them.
    """
    fusions: dict[tuple[Any, ...], Result] = {}
    notes: list[str] = []
    for folder in collection.fusions:
        try:
            result = _read_fusion(folder, collection.results)
            fusions.setdefault(_key(result), result)
        except InputError as error:
            notes.append(str(error))
    for parts in _combinations(collection.results):
        stream = "+".join(part.stream for part in parts)
        if (*_key(parts[0])[:-1], stream) in fusions:
            continue
        try:
            result = _compute_fusion(parts)
            fusions[_key(result)] = result
        except InputError as error:
            notes.append(f"{stream} of {parts[0].folder} is not fused: {error}")
    return list(fusions.values()), notes


def _key(result: Result) -> tuple[Any, ...]:
    return result.data, result.model, result.recipe, result.seed, result.fold or (), result.stream


def _read_fusion(folder: Path, results: Sequence[Result]) -> Result:
    """Read a fusion that `src/fuse.py` wrote.

    Raises:
        InputError: the file is damaged, mixes different networks, recipes, seeds or folds, or its runs have changed.
    """
    path = folder / FUSION
    content = read_json(path)
    runs = {result.folder.resolve(): result for result in results}
    try:
        parts = [_source_run(path, stream, runs) for stream in content["streams"]]
        weights = ", ".join(f"{stream['stream']} {stream['weight']:g}" for stream in content["streams"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is damaged ({error!r}): run src/fuse.py again") from None
    if len({_key(part)[:-1] for part in parts}) != 1:
        raise InputError(f"{path} is in no table: its streams are not of one network, recipe, seed and fold")
    check_summary(path, content, "run src/fuse.py again")
    return replace(
        _merge_runs(parts),
        folder=folder,
        recipe=parts[0].recipe + ("" if content.get("default_weights") else f" weighted {weights}"),
        top1=float(content["test_top1"]),
        top5=content.get("test_top5"),
        mean_class=content.get("test_mean_class"),
        command=content.get("command"),
        origin=WRITTEN,
    )


def _source_run(path: Path, stream: dict[str, Any], runs: dict[Path, Result]) -> Result:
    """Return the run that a stream was fused from; it must be unchanged."""
    place = Path(stream["place"])
    run = runs.get((place.parent if place.name == SCORES else place).resolve())
    if run is None or run.stream != stream["stream"] or abs(run.top1 - stream["top1"]) > 1e-6:
        raise InputError(f"{path} is in no table: {place} is no finished run, or has changed since it was fused")
    return run


def _combinations(results: Sequence[Result]) -> Iterator[list[Result]]:
    """Yield runs of one network, recipe, seed and fold with streams to fuse."""
    ordered = sorted(results, key=lambda result: (*_key(result)[:-1], rank(result.stream)))
    for _, same in groupby(ordered, key=lambda result: _key(result)[:-1]):
        by_stream = {result.stream: result for result in reversed(list(same))}
        for streams in COMBINATIONS:
            if by_stream.keys() >= set(streams):
                yield [by_stream[stream] for stream in streams]


def _compute_fusion(parts: Sequence[Result]) -> Result:
    """Fuse streams with the default weights."""
    fusion = fuse([StreamScores(Scores.load(part.folder / SCORES), str(part.folder)) for part in parts])
    accuracies = {name: getattr(fusion.scores, name) for name in ("top1", "top5", "mean_class")}
    return replace(_merge_runs(parts), **accuracies, command=fusion_command(fusion), origin=COMPUTED)


def _merge_runs(parts: Sequence[Result]) -> Result:
    """Merge runs of several streams into one result with total parameters and FLOPs."""
    return replace(
        parts[0],
        stream="+".join(part.stream for part in parts),
        epochs=max(part.epochs for part in parts),
        parameters=sum(part.parameters for part in parts),
        flops=sum(part.flops for part in parts),
    )
