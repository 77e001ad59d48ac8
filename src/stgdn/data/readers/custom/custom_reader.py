"""Read custom data sets: a folder with `dataset.yaml` and clips as tables, arrays or a pose estimator's files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile, Survey
from stgdn.data.readers.bodies import SEAM, clip_bodies, tracks_by_person
from stgdn.data.readers.custom.clips_table import TABLE, merge_metadata, metadata_from_name, read_table
from stgdn.data.readers.custom.csv_clips import labelled_bodies, read_csv
from stgdn.data.readers.custom.dataset_yaml import FILE, UP, Dataset, picture_size, read_dataset
from stgdn.data.readers.custom.npz_clips import read_npz
from stgdn.data.readers.custom.pose_files import SHARES, SUFFIXES, first_frames, form_of, read_poses, recording_of
from stgdn.data.readers.custom.recording import MOST_BODIES, MOST_BYTES, Body, Metadata, Recording, expect_size
from stgdn.data.readers.pose_tracking import GATE, follow
from stgdn.data.readers.raw_files import read_bytes
from stgdn.data.readers.tracks import Bodies, Track, fill_missing, frames_seen
from stgdn.data.store.checks import FARTHEST
from stgdn.data.store.store import checksum
from stgdn.errors import InputError
from stgdn.skeleton import Layout

TABLES = (".npz", ".csv")
FIELDS = ("subject", "camera", "setup")  # that a split may need of a clip
MOST_FOLDERS = 4  # how deep clips may lie below the source
OTHERS = "some frames show only bodies that were not kept"
UNTIMED = "bodies were not kept; without a column 'frame' all are taken to be seen from the first frame on"


class CustomReader:
    """Read the folder.

    Layout, classes and bodies are those of `dataset.yaml`, known after `open_dataset` or `survey`.

    Args:
        source: the folder with `dataset.yaml`; clips lie in it or in folders below it.
        dataset: settings of single files in a folder without a `dataset.yaml`.
        picture: width and height of the picture, for `picture` in `dataset.yaml`.
    """

    layout: Layout
    classes: tuple[str, ...]
    max_bodies: int
    dataset: Dataset

    def __init__(self, source: str | Path, dataset: Dataset | None = None, picture: object = None) -> None:
        self.folder = Path(source).expanduser()
        self._table: dict[str, Metadata] = {}
        self._picture = None if picture is None else picture_size(picture)
        if dataset is not None:
            self._use(dataset)

    def _use(self, dataset: Dataset) -> None:
        self.dataset = replace(dataset, picture=self._picture or dataset.picture)
        self.layout, self.classes, self.max_bodies = dataset.layout, dataset.classes, dataset.bodies

    def open_dataset(self) -> None:
        """Read `dataset.yaml` and `clips.csv`."""
        self._use(read_dataset(self.folder))
        self._table = read_table(self.folder)

    def survey(self) -> Survey:
        """List the clips, named by their place in the folder without suffix, such as `wave/s01_r02`.

        Raises:
            InputError: no such folder, or no clip in it.
        """
        if not self.folder.is_dir():
            kind = "is a file" if self.folder.exists() else "is not there"
            raise InputError(
                f"'{self.folder}' {kind}: data.source=FOLDER names a folder with dataset.yaml and a file a clip, see "
                "docs/own-data.md"
            )
        self.open_dataset()
        described: dict[str, Any] = {"picture": self.dataset.picture, "loose_joints": self.dataset.loose_joints}
        described = {key: list(value) for key, value in described.items() if value}
        described |= {path.name: checksum(path) for name in (FILE, TABLE) if (path := self.folder / name).exists()}
        survey = Survey([], protocols=self.dataset.splits, described=described, synthetic=self.dataset.synthetic)
        files = [file for path in clip_paths(self.folder) for file in self.clip_files(path)]
        if not files:
            raise InputError(f"no .npz or .csv file in '{self.folder}' or below it, and none of a pose estimator")
        for file in files:
            survey.add(file, self._outside(_recording_of(file)))
        there = {name for file in files for name in (file.name, _recording_of(file))}
        missing = [name for name in self._table if name not in there]
        survey.skipped += [(name, f"listed in {TABLE}, but has no file") for name in missing]
        survey.files.sort(key=lambda file: file.name)
        return survey

    def clip_files(self, path: Path) -> list[ClipFile]:
        """Return the clips of a file of the folder: one, or one a body if bodies have labels of their own."""
        recording, place = recording_of(path), path.with_suffix("")
        if recording is not None:
            place = path.parent if recording in ("", path.parent.name) else path.parent / recording
        name = self.folder.absolute().name if place == self.folder else place.relative_to(self.folder).as_posix()
        bodies = labelled_bodies(path) if path.suffix.lower() == ".csv" else []
        return [ClipFile(f"{name}/{body}", str(path), body) for body in bodies] or [ClipFile(name, str(path))]

    def _outside(self, name: str) -> str:
        """Return the reason why a file is not part of the set, '' if it is."""
        if not name.isprintable():
            return "a character in its name does not print"
        fits = metadata_from_name(self.dataset.pattern, name) is not None
        return "" if fits else "its name does not fit the pattern of dataset.yaml"

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip, fill in missing joints and keep the most active bodies (planar: of highest confidence)."""
        if reason := self._outside(_recording_of(file)):
            raise ClipError(reason)
        recording = self._recording(file)
        needed = {rule.by: f"split '{name}'" for name, rule in self.dataset.splits.items() if rule.by in FIELDS}
        metadata = self._metadata(recording, file, needed)
        joints, present, remark = to_bodies(recording, self._with_picture(recording, metadata))
        return Clip(file.name, metadata.pop("label"), joints, present, **metadata, remark=remark)

    def read_unlabelled(self, file: ClipFile, *, empty_frames: bool = False) -> Clip:
        """Parse one clip of any name, with or without a label; a wrong label becomes a remark.

        Args:
            file: of the folder.
            empty_frames: keep frames without a body.
        """
        recording = self._recording(file)
        try:
            metadata, wrong = self._metadata(recording, file), ""
        except ClipError as error:
            metadata, wrong = {}, str(error)
        dataset = self._with_picture(recording, metadata)
        joints, present, remark = to_bodies(recording, dataset, empty_frames=empty_frames)
        label, remark = metadata.get("label", UNKNOWN), wrong or remark
        return Clip(file.name, label, joints, present, remark=remark)

    def _recording(self, file: ClipFile) -> Recording:
        suffix = Path(file.path).suffix.lower()
        if suffix in SUFFIXES:
            return read_poses(file, self.layout.num_joints, 2 if self.layout.planar else 3)
        content = read_bytes(replace(file, member=None), MOST_BYTES)
        return read_npz(content, self.layout) if suffix == ".npz" else read_csv(content, self.layout, file.member)

    def _metadata(self, content: Recording, file: ClipFile, needed: Mapping[str, str] | None = None) -> dict[str, int]:
        """Merge what file, table and name say, see `merge_metadata`."""
        name = _recording_of(file)
        from_name = metadata_from_name(self.dataset.pattern, name) or {}
        table = self._table.get(name, {}) | self._table.get(file.name, {})
        sources = {"its file": content.metadata, TABLE: table, "its name": from_name}
        return merge_metadata(sources, self.classes, self.dataset.first_label, needed, self.dataset.subjects)

    def _with_picture(self, recording: Recording, metadata: dict[str, int]) -> Dataset:
        """Return the settings with the size of the clip's picture, which is taken out of its metadata."""
        size = metadata.pop("picture_width", 0), metadata.pop("picture_height", 0)
        return replace(self.dataset, picture=size if all(size) else recording.picture or self.dataset.picture)


