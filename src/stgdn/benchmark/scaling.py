"""Growth of the cost of networks with frames, clips in a batch, and joints."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.benchmark import devices
from stgdn.benchmark.candidates import Variant
from stgdn.benchmark.measures import Setting, batches, measure
from stgdn.benchmark.timing import turns
from stgdn.skeleton import layout

RESERVE = 2.5  # memory of a step for every byte that is kept for backward, on the safe side


class Point(NamedTuple):
    """One network at one size: frames, clips in a batch, joints."""

    row: str
    axis: str
    size: int


def tree(joints: int) -> dict[str, Any]:
    """A made-up joint layout of any size, each joint with two children."""
    names = [f"joint{number}" for number in range(joints)]
    return {"name": f"tree{joints}", "joints": names, "bones": [(n, (n - 1) // 2) for n in range(1, joints)]}


def at_size(variant: Variant, axis: str, size: int) -> Variant:
    """The same network for clips of so many frames or joints."""
    if axis == "batch":
        return variant
    changed = {"frames": size} if axis == "frames" else {"layout": tree(size)}
    return type(variant)(variant.name, dict(variant.config) | changed)


def scaling(
    chosen: Sequence[Variant],
    axes: Mapping[str, Sequence[int]],
    setting: Setting,
    kind: str,
    batch: int,
    pairs: float,
    rounds: int,
    *,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure networks at several sizes, one kind of size changed at a time.

    Args:
        chosen: the networks; their config says how large they are otherwise.
        axes: sizes of `frames`, `batch` and `joints`, in ascending order.
        setting: how networks are run.
        kind: the measure.
        batch: clips, where another size is changed.
        pairs: share of clips with all bodies.
        rounds: turns of each measurement.
        say: told what is being done.

    Returns:
        `rows`: by name and axis the sizes, seconds of each by rounds, and the exponent; `left_out`: sentences about
        sizes that memory does not hold.
    """
    ways, left_out = {}, []
    for variant in chosen:
        for axis, sizes in axes.items():
            say(f"{variant.name}: {axis} {', '.join(map(str, sizes))}")
            made, missing = _ways(variant, axis, sizes, setting, kind, batch, pairs)
            ways |= made
            left_out += missing
    found = turns(ways, rounds, devices.clock(setting))
    taken = {point: [float(np.median(turn)) for turn in turns_taken] for point, turns_taken in found.items()}
    rows = {
        variant.name: {axis: _curve(variant.name, axis, sizes, taken) for axis, sizes in axes.items()}
        for variant in chosen
    }
    return {"rows": rows, "left_out": left_out}


def _curve(row: str, axis: str, sizes: Sequence[int], taken: Mapping[Point, list[float]]) -> dict[str, Any]:
    there = [size for size in sizes if Point(row, axis, size) in taken]
    seconds = [taken[Point(row, axis, size)] for size in there]
    return {"sizes": there, "seconds": seconds, "exponent": exponent(there, [float(np.median(s)) for s in seconds])}


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """The p of seconds ∝ size^p, by least squares of the logarithms; None for fewer than two sizes."""
    if len(sizes) < 2:
        return None
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _ways(
    variant: Variant, axis: str, sizes: Sequence[int], setting: Setting, kind: str, batch: int, pairs: float
) -> tuple[dict[Point, Callable[[int], Any]], list[str]]:
    """Warm calls for the sizes that fit into memory, and a sentence where some do not."""
    ways, each = {}, None
    for size in sizes:
        module = at_size(variant, axis, size).build().to(setting.device)
        shape = clip_shape(variant, axis, size)
        count = size if axis == "batch" else batch
        classes = variant.config["num_classes"]
        if each is not None and (needed := RESERVE * each * size) > (free := devices.free_memory(setting)):
            return ways, [
                f"{variant.name}: {axis} from {size} up left out, they need about {needed / 2**30:.1f} GiB and "
                f"{free / 2**30:.1f} GiB are free."
            ]
        given = batches(shape, count, pairs, classes, setting.device)
        if each is None:
            each = kept_bytes(module, given[0].clips, given[0].labels, setting) / size
        call = measure(kind, module, given, setting)
        for n in range(len(given)):
            call(n)
        ways[Point(variant.name, axis, size)] = call
    return ways, []


def clip_shape(variant: Variant, axis: str, size: int) -> tuple[int, int, int, int]:
    """(C, T, V, M) at a size."""
    config = at_size(variant, axis, size).config
    return config["in_channels"], config["frames"], layout(config["layout"]).num_joints, config["bodies"]


def kept_bytes(module: nn.Module, clips: Tensor, labels: Tensor, setting: Setting) -> int:
    """Bytes that a forward pass in training keeps for backward, which grow in proportion to the clips."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    module.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), setting.autocast():
        F.cross_entropy(module(clips), labels)
    return sum(kept.values())
