"""Describe the contents of a prepared store: clips, splits, lengths, bodies, joints, bones, coordinates.

Numbers from the index are exact. So are extremes, missing joints and long bones, for which all coordinates are read
once (`stgdn.data.store.scan`); medians, percentiles and the typical pose come from evenly spread rows.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.protocols import COUNTS, check_counts, find_protocol
from stgdn.data.store.checks import up_axis
from stgdn.data.store.contents import Axis, Contents, Histogram, Joint, Lengths
from stgdn.data.store.scan import SAMPLE, Scan, bone_lengths, lengths_by_layout, median, scan, stature, typical_pose
from stgdn.data.store.shards import in_one_piece
from stgdn.data.store.store import PreparedStore, Store
from stgdn.errors import InputError

BARS = 50  # of a histogram, about
SMALLEST, TALLEST = 0.5, 2.5  # metres: typical bodies outside are not people, or in another unit
CROSSED = 0.7  # of the length of the bones: shorter ones in another order of the joints are told

OF_HEADER = ("dataset", "synthetic", "source", "scale", "precision", "rows", "classes", "skipped", "remarks")

Masks = Mapping[str, NDArray[np.bool_]]


def summary(store: Store, protocol: str) -> str:
    """Return a text on a store: its contents, the clips left out with reasons, and the protocol's split."""
    header = store.header
    split = {name: int(mask.sum()) for name, mask in store.split(protocol)._asdict().items()}
    lines = [
        f"{'synthetic ' if header.synthetic else ''}{header.dataset}: {len(store):,} clips of {len(header.classes)} "
        f"classes, {header.rows:,} body frames, {store.coordinates.nbytes / 1e6:.0f} MB in {store.folder}",
        f"read from {header.source}",
        f"{protocol}: {split['train']:,} training and {split['test']:,} test clips",
    ]
    lines += [f"left out {count:,}: {reason}" for reason, count in header.skipped.items()]
    lines += [f"note: {count:,} kept: {remark} (remarks.tsv)" for remark, count in header.remarks.items()]
    notes = [*_official_notes(store, protocol, split), *_body_notes(store)]
    return "\n".join(lines + [f"note: {note}" for note in notes])


def describe(store: PreparedStore, protocol: str | None, sample: int = SAMPLE) -> Contents:
    """Read a store and return a description of its contents.

    Args:
        store: the store to describe, in one piece.
        protocol: name of the evaluation protocol; with None, or one that does not fit, all clips are one group.
        sample: the most numbers from which medians and percentiles are taken.
    """
    store = in_one_piece(store)
    header, clips = store.header, store.clips
    masks, misfit = _split(store, protocol)
    split = {name: int(mask.sum()) for name, mask in masks.items()}
    counts = COUNTS.get((header.dataset, protocol or ""))
    scanned, (seen, body_missing) = scan(store, sample), count_bodies_seen(clips)
    pose = typical_pose(scanned.sample, store.layout)
    bones = median(bone_lengths(scanned.sample.transpose(2, 1, 0), store.layout), axis=1)
    height = _number(stature(bones, pose, store.layout))
    axes = ("x", "y", "confidence") if store.layout.planar else ("x", "y", "z")
    copied: dict[str, Any] = {name: getattr(header, name) for name in OF_HEADER}
    return Contents(
        **copied,
        folder=str(store.folder),
        megabytes=sum(path.stat().st_size for path in store.folder.iterdir()) / 1e6,
        layout=store.layout.name,
        planar=store.layout.planar,
        clips=len(store),
        frames=int(clips["length"].sum(dtype=np.int64)),
        protocol=protocol,
        split=split,
        official=dict(zip(("train", "test"), counts, strict=True)) if counts else None,
        per_class={
            name: np.bincount(clips["label"][mask], minlength=len(header.classes)).tolist()
            for name, mask in masks.items()
        },
        subjects=_tally(clips["subject"]),
        cameras=_tally(clips["camera"]),
        setups=_tally(clips["setup"]),
        lengths=_lengths(clips["length"], masks),
        bodies=_tally((clips["frames"] > 0).sum(axis=1)),
        seen=seen,
        body_missing=body_missing,
        axes=[_axis(scanned, axis, name) for axis, name in enumerate(axes)],
        joints=_joints(scanned, store, pose, bones),
        height=height,
        stretched=None if store.layout.planar else int(scanned.stretched.sum()),
        sampled=len(scanned.sample),
        notes=[*misfit, *_notes(store, protocol, split, height)],
    )


def _split(store: Store, protocol: str | None) -> tuple[Masks, list[str]]:
    """Return the mask of clips of each split, and a note if they cannot be split."""
    whole = {"all": np.ones(len(store), np.bool_)}
    if protocol is None:
        return whole, ["not split: the store has no protocol of its own, `data.protocol` may name one"]
    find_protocol(protocol, store.protocols)
    try:
        split = store.split(protocol)
    except InputError as misfit:
        return whole, [f"not split: {misfit}"]
    return split._asdict(), []


def _notes(store: Store, protocol: str | None, split: Mapping[str, int], height: float | None) -> list[str]:
    """Return sentences on what to check before training."""
    classes = store.header.classes
    notes = [*_official_notes(store, protocol, split), *_body_notes(store)]
    notes += [f"protocol {protocol} leaves no {name} clip" for name, clips in split.items() if not clips]
    if empty := len(classes) - len(np.unique(store.clips["label"])):
        notes.append(f"{empty} of {len(classes)} classes have no clip")
    if height is not None and not store.layout.planar and not SMALLEST <= height <= TALLEST:
        notes.append(f"a body measures {height:.3g} m along its bones: check the source's unit (`scale` of prepare.py)")
    return notes


