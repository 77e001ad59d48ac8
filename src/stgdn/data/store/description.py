"""From a prepared store to its contents: clips, splits, lengths, bodies, joints, bones, coordinates.

Facts of the index are exact. So are extremes, missing joints and long bones, for which all coordinates are read once
(`stgdn.data.store.scan`); medians, percentiles and the typical pose come from evenly spread rows, from all if they are
few.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stgdn.data.protocols import COUNTS, PROTOCOLS, check_counts
from stgdn.data.store.body_pose import median, stature, typical_pose
from stgdn.data.store.contents import Axis, Contents, Histogram, Joint, Lengths
from stgdn.data.store.scan import SAMPLE, Scan, bone_lengths, scan
from stgdn.data.store.store import Store
from stgdn.errors import InputError, choose

BARS = 50  # of a histogram, about
SMALLEST, TALLEST = 0.5, 2.5  # metres: typical bodies outside are not people, or in another unit

Masks = Mapping[str, NDArray[np.bool_]]


def describe(store: Store, protocol: str | None, sample: int = SAMPLE) -> Contents:
    """Read a store and say what is in it.

    Args:
        store: what to describe.
        protocol: how to split its clips; one that does not fit them, or None, leaves them in one group.
        sample: how many numbers medians and percentiles may be taken from.

    Raises:
        InputError: no such protocol.
    """
    header, clips = store.header, store.clips
    masks, misfit = _split(store, protocol)
    split = {name: int(mask.sum()) for name, mask in masks.items()}
    found, (seen, body_missing) = scan(store, sample), bodies_seen(clips)
    pose = typical_pose(found.sample, store.layout)
    bones = _median_bones(found, store)
    height = _number(stature(bones, pose, store.layout))
    return Contents(
        dataset=header.dataset,
        synthetic=header.synthetic,
        source=header.source,
        scale=header.scale,
        folder=str(store.folder),
        megabytes=sum(path.stat().st_size for path in store.folder.iterdir()) / 1e6,
        layout=store.layout.name,
        planar=store.layout.planar,
        precision=header.precision,
        clips=len(store),
        frames=int(clips["length"].sum(dtype=np.int64)),
        rows=header.rows,
        protocol=protocol,
        split=split,
        official=_official(header.dataset, protocol),
        classes=header.classes,
        per_class={name: _per_class(store, mask) for name, mask in masks.items()},
        **{f"{fact}s": _tally(clips[fact]) for fact in ("subject", "camera", "setup")},
        lengths=_lengths(clips["length"], masks),
        bodies=_tally((clips["frames"] > 0).sum(axis=1)),
        seen=seen,
        body_missing=body_missing,
        axes=[_axis(found, axis, name) for axis, name in enumerate(_axis_names(store))],
        joints=_joints(found, store, pose, bones),
        height=height,
        stretched=None if store.layout.planar else int(found.stretched.sum()),
        sampled=len(found.sample),
        skipped=header.skipped,
        remarks=header.remarks,
        notes=[*misfit, *_notes(store, protocol, split, height)],
    )


def _split(store: Store, protocol: str | None) -> tuple[Masks, list[str]]:
    """Which clips are in which split, and why they are in one group if so."""
    whole = {"all": np.ones(len(store), np.bool_)}
    if protocol is None:
        return whole, ["not split: the store has no protocol of its own, `data.protocol` may name one"]
    choose(protocol, PROTOCOLS | store.protocols, "protocol")
    try:
        training = store.training(protocol)
    except InputError as misfit:
        return whole, [f"not split: {misfit}"]
    return {"train": training, "test": ~training}, []


def _official(dataset: str, protocol: str | None) -> dict[str, int] | None:
    counts = None if protocol is None else COUNTS.get((dataset, protocol))
    return None if counts is None else {"train": counts[0], "test": counts[1]}


def _notes(store: Store, protocol: str | None, split: Mapping[str, int], height: float | None) -> list[str]:
    """What a person should look at before training."""
    header, notes = store.header, []
    if (
        protocol
        and "train" in split
        and (difference := check_counts(header.dataset, protocol, split["train"], split["test"]))
    ):
        notes.append(difference)
    notes += [f"protocol {protocol} leaves no {name} clip" for name, clips in split.items() if not clips]
    if header.expected is not None and header.expected != len(store):
        notes.append(f"{len(store):,} clips where the official lists leave {header.expected:,}")
    if empty := len(header.classes) - len(np.unique(store.clips["label"])):
        notes.append(f"{empty} of {len(header.classes)} classes have no clip")
    if height is not None and not store.layout.planar and not SMALLEST <= height <= TALLEST:
        notes.append(f"a body measures {height:.3g} m along its bones: check the source's unit (`scale` of prepare.py)")
    return notes


def bodies_seen(clips: NDArray[np.void]) -> tuple[dict[int, int], int]:
    """Frames by how many bodies are seen in them, and those in which fewer are seen than the clip has.

    Counts between the moments at which a body enters or leaves, not frame by frame.
    """
    starts, frames, lengths = clips["start"], clips["frames"], clips["length"][:, None]
    moments = np.concatenate((np.zeros_like(lengths), starts, starts + frames, lengths), axis=1)
    edges, steps = np.zeros_like(lengths), (frames > 0).astype(np.int64)
    order = np.argsort(moments, axis=1, kind="stable")
    changes = np.take_along_axis(np.concatenate((edges, steps, -steps, edges), axis=1), order, axis=1)
    durations = np.diff(np.take_along_axis(moments, order, axis=1), axis=1)
    there = changes.cumsum(axis=1)[:, :-1]
    lasting = durations > 0
    counts = np.bincount(there[lasting], weights=durations[lasting])
    fewer = int(durations[there < steps.sum(axis=1, keepdims=True)].sum())
    return {bodies: int(count) for bodies, count in enumerate(counts) if count}, fewer


def _per_class(store: Store, mask: NDArray[np.bool_]) -> list[int]:
    return np.bincount(store.clips["label"][mask], minlength=len(store.header.classes)).tolist()


def _tally(values: NDArray[np.integer]) -> dict[int, int]:
    """How often each value occurs; empty if all there is is -1, which says nothing."""
    found, counts = np.unique(values, return_counts=True)
    return {} if found.tolist() == [-1] else dict(zip(found.tolist(), counts.tolist(), strict=True))


def _lengths(lengths: NDArray[np.integer], masks: Masks) -> Lengths:
    """Bars are whole frames wide; the last takes what is longer than 99.5 % of the clips."""
    shortest, longest = int(lengths.min()), int(lengths.max())
    top = math.ceil(np.quantile(lengths, 0.995))
    width = max(1, -(-(top - shortest) // BARS))
    edges = np.arange(shortest, top + width + 1, width)
    within = np.minimum(lengths, edges[-1] - 1)
    counts = {name: np.histogram(within[mask], edges)[0].tolist() for name, mask in masks.items()}
    histogram = Histogram(edges.tolist(), counts, beyond=bool(longest >= edges[-1]))
    middle, percentile_95 = np.quantile(lengths, (0.5, 0.95)).tolist()
    return Lengths(shortest, float(lengths.mean()), middle, percentile_95, longest, histogram)


def _axis_names(store: Store) -> tuple[str, ...]:
    return ("x", "y", "confidence") if store.layout.planar else ("x", "y", "z")


def _axis(found: Scan, axis: int, name: str) -> Axis:
    values = found.sample[..., axis]
    values = values[~np.isnan(values)]
    if not len(values):
        return Axis(name, None, None, None, None, None, Histogram([], {}))
    first, low, middle, high, last = np.quantile(values, (0.001, 0.01, 0.5, 0.99, 0.999)).tolist()
    counts, edges = np.histogram(values, BARS, (first, last))
    histogram = Histogram(edges.tolist(), {"all": counts.tolist()})
    return Axis(name, float(found.lowest[axis]), low, middle, high, float(found.highest[axis]), histogram)


def _median_bones(found: Scan, store: Store) -> NDArray[np.floating]:
    """(B,) median lengths, NaN for bones never seen."""
    return median(bone_lengths(found.sample.transpose(2, 1, 0), store.layout), axis=1)


def _joints(found: Scan, store: Store, pose: NDArray[np.floating], bones: NDArray[np.floating]) -> list[Joint]:
    """All joints of the layout, with the bones that end at them."""
    number = {child: bone for bone, (child, _) in enumerate(store.layout.bones)}
    joints = []
    for joint, name in enumerate(store.layout.joints):
        place = None if np.isnan(pose[joint]).any() else (float(pose[joint, 0]), float(pose[joint, 1]))
        parent = typical = longest = clip = None
        if (bone := number.get(joint)) is not None:
            parent, typical, longest = store.layout.parents[joint], _number(bones[bone]), _number(found.longest[bone])
            clip = None if longest is None else str(store.clips["name"][found.longest_clip[bone]])
        missing = float(found.missing[joint]) / store.header.rows
        joints.append(Joint(name, missing, place, parent, typical, longest, clip))
    return joints


def _number(value: float | np.floating) -> float | None:
    """A plain number, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(value)
