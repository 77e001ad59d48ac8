"""Detect the format of a file or folder, and make a reader with the settings of the file and the network."""

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from operator import attrgetter
from pathlib import Path, PurePath

import numpy as np
from omegaconf import DictConfig

from stgdn.data.clip import Clip, ClipError, ClipFile, Reader
from stgdn.data.readers import sbu
from stgdn.data.readers.arrays.agcn_arrays import AGCNArrayReader, array_paths
from stgdn.data.readers.arrays.ctr_gcn_arrays import CTRGCNArrayReader
from stgdn.data.readers.arrays.mapped import map_array
from stgdn.data.readers.custom.custom_reader import TABLES, CustomReader, clip_paths
from stgdn.data.readers.custom.dataset_yaml import FILE, Dataset
from stgdn.data.readers.custom.pose_files import SUFFIXES, form_of, read_poses
from stgdn.data.readers.kinetics import SPLITS, KineticsReader
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.readers.nw_ucla import NAME, NWUCLAReader
from stgdn.data.readers.pyskl.pyskl_reader import PysklReader, load_annotations
from stgdn.data.readers.raw_files import BROKEN, find_files
from stgdn.data.readers.sbu import SBUReader
from stgdn.data.readers.utd_mhad import UTDMHADReader
from stgdn.data.store.scan import lengths_by_layout
from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS, Layout

MOST_PARENTS = 4  # folders above a clip in which dataset.yaml is searched


@dataclass(frozen=True)
class Expected:
    """Hold the settings for readers that files do not give.

    Attributes:
        layout: joint layout of the run's data, or the one that the user names.
        classes: class names of the network.
        bodies: the most bodies a clip keeps.
        reader: reader settings of the run's data.
        empty_frames: whether clips keep frames without a body; None for the default of each format.
        picture: width and height of the picture where neither files nor `dataset.yaml` say them.
    """

    layout: Layout
    classes: tuple[str, ...]
    bodies: int
    reader: DictConfig
    empty_frames: bool | None = None
    picture: tuple[float, float] | None = None


@dataclass(frozen=True)
class Source:
    """Hold clips and their reader.

    Attributes:
        reader: gives the layout and the classes of the clips.
        read: the method of the reader that parses a clip.
        files: the clips' files.
        left_out: (name, reason) of files that are known to be unusable.
        empty_frames: False to drop frames without a body.
    """

    reader: Reader
    read: Callable[[ClipFile], Clip]
    files: list[ClipFile]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    empty_frames: bool = True


def open_ntu(path: Path, expected: Expected) -> Source:
    """Open a `.skeleton` file, or a zip of such files."""
    denoise = expected.reader.get("denoise", "stgdn")
    reader = NTUReader(path, num_actions=120, max_bodies=expected.bodies, denoise=denoise)
    return Source(reader, reader.read_unlabelled, _files(path, ".skeleton"))


def open_nw_ucla(path: Path, expected: Expected) -> Source:  # noqa: ARG001
    """Open a JSON file of NW-UCLA, or a zip of such files."""
    reader = NWUCLAReader(path)
    return Source(reader, reader.read, _files(path, ".json"))


def open_utd_mhad(path: Path, expected: Expected) -> Source:  # noqa: ARG001
    """Open a MATLAB file of UTD-MHAD, or a zip of such files."""
    reader = UTDMHADReader(path)
    return Source(reader, reader.read_unlabelled, _files(path, ".mat"))


def open_sbu(path: Path, expected: Expected) -> Source:  # noqa: ARG001
    """Open a text file of SBU, or a zip of such files."""
    reader = SBUReader(path)
    return Source(reader, reader.read_unlabelled, _files(path, sbu.FILE, sbu.FOLDERS, sbu.clip_name))


def open_kinetics(path: Path, expected: Expected) -> Source:
    """Open a JSON file of Kinetics-Skeleton, or the released folder."""
    reader = KineticsReader(path, expected.reader.get("tracking", True))
    if path.is_dir():
        return _open_surveyed(reader)
    return Source(reader, reader.read_unlabelled, [ClipFile(path.stem, str(path))])