def _official_notes(store: Store, protocol: str | None, split: Mapping[str, int]) -> list[str]:
    """Return sentences on numbers of clips that are not the official ones."""
    header, notes = store.header, []
    if header.expected is not None and header.expected != len(store):
        notes.append(f"{len(store):,} clips where the official lists leave {header.expected:,}")
    if protocol and "train" in split:
        difference = check_counts(header.dataset, protocol, split["train"], split["test"])
        notes += [difference] if difference else []
    return notes


def _body_notes(store: Store) -> list[str]:
    """Return sentences on bodies that do not stand upright, and on joints that no bone connects to the others."""
    notes, planar = [], store.layout.planar
    sample = store.coordinates[np.linspace(0, len(store.coordinates) - 1, 1000).astype(np.int64)]
    sample = sample[..., : 2 if planar else 3]
    if up_axis(sample, store.layout.joints) == ("y" if planar else "-y"):
        hint = "y grows downwards in a picture" if planar else "`up` in dataset.yaml says which axis points up"
        notes.append(f"most bodies stand upside down: {hint}")
    lengths = lengths_by_layout(sample)
    if lengths and min(lengths.values()) < CROSSED * lengths.get(store.layout.name, 0):
        notes.append(f"joints seem to be in the order of {next(iter(lengths))}, not {store.layout.name}")
    if loose := store.header.reader.get("loose_joints"):
        notes.append(f"no bone connects {', '.join(loose)}: they hang on {store.layout.joints[store.layout.root]}")
    return notes


def count_bodies_seen(clips: NDArray[np.void]) -> tuple[dict[int, int], int]:
    """Count frames by the number of bodies seen, and frames with fewer bodies than the clip has.

    Counts whole intervals between the frames at which a body enters or leaves, not frame by frame.
    """
    starts, frames, lengths = clips["start"], clips["frames"], clips["length"][:, None]
    events = np.concatenate((np.zeros_like(lengths), starts, starts + frames, lengths), axis=1)
    edges, steps = np.zeros_like(lengths), (frames > 0).astype(np.int64)
    order = np.argsort(events, axis=1, kind="stable")
    changes = np.take_along_axis(np.concatenate((edges, steps, -steps, edges), axis=1), order, axis=1)
    durations = np.diff(np.take_along_axis(events, order, axis=1), axis=1)
    num_seen = changes.cumsum(axis=1)[:, :-1]
    nonempty = durations > 0
    counts = np.bincount(num_seen[nonempty], weights=durations[nonempty])
    fewer = int(durations[num_seen < steps.sum(axis=1, keepdims=True)].sum())
    return {bodies: int(count) for bodies, count in enumerate(counts) if count}, fewer


def _tally(values: NDArray[np.integer]) -> dict[int, int]:
    """Count each value; empty if all are -1, unknown."""
    found, counts = np.unique(values, return_counts=True)
    return {} if found.tolist() == [-1] else dict(zip(found.tolist(), counts.tolist(), strict=True))


def _lengths(lengths: NDArray[np.integer], masks: Masks) -> Lengths:
    """Describe clip lengths; bars are whole frames wide, the last one holds all that are above the 99.5 % quantile."""
    shortest, longest = int(lengths.min()), int(lengths.max())
    top = math.ceil(np.quantile(lengths, 0.995))
    width = max(1, -(-(top - shortest) // BARS))
    edges = np.arange(shortest, top + width + 1, width)
    within = np.minimum(lengths, edges[-1] - 1)
    counts = {name: np.histogram(within[mask], edges)[0].tolist() for name, mask in masks.items()}
    histogram = Histogram(edges.tolist(), counts, beyond=bool(longest >= edges[-1]))
    middle, percentile_95 = np.quantile(lengths, (0.5, 0.95)).tolist()
    return Lengths(shortest, float(lengths.mean()), middle, percentile_95, longest, histogram)


def _axis(scanned: Scan, axis: int, name: str) -> Axis:
    values = scanned.sample[..., axis]
    values = values[~np.isnan(values)]
    if not len(values):
        return Axis(name, None, None, None, None, None, Histogram([], {}))
    first, low, middle, high, last = np.quantile(values, (0.001, 0.01, 0.5, 0.99, 0.999)).tolist()
    counts, edges = np.histogram(values, BARS, (first, last))
    histogram = Histogram(edges.tolist(), {"all": counts.tolist()})
    return Axis(name, float(scanned.lowest[axis]), low, middle, high, float(scanned.highest[axis]), histogram)


def _joints(scanned: Scan, store: Store, pose: NDArray[np.floating], bones: NDArray[np.floating]) -> list[Joint]:
    """Describe all joints of the layout, with the bones to their parents."""
    number = {child: bone for bone, (child, _) in enumerate(store.layout.bones)}
    joints = []
    for joint, name in enumerate(store.layout.joints):
        position = None if np.isnan(pose[joint]).any() else (float(pose[joint, 0]), float(pose[joint, 1]))
        parent = typical = longest = clip = None
        if (bone := number.get(joint)) is not None:
            parent, typical, longest = store.layout.parents[joint], _number(bones[bone]), _number(scanned.longest[bone])
            clip = None if longest is None else str(store.clips["name"][scanned.longest_clip[bone]])
        missing = float(scanned.missing[joint]) / store.header.rows
        joints.append(Joint(name, missing, position, parent, typical, longest, clip))
    return joints


def _number(value: float | np.floating) -> float | None:
    """Return a plain number, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(value)
