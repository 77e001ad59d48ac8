"""What is in a prepared store, as plain data that can be printed, drawn and written as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Histogram:
    """How many values of each group lie between one edge and the next; `beyond` says that the last bar has no end."""

    edges: Sequence[float]
    counts: dict[str, list[int]]
    beyond: bool = False


@dataclass(frozen=True)
class Lengths:
    """Frames of the clips."""

    shortest: int
    mean: float
    median: float
    percentile_95: float
    longest: int
    histogram: Histogram


@dataclass(frozen=True)
class Axis:
    """Coordinates along one axis, of joints that are not missing; None if all are."""

    name: str
    lowest: float | None
    percentile_1: float | None
    median: float | None
    percentile_99: float | None
    highest: float | None
    histogram: Histogram


@dataclass(frozen=True)
class Joint:
    """A joint, and the bone from it to its parent (the root has none); None for what is never seen.

    Attributes:
        name: the joint's.
        missing: share of the rows in which it is at exactly zero.
        pose: (across, up), its place in the typical pose, see `posture.typical_pose`.
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
    """What is in a store; plain data, so that it can be written as JSON.

    Attributes:
        dataset, synthetic, source, scale: what the store says of itself, see `store.Header`.
        folder, megabytes: where it lies and the size of its files.
        layout, planar, precision: name of the joint layout, whether it is flat, type of the coordinates.
        clips, frames, rows: how many; a row is a body in a frame.
        protocol: how clips are split; None for none.
        split: number of clips by split, `train` and `test`, or `all` where no protocol fits the store.
        official: what `split` should be, where that is known.
        classes: class names, in the order of the labels.
        per_class: clips of every class, by split.
        subjects, cameras, setups: clips of each; empty where the set has none, -1 for clips that say nothing.
        lengths: frames of the clips.
        bodies: clips, by how many bodies they have.
        seen: frames, by how many bodies are seen in them.
        body_missing: frames in which fewer bodies are seen than the clip has.
        axes: coordinates; the third of a planar layout is the confidence.
        joints: joints and bones.
        height: of a body in the unit of the coordinates, see `posture.stature`.
        stretched: clips with a bone longer than 3 m; None for planar ones.
        sampled: rows from which medians, percentiles and histograms come.
        skipped, remarks: clips left out and clips kept although odd, by reason.
        notes: what is worth a look, in sentences.
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