def open_pyskl(path: Path, expected: Expected) -> Source:
    """Open a pickle of PYSKL; the first annotation with joints determines the layout."""
    joints, flat = 0, False
    for annotation in load_annotations(path)[0]:
        keypoints = annotation.get("keypoint") if isinstance(annotation, dict) else None
        if isinstance(keypoints, np.ndarray) and keypoints.ndim >= 3:
            joints, flat = keypoints.shape[-2], keypoints.shape[-1] == 2
            break
    layout = _layout(joints, expected.layout, [flat])
    return _open_surveyed(PysklReader(path, layout, None, None, expected.bodies))


def open_agcn(path: Path, expected: Expected) -> Source:
    """Open a folder of 2s-AGCN's or ST-GCN's arrays, or one array beside the pickle of labels."""
    folder, arrays = (path, array_paths(path)) if path.is_dir() else (path.parent, [path])
    shape = map_array(arrays[0] if arrays else path).shape
    layout = _layout(shape[3] if len(shape) == 5 else 0, expected.layout, [False, True])
    source = _open_surveyed(AGCNArrayReader(folder, layout, len(expected.classes), expected.bodies))
    return replace(source, files=[file for file in source.files if Path(file.path) in arrays])


def open_ctr_gcn(path: Path, expected: Expected) -> Source:
    """Open CTR-GCN's `.npz`, or the folder of its arrays; the labels have one column for each class."""
    x, y = (
        map_array(path / f"{name}.npy") if path.is_dir() else map_array(path, name) for name in ("x_train", "y_train")
    )
    fitting = [known for known in (expected.layout, *LAYOUTS.values()) if x.shape[-1] % (3 * known.num_joints) == 0]
    layout = next((known for known in fitting if not known.planar), expected.layout)
    return _open_surveyed(CTRGCNArrayReader(path, layout, y.shape[-1], expected.bodies))


def open_custom(path: Path, expected: Expected) -> Source:
    """Open a folder with `dataset.yaml` or one of its files; by default the run's joints in metres with y up."""
    path = path.absolute()
    above = [path] if path.is_dir() else list(path.parents)[:MOST_PARENTS]
    described = next((folder for folder in above if (folder / FILE).exists()), None)
    if described is None:
        layout = _pose_layout(path, expected.layout) if path.suffix.lower() in SUFFIXES else expected.layout
        dataset = Dataset(layout, expected.classes, bodies=expected.bodies, picture=expected.picture)
        reader = CustomReader(path.parent, dataset)
    else:
        reader = _custom_reader(described)
    paths = clip_paths(path) if path.is_dir() else [path]
    read = partial(reader.read_unlabelled, empty_frames=bool(expected.empty_frames))
    return Source(reader, read, [file for path in paths for file in reader.clip_files(path)])


def _pose_layout(path: Path, first: Layout) -> Layout:
    """Return the layout with as many joints as a pose estimator's file has."""
    try:
        positions = read_poses(ClipFile(path.stem, str(path))).bodies[0].positions
    except ClipError as error:
        raise InputError(str(error)) from None
    likely = next(iter(lengths_by_layout(positions)), first.name)
    first = LAYOUTS.get(likely, first) if first.name in LAYOUTS else first
    return _layout(positions.shape[1], first, [positions.shape[2] == 2])


@lru_cache(maxsize=4)
def _custom_reader(folder: Path) -> CustomReader:
    reader = CustomReader(folder)
    reader.open_dataset()
    return reader


def _files(
    path: Path, suffix: str, folders: int = 1, name: Callable[[PurePath], str] = attrgetter("stem")
) -> list[ClipFile]:
    """Return a file, or the members of a zip; see `find_files`."""
    if path.suffix.lower() == ".zip":
        return find_files(path, suffix, folders, name)
    return [ClipFile(name(path.absolute()), str(path))]


def _open_surveyed(reader: Reader) -> Source:
    """Return all clips that a reader finds."""
    survey = reader.survey()
    return Source(reader, reader.read, survey.files, survey.skipped)


def _layout(joints: int, first: Layout, flat: Iterable[bool]) -> Layout:
    """Return the layout with this number of joints, preferably `first`.

    Raises:
        InputError: there is none.
    """
    for known in (first, *LAYOUTS.values()):
        if known.num_joints == joints and known.planar in flat:
            return known
    counts = ", ".join(f"{known.name} {known.num_joints}" for known in LAYOUTS.values())
    raise InputError(f"has bodies of {joints} joints, known layouts have others: {counts}")


