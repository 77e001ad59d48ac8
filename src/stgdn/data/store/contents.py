"""The contents of a prepared store as plain data that can be printed, drawn and written as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """Count the values of each group between edges; with `beyond` the last bar has no upper edge."""

    edges: Sequence[float]
    counts: dict[str, list[int]]
    beyond: bool = False


@dataclass(frozen=True)
class Lengths:
    """Describe the numbers of frames of the clips."""

    shortest: int
    mean: float
    median: float
    percentile_95: float
    longest: int
    histogram: Histogram


@dataclass(frozen=True)
class Axis:
    """Describe the coordinates along one axis, without missing joints; None if all are missing."""

    name: str
    lowest: float | None
    percentile_1: float | None
    median: float | None
    percentile_99: float | None
    highest: float | None
    histogram: Histogram


@dataclass(frozen=True)
class Joint:
    """Describe a joint and the bone to its parent (the root has none); None for values that are never seen.

    Attributes:
        name: name of the joint.
        missing: share of the rows in which it is at exactly zero.
        pose: (across, up), its position in the typical pose, see `scan.typical_pose`.
        parent: number of the joint at the other end of the bone.
        bone, longest, clip: median and greatest length, and the name of the clip that has the latter.
    """

    name: str
    missing: float
    pose: tuple[float, float] | None
    parent: int | None
    bone: float | None
    longest: float | None
    clip: str | None


@dataclass(frozen=True)
class Contents:
    """Hold the contents of a store as plain data, so that it can be written as JSON.

    Attributes:
        dataset, synthetic, source, scale: from the store's header, see `store.Header`.
        folder, megabytes: folder of the store and size of its files.
        layout, planar, precision: name of the joint layout, whether it is flat, type of the coordinates.
        clips, frames, rows: their numbers; a row is a body in a frame.
        protocol: name of the evaluation protocol, or None.
        split: number of clips by split, `train` and `test`, or `all` where no protocol fits the store.
        official: the official numbers of `split`, if known.
        classes: class names, in the order of the labels.
        per_class: clips of every class, by split.
        subjects, cameras, setups: number of clips of each; empty if the set has none, -1 for unknown.
        lengths: frames of the clips.
        bodies: number of clips by number of bodies.
        seen: number of frames by number of bodies seen.
        body_missing: number of frames in which fewer bodies are seen than the clip has.
        axes: coordinates; the third of a planar layout is the confidence.
        joints: joints and bones.
        height: height of a body in the unit of the coordinates, see `scan.stature`.
        stretched: number of clips with a bone longer than 3 m; None for planar ones.
        sampled: number of rows from which medians, percentiles and histograms come.
        skipped, remarks: number of clips left out and of odd clips kept, by reason.
        notes: sentences on what to check.
    """

    dataset: str
    synthetic: bool
    source: str
    scale: float
    folder: str
    megabytes: float
    layout: str
    planar: bool
    precision: str
    clips: int
    frames: int
    rows: int
    protocol: str | None
    split: dict[str, int]
    official: dict[str, int] | None
    classes: list[str]
    per_class: dict[str, list[int]]
    subjects: dict[int, int]
    cameras: dict[int, int]
    setups: dict[int, int]
    lengths: Lengths
    bodies: dict[int, int]
    seen: dict[int, int]
    body_missing: int
    axes: list[Axis]
    joints: list[Joint]
    height: float | None
    stretched: int | None
    sampled: int
    skipped: dict[str, int]
    remarks: dict[str, int]
    notes: list[str]
