"""Read custom data sets: a folder with `dataset.yaml` and a file a clip, `.npz` or `.csv`; see docs/own-data.md."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.readers.archives import read_bytes
from stgdn.data.readers.bodies import Bodies, clip_bodies, tracks_by_person
from stgdn.data.readers.custom.clips_table import TABLE, merge_metadata, metadata_from_name, read_table
from stgdn.data.readers.custom.csv_clips import read_csv
from stgdn.data.readers.custom.dataset_yaml import FILE, UP, Dataset, read_dataset
from stgdn.data.readers.custom.npz_clips import read_npz
from stgdn.data.readers.custom.recording import MOST_BYTES, Body, Fact, Recording, expect_size
from stgdn.data.readers.ntu.denoise import Track
from stgdn.data.readers.repair import fill_missing
from stgdn.data.store.checks import FARTHEST
from stgdn.data.store.store import checksum
from stgdn.errors import InputError
from stgdn.skeleton import Layout

FORMS = {".npz": read_npz, ".csv": read_csv}
MOST_FOLDERS = 4  # how deep clips may lie below the source
OTHERS = "some frames show only bodies that were not kept"
UNTIMED = "bodies were not kept; without a column 'frame' all are taken to be seen from the first frame on"


class CustomReader:
    """Read the folder.

    Layout, classes and bodies are those of `dataset.yaml`, known after `survey`.

    Args:
        source: the folder with `dataset.yaml`; clips lie in it or in folders below it.
    """

    layout: Layout
    classes: tuple[str, ...]
    max_bodies: int

    def __init__(self, source: str | Path) -> None:
        self.folder = Path(source).expanduser()

    def survey(self) -> Survey:
        """List the clips, named by their place in the folder without suffix, such as `wave/s01_r02`.

        Raises:
            InputError: no such folder, no clip in it, or a `dataset.yaml` or `clips.csv` that cannot be used.
        """
        if not self.folder.is_dir():
            kind = "is a file" if self.folder.exists() else "is not there"
            raise InputError(
                f"'{self.folder}' {kind}: data.source=FOLDER names a folder with dataset.yaml and a .npz or .csv file "
                "a clip, see docs/own-data.md"
            )
        self._dataset: Dataset = read_dataset(self.folder)
        self.layout, self.classes = self._dataset.layout, self._dataset.classes
        self.max_bodies = self._dataset.bodies
        self._table: dict[str, dict[str, Fact]] = read_table(self.folder)
        survey, there = self._empty_survey(), set[str]()
        for path in clip_paths(self.folder):
            name = path.relative_to(self.folder).with_suffix("").as_posix()
            if reason := self._outside(name):
                survey.skipped.append((name, reason))
            else:
                survey.files.append(ClipFile(name, str(path)))
            there.add(name)
        if not there:
            raise InputError(f"no .npz or .csv file in '{self.folder}' or the folders in it: put a file a clip there")
        survey.skipped += [(name, f"listed in {TABLE}, but has no file") for name in self._table if name not in there]
        survey.files.sort(key=lambda file: file.name)
        return survey

    def _empty_survey(self) -> Survey:
        files = (self.folder / name for name in (FILE, TABLE))
        described = {file.name: checksum(file) for file in files if file.exists()}
        return Survey([], protocols=self._dataset.splits, described=described, synthetic=self._dataset.synthetic)

    def _outside(self, name: str) -> str:
        """Return the reason why a file is not part of the set, '' if it is."""
        if not name.isprintable():
            return "a character in its name does not print"
        try:
            metadata_from_name(self._dataset.pattern, name)
        except ClipError as error:
            return str(error)
        return ""

    def read(self, file: ClipFile) -> Clip:
        """Parse one clip, fill in missing joints and keep the most active bodies (planar: of highest confidence).

        Raises:
            ClipError: the file is garbled, too large or of another shape, no body is in it, or its label or a key that
                a split needs is missing, out of range or contradictory.
        """
        path, dataset = Path(file.path), self._dataset
        recording = FORMS[path.suffix.lower()](read_bytes(file, MOST_BYTES), self.layout)
        facts = merge_metadata(
            {
                "its file": recording.facts,
                TABLE: self._table.get(file.name, {}),
                "its name": metadata_from_name(dataset.pattern, file.name),
            },
            dataset.classes,
            dataset.first_label,
            {rule.by: f"split '{name}'" for name, rule in dataset.splits.items()},
        )
        joints, present, remark = to_bodies(recording, dataset)
        return Clip(file.name, facts.pop("label"), joints, present, **facts, remark=remark)


def to_bodies(recording: Recording, dataset: Dataset, *, empty_frames: bool = False) -> tuple[*Bodies, str]:
    """Return the bodies of a file, joints (M, T, V, 3) and presence (M, T), and a remark on odd ones.

    Args:
        recording: content of the file.
        dataset: content of `dataset.yaml`.
        empty_frames: keep frames without a body, from the file's first to its last.

    Raises:
        ClipError: no body in any frame, numbers too large or infinite, or coordinates that do not fit the picture.
    """
    first = min(int(body.frames[0]) for body in recording.bodies)
    length = max(int(body.frames[-1]) for body in recording.bodies) - first + 1
    seen = [seen_frames_only(body, first, dataset) for body in recording.bodies]
    bodies = [body for body in seen if len(body.frames)]
    if not bodies:
        raise ClipError("no body in any frame")
    if empty_frames:
        expect_size(len(bodies), length)
    tracks = [body_track(body, dataset) for body in bodies]
    persons = tracks_by_person(tracks, dataset.layout)
    if len(persons) < len(tracks):  # joints missing around a change of id are filled in from both sides
        tracks = [body_track(merge_bodies([bodies[index] for index in person]), dataset) for person in persons]
    joints, present = clip_bodies(tracks, dataset.bodies, dataset.layout, length if empty_frames else None)
    ever = np.any([joints_seen(body, dataset).any(axis=0) for body in bodies], axis=0)
    seen_frames = np.unique(np.concatenate([track.frames for track in tracks]))
    remarks = [_remark(ever, dataset.layout), OTHERS if len(seen_frames) > present.any(axis=0).sum() else ""]
    remarks.append(UNTIMED if len(joints) < len(tracks) and not recording.timed else "")
    return joints, present, "; ".join(filter(None, remarks))


def seen_frames_only(body: Body, first: int, dataset: Dataset) -> Body:
    """Return a body in the frames in which one of its joints is seen, counted from frame `first`."""
    rows = joints_seen(body, dataset).any(axis=-1)
    return Body(body.frames[rows] - first, body.places[rows], body.confidence[rows])


def merge_bodies(bodies: Sequence[Body]) -> Body:
    """Concatenate bodies that are seen one after the other."""
    columns = ((body.frames, body.places, body.confidence) for body in bodies)
    return Body(*map(np.concatenate, zip(*columns, strict=True)))


def clip_paths(folder: Path) -> Iterator[Path]:
    """Yield files that may be clips, in a fixed order, without hidden ones."""
    for place, folders, files in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if name[0] not in "._" and depth < MOST_FOLDERS)
        for name in sorted(files):
            if Path(name).suffix.lower() in FORMS and name[0] != "." and (depth or name != TABLE):
                yield Path(place, name)


def joints_seen(body: Body, dataset: Dataset) -> NDArray[np.bool_]:
    """Return (n, V), True for joints that are seen; none in a frame in which all are at zero."""
    seen = ~np.isnan(body.places).any(axis=-1) & (body.confidence > 0)
    at_zero = ~body.places.any(axis=-1)
    if dataset.zeros_missing:
        return seen & ~at_zero
    return seen & ~at_zero.all(axis=-1, keepdims=True)


def body_track(body: Body, dataset: Dataset) -> Track:
    """Return the track of a body with missing joints filled in, in the units and axes of clips.

    Raises:
        ClipError: numbers too large or infinite, or coordinates that do not fit the picture.
    """
    frames, places, seen = body.frames, body.places, joints_seen(body, dataset)
    places = np.where(seen[..., None], places, 0)
    confidence = np.where(seen, body.confidence, 0)
    if dataset.layout.planar:
        return Track(frames, _in_picture(places, confidence, seen, dataset.picture))
    if not np.abs(places).max() * dataset.unit <= FARTHEST:
        raise ClipError(f"a coordinate beyond {FARTHEST:,.0f} metres")
    axes, signs = UP[dataset.up]
    return Track(frames, fill_missing(places, seen, dataset.layout, frames)[..., axes] * signs * dataset.unit)


def _in_picture(
    places: NDArray[np.float64],
    confidence: NDArray[np.float64],
    seen: NDArray[np.bool_],
    picture: tuple[float, float] | None,
) -> NDArray[np.float64]:
    """Return shares of width and height from the picture's middle, and confidence, (n, V, 3); zeros if not seen."""
    largest = float(np.abs(places).max())
    if not max(largest, float(confidence.max())) <= FARTHEST:
        raise ClipError(f"a number beyond {FARTHEST:,.0f}")
    if picture is None and np.median(np.abs(places[seen])) > 2:
        raise ClipError(f"coordinates up to {largest:,.0f} are no shares of a picture: say `picture: [width, height]`")
    if picture is not None and largest <= 1:
        raise ClipError("coordinates up to 1 are no pixels: without `picture` they are shares of the picture")
    shares = places / (picture or (1, 1)) - 0.5
    return np.concatenate([shares, confidence[..., None]], axis=-1) * seen[..., None]


def _remark(ever: NDArray[np.bool_], layout: Layout) -> str:
    """Return a remark on joints (V,) that are never seen; '' for planar ones, which often are not."""
    if layout.planar or ever.all():
        return ""
    lost = [layout.joints[joint] for joint in np.flatnonzero(~ever)]
    return f"joints never seen: {', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}"