def holds(ending: str) -> Callable[[Path], bool]:
    """Return a function that is true for files other than zips, and for zips of files with that ending."""
    return lambda file: file.suffix.lower() != ".zip" or any(name.endswith(ending) for name in _members(file))


def is_sbu(file: Path) -> bool:
    """Return whether a file is named as those of SBU, or is a zip of such files."""
    names = _members(file) if file.suffix.lower() == ".zip" else [file.name]
    return any(name.endswith(sbu.FILE) for name in names)


def is_nw_ucla(file: Path) -> bool:
    """Return whether a file is a zip, or a JSON file named as in NW-UCLA."""
    return file.suffix.lower() == ".zip" or NAME.fullmatch(file.stem) is not None


def is_custom(file: Path) -> bool:
    """Return whether a file is a table, an array or a pose estimator's, and not of a data set that has a reader."""
    if file.suffix.lower() in SUFFIXES:
        return form_of(file) in ("clip", "frame")
    return not is_ctr_gcn(file)


def is_ctr_gcn(file: Path) -> bool:
    """Return whether a file is an `.npz` with CTR-GCN's arrays."""
    return file.suffix.lower() == ".npz" and not {"x_train.npy", "x_test.npy"}.isdisjoint(_members(file))


def is_kinetics_release(folder: Path) -> bool:
    """Return whether a folder has a split of Kinetics-Skeleton beside its labels."""
    return any((folder / split).is_dir() and (folder / f"{split}_label.json").exists() for split in SPLITS)


def _members(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except BROKEN as error:
        raise InputError(f"cannot be read: {error}") from None


@dataclass(frozen=True)
class Format:
    """Describe a format of raw clips.

    Attributes:
        suffixes: of its files.
        open: returns the clips of a path, with their reader.
        owns_file: whether a file with one of the suffixes is of this format.
        owns_folder: whether a folder as a whole is of this format.
    """

    suffixes: tuple[str, ...]
    open: Callable[[Path, Expected], Source]
    owns_file: Callable[[Path], bool] = lambda file: True  # noqa: ARG005
    owns_folder: Callable[[Path], bool] = lambda folder: False  # noqa: ARG005


# The first format that owns a path is taken.
FORMATS = {
    "custom": Format((*TABLES, *SUFFIXES), open_custom, is_custom, lambda folder: (folder / FILE).exists()),
    "ntu": Format((".skeleton", ".zip"), open_ntu, holds(".skeleton")),
    "utd_mhad": Format((".mat", ".zip"), open_utd_mhad, holds(".mat")),
    "sbu": Format((".txt", ".zip"), open_sbu, is_sbu),
    "nw_ucla": Format((".json", ".zip"), open_nw_ucla, is_nw_ucla),
    "kinetics": Format(
        (".json",), open_kinetics, lambda file: form_of(file) == "kinetics", owns_folder=is_kinetics_release
    ),
    "pyskl": Format((".pkl",), open_pyskl),
    "agcn_arrays": Format((".npy",), open_agcn, owns_folder=lambda folder: bool(array_paths(folder))),
    "ctr_gcn_arrays": Format((".npz",), open_ctr_gcn, owns_folder=lambda folder: (folder / "x_train.npy").exists()),
}


def kind_of(path: Path) -> str:
    """Return the name of a path's format, a key of `FORMATS`; '' for a folder that is not one source as a whole.

    Raises:
        InputError: a file of an unknown format.
    """
    if path.is_dir():
        return next((name for name, known in FORMATS.items() if known.owns_folder(path)), "")
    fitting = {name: known for name, known in FORMATS.items() if path.suffix.lower() in known.suffixes}
    kind = next((name for name, known in fitting.items() if known.owns_file(path)), None)
    if kind is None:
        raise InputError(f"is no clip: {', '.join(suffixes())} are read, or name its format with reader=")
    return kind


def suffixes(reader: str = "auto") -> list[str]:
    """Return the suffixes of a format's files, of all formats for `auto`."""
    formats = FORMATS.values() if reader == "auto" else [FORMATS[reader]]
    return sorted({suffix for known in formats for suffix in known.suffixes})