def _recording_of(file: ClipFile) -> str:
    """Return the name of a clip's recording, which may have a clip a body."""
    return file.name if file.member is None else file.name.removesuffix(f"/{file.member}")


def follow_people(recording: Recording, dataset: Dataset) -> list[Body]:
    """Return the bodies of a recording that does not say who is who, followed from frame to frame."""
    everyone = seen_frames_only(recording.bodies[0], 0, dataset)
    if not len(everyone.frames):
        raise ClipError("no body in any frame")
    joints, gate = everyone.positions * dataset.unit, SEAM
    if dataset.layout.planar:
        joints, gate = everyone.positions / (dataset.picture or SHARES), GATE
    persons = follow(everyone.frames, joints, joints_seen(everyone, dataset), gate)
    return [everyone.rows(persons == person) for person in range(persons.max() + 1)]


def to_bodies(recording: Recording, dataset: Dataset, *, empty_frames: bool = False) -> tuple[*Bodies, str]:
    """Return the bodies of a file, joints (M, T, V, 3) and presence (M, T), and a remark on odd ones.

    Args:
        recording: content of the file.
        dataset: content of `dataset.yaml`.
        empty_frames: keep frames without a body, from the file's first to its last.
    """
    first = min(int(body.frames[0]) for body in recording.bodies)
    length = max(int(body.frames[-1]) for body in recording.bodies) - first + 1
    everyone = recording.bodies if recording.tracked else follow_people(recording, dataset)
    seen = [seen_frames_only(body, first, dataset) for body in everyone]
    bodies = [body for body in seen if len(body.frames)]
    if not bodies:
        raise ClipError("no body in any frame")
    if empty_frames:
        expect_size(min(len(bodies), MOST_BODIES), length)
    tracks = [body_track(body, dataset) for body in bodies]
    persons = tracks_by_person(tracks, dataset.layout)
    if len(persons) < len(tracks):  # joints missing around a change of id are filled in from both sides
        tracks = [body_track(merge_bodies([bodies[index] for index in person]), dataset) for person in persons]
    joints, present = clip_bodies(tracks, dataset.bodies, dataset.layout, length if empty_frames else None)
    ever = np.any([joints_seen(body, dataset).any(axis=0) for body in bodies], axis=0)
    remarks = [_remark(ever, dataset.layout), OTHERS if len(frames_seen(tracks)) > present.any(axis=0).sum() else ""]
    remarks.append(UNTIMED if len(joints) < len(tracks) and not recording.timed else "")
    return joints, present, "; ".join(filter(None, remarks))


