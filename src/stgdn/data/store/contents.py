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
    """Describe a joint and the bone to its parent (the root has none); None for values that are never seen."""

    name: str
    missing: float  # share of the rows in which it is at exactly zero
    pose: tuple[float, float] | None  # across and up, in the typical pose, see `scan.typical_pose`
    parent: int | None  # number of the joint at the other end of the bone
    bone: float | None  # median length
    longest: float | None  # greatest length
    clip: str | None  # name of the clip with the greatest length


@dataclass(frozen=True)
class Contents:
    """Hold the contents of a store as plain data, so that it can be written as JSON."""

    dataset: str  # this and the next three as in `store.Header`
    synthetic: bool
    source: str
    scale: float
    folder: str
    megabytes: float  # of all files
    layout: str
    planar: bool
    precision: str
    clips: int
    frames: int
    rows: int  # bodies in frames
    protocol: str | None
    split: dict[str, int]  # clips of `train` and `test`, or of `all` where no protocol fits the store
    official: dict[str, int] | None  # the official numbers of `split`, if known
    classes: list[str]  # in the order of the labels
    per_class: dict[str, list[int]]  # clips of every class, by split
    subjects: dict[int, int]  # clips of each; empty if the set has none, -1 for unknown; so are the next two
    cameras: dict[int, int]
    setups: dict[int, int]
    lengths: Lengths
    bodies: dict[int, int]  # clips by number of bodies
    seen: dict[int, int]  # frames by number of bodies seen
    body_missing: int  # frames in which fewer bodies are seen than the clip has
    axes: list[Axis]  # the third of a planar layout is the confidence
    joints: list[Joint]
    height: float | None  # of a body, in the unit of the coordinates, see `scan.stature`
    stretched: int | None  # clips with a bone longer than 3 m; None for planar ones
    sampled: int  # rows from which medians, percentiles and histograms come
    skipped: dict[str, int]  # clips left out, by reason
    remarks: dict[str, int]  # odd clips kept, by remark
    notes: list[str]  # what to check
