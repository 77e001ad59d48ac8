"""Speed and memory of networks, and the growth of their cost with the size of clips, measured in turn in one run."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from stgdn.allocator import keep_what_a_step_needs
from stgdn.benchmark import cost
from stgdn.benchmark.candidates import Candidate
from stgdn.benchmark.timing import Call, stopwatch, time_in_turn
from stgdn.benchmark.workload import Batch, Workload, timed_call
from stgdn.errors import InputError
from stgdn.model.clip_check import expect_scores

CHECKED = 2  # clips that a user's network is tried on
MEMORY_MEASURES = ("step", "inference")  # measures of which peak memory is measured
RESERVE = 2.5  # memory of a step for every byte that is kept for backward, on the safe side


def tell(message: str) -> None:
    """Print what is being done to stderr, since stdout is for results."""
    print(message, file=sys.stderr, flush=True)


def measure_networks(
    candidates: Sequence[Candidate], workload: Workload, measures: Sequence[str], rounds: int, *, memory: bool
) -> dict[str, Any]:
    """Measure networks side by side; `memory` says whether their peak memory is measured, too.

    Returns:
        `rows`: by candidate its size and, by measure, its cost and seconds in every round;
        `limits`: the same of what the device can do at best.
    """
    keep_what_a_step_needs()  # as training does
    modules = [_build(candidate, workload) for candidate in candidates]  # mistakes come before anything that takes long
    best, amounts = cost.limits(workload)
    calls: dict[tuple[str, str], Call] = {("", name): call for name, call in best.items()}  # "": of no network
    batches = workload.batches()
    rows: dict[str, dict[str, Any]] = {}
    for candidate, module in zip(candidates, modules, strict=True):
        tell(f"{candidate.name}: warming up")
        rows[candidate.name] = _describe(candidate, module, workload)
        for measure in measures:
            used = _build(candidate, workload) if measure == "inference" else module
            found, calls[candidate.name, measure] = _prepare(measure, used, workload, batches)
            with_peak = memory and measure in MEMORY_MEASURES
            found["memory"] = cost.peak_memory(measure, candidate, workload) if with_peak else None
            rows[candidate.name]["measures"][measure] = found
    tell(f"{rounds} rounds of {len(calls)} measurements")
    limits: dict[str, Any] = {name: {"amount": amount} for name, amount in amounts.items()}
    for (name, measure), seconds in _seconds(calls, rounds, workload).items():
        place = rows[name]["measures"] if name else limits
        place[measure]["seconds"] = seconds
    return {"limits": limits, "rows": rows}


def _build(candidate: Candidate, workload: Workload) -> nn.Module:
    module = candidate.build()
    if candidate.kind == "module":
        advice = f"build it for {workload.classes} classes with module_options, or set frames and overrides as it needs"
        expect_scores(module, candidate.name, torch.randn(CHECKED, *workload.clip_shape), workload.classes, advice)
    return module.to(workload.device)


def _describe(candidate: Candidate, module: nn.Module, workload: Workload) -> dict[str, Any]:
    return {
        "kind": candidate.kind,
        "made_of": asdict(candidate),
        "parameters": sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad),
        "flop_a_clip": cost.clip_flops(module, torch.randn(1, *workload.clip_shape, device=workload.device)),
        "measures": {},
    }


def _prepare(
    measure: str, module: nn.Module, workload: Workload, batches: Sequence[Batch]
) -> tuple[dict[str, Any], Call]:
    """Return the cost of a measure, counted without a compiler that would hide it, and its call, warm."""
    eager = timed_call(measure, module, replace(workload, compile=False), batches)
    eager(0)
    operations, traffic = cost.operations_and_bytes(lambda: eager(0))
    call = timed_call(measure, module, workload, batches)
    first = stopwatch(lambda: call(0))
    for n in range(1, len(batches) + 1):
        call(n)
    return {"flop": operations, "bytes": traffic, "first_call": first}, call


def _seconds(calls: Mapping[Any, Call], rounds: int, workload: Workload) -> dict[Any, list[float]]:
    """Return the median seconds of every call in each round."""
    measured = time_in_turn(calls, rounds, workload.threads)
    return {name: [turn.median for turn in turns] for name, turns in measured.items()}


def measure_scaling(
    candidates: Sequence[Candidate], workload: Workload, axes: Mapping[str, Sequence[int]], measure: str, rounds: int
) -> dict[str, Any]:
    """Measure networks at several sizes, one of `frames`, `batch` and `joints` changed at a time.

    Returns:
        `rows`: by candidate and axis the sizes, seconds of each in every round, and the exponent that fits them;
        `left_out`: sentences about sizes that memory does not hold.
    """
    if any(candidate.kind == "module" for candidate in candidates):
        raise InputError(
            "what=scaling builds networks for clips of other sizes, which it cannot do for module=...: leave it out"
        )
    calls, left_out, rows = {}, [], {}
    for candidate in candidates:
        rows[candidate.name] = {axis: {"sizes": [], "seconds": []} for axis in axes}
        for axis, sizes in axes.items():
            tell(f"{candidate.name}: {axis} {', '.join(map(str, sizes))}")
            fitting, problem = _calls_at(sizes, axis, candidate, workload, measure)
            calls |= {(candidate.name, axis, size): call for size, call in fitting.items()}
            left_out += [problem] if problem else []
    for (name, axis, size), seconds in _seconds(calls, rounds, workload).items():
        rows[name][axis]["sizes"].append(size)
        rows[name][axis]["seconds"].append(seconds)
    for curve in (curve for row in rows.values() for curve in row.values()):
        curve["exponent"] = exponent(curve["sizes"], np.median(curve["seconds"], axis=1))
    return {"rows": rows, "left_out": left_out}


def _calls_at(
    sizes: Sequence[int], axis: str, candidate: Candidate, workload: Workload, measure: str
) -> tuple[dict[int, Call], str]:
    """Return warm calls for the ascending sizes that memory holds, and a sentence if it does not hold all."""
    calls, kept = {}, 0.0
    for size in sizes:
        sized, load = at_size(candidate, workload, axis, size)
        needed, free = RESERVE * kept * size, cost.free_memory(load.device)
        if needed > free:
            needs = f"they need about {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free"
            return calls, f"{candidate.name}: {axis} from {size} up left out, {needs}."
        module, batches = _build(sized, load), load.batches()
        kept = kept or cost.kept_bytes(module, batches[0], load) / size
        calls[size] = timed_call(measure, module, load, batches)
        for n in range(len(batches)):
            calls[size](n)
    return calls, ""


def at_size(candidate: Candidate, workload: Workload, axis: str, size: int) -> tuple[Candidate, Workload]:
    """Return the same network for clips of another size, and these clips; joints are those of a made-up tree."""
    C, T, V, M = workload.clip_shape
    if axis == "batch":
        return candidate, replace(workload, batch=size)
    if axis == "frames":
        return candidate.with_config(frames=size), replace(workload, clip_shape=(C, size, V, M))
    return candidate.with_config(layout=tree(size)), replace(workload, clip_shape=(C, T, size, M))


def tree(joints: int) -> dict[str, Any]:
    """Return a made-up joint layout of any size, each joint with two children."""
    names = [f"joint{number}" for number in range(joints)]
    return {"name": f"tree{joints}", "joints": names, "bones": [(n, (n - 1) // 2) for n in range(1, joints)]}


def exponent(sizes: Sequence[int], seconds: Sequence[float] | np.ndarray) -> float | None:
    """Return the p of seconds ∝ size^p, by least squares of the logarithms; None for fewer than two sizes."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]) if len(sizes) > 1 else None