def seen_frames_only(body: Body, first: int, dataset: Dataset) -> Body:
    """Return a body in the frames in which one of its joints is seen, counted from frame `first`."""
    rows = np.asarray(joints_seen(body, dataset).any(axis=-1))
    return replace(body, frames=body.frames - first).rows(rows)


def merge_bodies(bodies: Sequence[Body]) -> Body:
    """Concatenate bodies that are seen one after the other."""
    columns = ((body.frames, body.positions, body.confidence) for body in bodies)
    return Body(*map(np.concatenate, zip(*columns, strict=True)))


def clip_paths(folder: Path) -> Iterator[Path]:
    """Yield files that may be clips, the first frame of those with a file a frame, in a fixed order."""
    for below, folders, files in os.walk(folder):
        depth = len(Path(below).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if name[0] not in "._" and depth < MOST_FOLDERS)
        chosen = [Path(below, name) for name in sorted(files) if name[0] != "." and (depth or name != TABLE)]
        for path in first_frames(chosen):
            if path.suffix.lower() in TABLES or (path.suffix.lower() in SUFFIXES and form_of(path)):
                yield path


def joints_seen(body: Body, dataset: Dataset) -> NDArray[np.bool_]:
    """Return (n, V), True for joints that are seen; none in a frame in which all are at zero."""
    seen = ~np.isnan(body.positions).any(axis=-1) & (body.confidence > 0)
    at_zero = ~body.positions.any(axis=-1)
    if dataset.zeros_missing:
        return seen & ~at_zero
    return seen & ~at_zero.all(axis=-1, keepdims=True)


def body_track(body: Body, dataset: Dataset) -> Track:
    """Return the track of a body with missing joints filled in, in the units and axes of clips.

    Raises:
        ClipError: numbers too large or infinite, or coordinates that do not fit the picture.
    """
    frames, positions, seen = body.frames, body.positions, joints_seen(body, dataset)
    positions = np.where(seen[..., None], positions, 0)
    confidence = np.where(seen, body.confidence, 0)
    if dataset.layout.planar:
        return Track(frames, _in_picture(positions, confidence, seen, dataset.picture or SHARES))
    if not np.abs(positions).max() * dataset.unit <= FARTHEST:
        raise ClipError(f"a coordinate beyond {FARTHEST:,.0f} metres")
    axes, signs = UP[dataset.up]
    return Track(frames, fill_missing(positions, seen, dataset.layout, frames)[..., axes] * signs * dataset.unit)


def _in_picture(
    positions: NDArray[np.float64],
    confidence: NDArray[np.float64],
    seen: NDArray[np.bool_],
    picture: tuple[float, float],
) -> NDArray[np.float64]:
    """Return shares of width and height from the picture's middle, and confidence, (n, V, 3); zeros if not seen."""
    largest = float(np.abs(positions).max())
    if not max(largest, float(confidence.max())) <= FARTHEST:
        raise ClipError(f"a number beyond {FARTHEST:,.0f}")
    if picture == SHARES and np.median(np.abs(positions[seen])) > 2:
        raise ClipError(f"coordinates up to {largest:,.0f} are no shares of a picture: say `picture`, width and height")
    if picture != SHARES and largest <= 1:
        raise ClipError("coordinates up to 1 are no pixels: without `picture` they are shares of the picture")
    shares = positions / picture - 0.5
    return np.concatenate([shares, confidence[..., None]], axis=-1) * seen[..., None]


def _remark(ever: NDArray[np.bool_], layout: Layout) -> str:
    """Return a remark on joints (V,) that are never seen; '' for planar ones, which often are not."""
    if layout.planar or ever.all():
        return ""
    lost = [layout.joints[joint] for joint in np.flatnonzero(~ever)]
    return f"joints never seen: {', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}"
