"""Speed and memory of networks in training and inference, measured in one run, turn by turn."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from stgdn.benchmark import devices, foreign, memory
from stgdn.benchmark.candidates import Candidate, Foreign, Variant
from stgdn.benchmark.measures import Batch, Setting, batches, measure
from stgdn.benchmark.timing import turns
from stgdn.benchmark.work import clip_flops, work
from stgdn.errors import InputError
from stgdn.skeleton import layout

CHECKED = 2  # clips that a network from elsewhere is tried on


@dataclass(frozen=True)
class Load:
    """Clips that networks are given.

    Attributes:
        clip_shape: (C, T, V, M).
        classes: entries of the scores.
        batch: clips.
        pairs: share of clips with all bodies.
    """

    clip_shape: tuple[int, int, int, int]
    classes: int
    batch: int
    pairs: float

    def batches(self, device: str) -> list[Batch]:
        """Batches in turn."""
        return batches(self.clip_shape, self.batch, self.pairs, self.classes, device)


def load_of(chosen: Sequence[Candidate], common: dict[str, Any], batch: int, pairs: float) -> Load:
    """Clips that all networks measured side by side are given.

    Args:
        chosen: the networks.
        common: the config of one of this repository's networks with the options for all of them.
        batch: clips.
        pairs: share of clips with all bodies.

    Raises:
        InputError: two of them take different clips.
    """
    shapes = {"": _shape(common)} | {one.name: _shape(one.config) for one in chosen if isinstance(one, Variant)}
    for name, shape in shapes.items():
        if shape != shapes[""]:
            raise InputError(
                f"'{name}' takes clips and gives classes (C, T, layout, M, classes) = {shape}, others {shapes['']}: "
                "set what differs for all, with frames=64 or overrides='\"data=nw_ucla\"'"
            )
    C, T, joints, M, classes = shapes[""]
    return Load((C, T, layout(joints).num_joints, M), classes, batch, pairs)


def _shape(config: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return tuple(config[key] for key in ("in_channels", "frames", "layout", "bodies", "num_classes"))


def compare(
    chosen: Sequence[Candidate],
    load: Load,
    setting: Setting,
    kinds: Sequence[str],
    rounds: int,
    *,
    with_memory: bool = True,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure networks in turn; everything as it was found, round by round, as plain data.

    Args:
        chosen: the networks.
        load: what they are given.
        setting: how they are run.
        kinds: some of MEASURES.
        rounds: turns of each.
        with_memory: whether peak memory is measured too.
        say: told what is being done.

    Returns:
        `limits`, what the device can do at best, and `rows`, by name.

    Raises:
        InputError: a network that cannot be built, or does not map (N, C, T, V, M) to (N, classes).
    """
    given, rows, ways = load.batches(setting.device), {}, {}
    trained = [_built(candidate, load, setting) for candidate in chosen]  # mistakes in any come before anything long
    for candidate, module in zip(chosen, trained, strict=True):
        say(f"{candidate.name}: warming up")
        rows[candidate.name], calls = _prepared(candidate, module, load, given, setting, kinds, with_memory)
        ways |= {(candidate.name, kind): call for kind, call in calls.items()}
    limits, amounts = devices.limits(setting)
    say(f"{rounds} rounds of {len(ways)} measurements")
    ways |= {("limits", name): call for name, call in limits.items()}
    found = turns(ways, rounds, devices.clock(setting))
    seconds = {way: [_median(turn) for turn in taken] for way, taken in found.items()}
    for name, row in rows.items():
        for kind, measured in row["measures"].items():
            measured["seconds"] = seconds[name, kind]
    return {
        "limits": {name: {"amount": amounts[name], "seconds": seconds["limits", name]} for name in limits},
        "rows": rows,
    }


def _median(values: Sequence[float]) -> float:
    return torch.tensor(values, dtype=torch.float64).quantile(0.5).item()


def _prepared(
    candidate: Candidate,
    trained: nn.Module,
    load: Load,
    given: list[Batch],
    setting: Setting,
    kinds: Sequence[str],
    with_memory: bool,
) -> tuple[dict[str, Any], dict[str, Callable[[int], Any]]]:
    """Return facts of a network that need no timing, and warm calls to time."""
    record: dict[str, Any] = {
        "kind": type(candidate).__name__.lower(),
        "made_of": asdict(candidate),  # pyright: ignore[reportArgumentType]
        "parameters": sum(parameter.numel() for parameter in trained.parameters() if parameter.requires_grad),
        "flop_a_clip": clip_flops(trained, torch.randn(1, *load.clip_shape, device=setting.device)),
        "measures": {},
    }
    calls = {}
    for kind in kinds:
        peak = _peak(kind, candidate, load, given, setting) if with_memory and kind in memory.MEASURED else None
        module = _built(candidate, load, setting) if kind == "inference" else trained
        calls[kind] = measure(kind, module, given, setting)
        flops, traffic = _work(kind, candidate, load, given, setting)
        first = devices.clock(setting)(lambda call=calls[kind]: call(0))
        for n in range(1, len(given) + 1):
            calls[kind](n)
        record["measures"][kind] = {"flop": flops, "bytes": traffic, "first_call": first, "memory": peak}
    return record, calls


def _built(candidate: Candidate, load: Load, setting: Setting) -> nn.Module:
    module = candidate.build()
    if isinstance(candidate, Foreign):
        foreign.check(module, candidate.name, torch.randn(CHECKED, *load.clip_shape), load.classes)
    return module.to(setting.device)


def _work(kind: str, candidate: Candidate, load: Load, given: list[Batch], setting: Setting) -> tuple[int, int]:
    """Operations and bytes, without a compiler, which would hide them."""
    plain = Setting(setting.device, setting.precision, False, setting.threads)
    call = measure(kind, _built(candidate, load, plain), given, plain)
    call(0)
    return work(lambda: call(0))


def _peak(kind: str, candidate: Candidate, load: Load, given: list[Batch], setting: Setting) -> int | None:
    if setting.device == "cuda":
        return memory.peak_on_gpu(kind, _built(candidate, load, setting), given, setting)
    shape = (load.clip_shape, load.batch, load.pairs, load.classes)
    return memory.peak_on_cpu(kind, candidate, *shape, setting)
