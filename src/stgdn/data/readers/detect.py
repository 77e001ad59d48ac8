"""What kind of raw data a file or folder is, and its reader, set to what the file says and the network expects."""

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from stgdn.data.clip import ClipFile, Reader
from stgdn.data.readers.archives import BROKEN, find
from stgdn.data.readers.arrays.agcn_arrays import DATA, AGCNArrayReader
from stgdn.data.readers.arrays.ctr_gcn_arrays import CTRGCNArrayReader
from stgdn.data.readers.arrays.mapped import map_array
from stgdn.data.readers.custom.clips_table import read_table
from stgdn.data.readers.custom.custom_reader import clip_paths
from stgdn.data.readers.custom.dataset_yaml import FILE, read_dataset
from stgdn.data.readers.kinetics.kinetics_reader import SPLITS, KineticsReader
from stgdn.data.readers.nw_ucla import NAME, NWUCLAReader
from stgdn.data.readers.pyskl.pyskl_reader import PysklReader, load_annotations
from stgdn.data.readers.single_clip import CustomFiles, FileReader, KineticsFiles, NTUFiles, undescribed
from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS, Layout

MOST_FOLDERS = 4  # how far above a clip its dataset.yaml may be


@dataclass(frozen=True)
class Expected:
    """What readers go by where files do not say it.

    Attributes:
        layout: joints of the run's data, or those that the user names.
        classes: the network's.
        bodies: the most bodies a clip keeps.
        reader: settings of the reader that the run's data was read with.
        empty_frames: whether clips hold frames in which nobody is seen; None for as each format's reader has it.
    """

    layout: Layout
    classes: tuple[str, ...]
    bodies: int
    reader: DictConfig
    empty_frames: bool | None = None

    def setting(self, name: str, default: Any) -> Any:  # noqa: ANN401
        """A setting of the run's reader, if it has such."""
        return self.reader.get(name, default)


@dataclass(frozen=True)
class Source:
    """Clips of one reader.

    Attributes:
        reader: what parses them.
        files: where they lie.
        left_out: (name, reason) of what is known beforehand to be unusable.
        empty_frames: False to leave out the frames in which nobody is seen, where the reader has them.
    """

    reader: FileReader
    files: list[ClipFile]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    empty_frames: bool = True


def kind_of(path: Path) -> str:
    """The name of a path's format; '' for a folder that is none as a whole.

    Raises:
        InputError: a file that is none of the formats.
    """
    if path.is_dir():
        return _kind_of_folder(path)
    match path.suffix.lower():
        case ".skeleton":
            return "ntu"
        case ".zip":
            return "ntu" if any(name.endswith(".skeleton") for name in _members(path)) else "nw_ucla"
        case ".json":
            return "nw_ucla" if NAME.fullmatch(path.stem) else "kinetics"
        case ".pkl":
            return "pyskl"
        case ".npy":
            return "agcn_arrays"
        case ".npz":
            return "ctr_gcn_arrays" if {"x_train.npy", "x_test.npy"} & set(_members(path)) else "custom"
        case ".csv":
            return "custom"
    raise InputError(
        "is no clip: .skeleton, .json, .csv, .npz, .npy, .pkl and .zip are read, or name its format with reader="
    )


def _kind_of_folder(path: Path) -> str:
    if (path / FILE).exists():
        return "custom"
    if any((path / f"{split}{name}").exists() for split in ("train", "val") for name in DATA):
        return "agcn_arrays"
    if (path / "x_train.npy").exists():
        return "ctr_gcn_arrays"
    released = ((path / split).is_dir() and (path / f"{split}_label.json").exists() for split in SPLITS)
    return "kinetics" if any(released) else ""


def _members(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except BROKEN as error:
        raise InputError(f"cannot be read: {error}") from None


def open_ntu(path: Path, expected: Expected) -> Source:
    """A `.skeleton` file, or a zip of them."""
    reader = NTUFiles(expected.bodies, expected.setting("denoise", "stgdn"))
    return Source(reader, _files(path, ".skeleton"))


def open_nw_ucla(path: Path, expected: Expected) -> Source:  # noqa: ARG001
    """A JSON file of NW-UCLA, or a zip of them."""
    return Source(NWUCLAReader(path), _files(path, ".json"))


def open_kinetics(path: Path, expected: Expected) -> Source:
    """A JSON file of Kinetics-Skeleton, or the released folder."""
    tracking = expected.setting("tracking", True)
    if path.is_dir():
        return _surveyed(KineticsReader(path, tracking))
    return Source(KineticsFiles(tracking), [ClipFile(path.stem, str(path))])


def open_pyskl(path: Path, expected: Expected) -> Source:
    """A pickle of PYSKL; its first annotation with joints tells the layout."""
    joints, flat = 0, False
    for annotation in load_annotations(path)[0]:
        keypoints = annotation.get("keypoint") if isinstance(annotation, dict) else None
        if isinstance(keypoints, np.ndarray) and keypoints.ndim >= 3:
            joints, flat = keypoints.shape[-2], keypoints.shape[-1] == 2
            break
    layout = _layout(joints, expected.layout, [flat])
    return _surveyed(PysklReader(path, layout, None, None, expected.bodies))


def open_agcn(path: Path, expected: Expected) -> Source:
    """A folder of 2s-AGCN's or ST-GCN's arrays, or one array beside its pickle of labels."""
    folder = path if path.is_dir() else path.parent
    arrays = [path] if path.is_file() else [path / f"{split}{name}" for split in ("train", "val") for name in DATA]
    shape = map_array(next((array for array in arrays if array.exists()), path)).shape
    layout = _layout(shape[3] if len(shape) == 5 else 0, expected.layout, [False, True])
    source = _surveyed(AGCNArrayReader(folder, layout, len(expected.classes), expected.bodies))
    return Source(source.reader, [file for file in source.files if Path(file.path) in arrays], source.left_out)


def open_ctr_gcn(path: Path, expected: Expected) -> Source:
    """CTR-GCN's `.npz`, or the folder that it was unpacked into; its labels are columns, so many are the classes."""
    y = map_array(path / "y_train.npy") if path.is_dir() else map_array(path, "y_train")
    x = map_array(path / "x_train.npy") if path.is_dir() else map_array(path, "x_train")
    fitting = [each for each in (expected.layout, *LAYOUTS.values()) if x.shape[-1] % (3 * each.num_joints) == 0]
    layout = next((each for each in fitting if not each.planar), expected.layout)
    return _surveyed(CTRGCNArrayReader(path, layout, y.shape[-1], expected.bodies))


def open_custom(path: Path, expected: Expected) -> Source:
    """A folder with `dataset.yaml`, or one file of it; without one, the run's joints in metres and y up are meant."""
    path = path.absolute()
    above = [path] if path.is_dir() else list(path.parents)[:MOST_FOLDERS]
    described = next((folder for folder in above if (folder / FILE).exists()), None)
    if described is None:
        folder, dataset = path.parent, undescribed(expected.layout, expected.classes, expected.bodies)
        reader = CustomFiles(dataset, folder)
    else:
        folder, reader = described, _custom_files(described)
    reader = replace(reader, empty_frames=bool(expected.empty_frames))
    paths = clip_paths(path) if path.is_dir() else [path]
    names = ((each.relative_to(folder).with_suffix("").as_posix(), str(each)) for each in paths)
    return Source(reader, [ClipFile(name, place) for name, place in names])


@lru_cache(maxsize=4)
def _custom_files(folder: Path) -> CustomFiles:
    return CustomFiles(read_dataset(folder), folder, read_table(folder))


def _files(path: Path, suffix: str) -> list[ClipFile]:
    """A file, or the members of a zip."""
    return find(path, suffix) if path.suffix.lower() == ".zip" else [ClipFile(path.stem, str(path))]


def _surveyed(reader: Reader) -> Source:
    """All clips that a reader finds."""
    survey = reader.survey()
    return Source(reader, survey.files, survey.skipped)  # pyright: ignore[reportArgumentType]


def _layout(joints: int, first: Layout, flat: Iterable[bool]) -> Layout:
    """The layout of so many joints, `first` if it is such.

    Raises:
        InputError: there is none.
    """
    for known in (first, *LAYOUTS.values()):
        if known.num_joints == joints and known.planar in flat:
            return known
    counts = ", ".join(f"{known.name} {known.num_joints}" for known in LAYOUTS.values())
    raise InputError(f"has bodies of {joints} joints, known layouts have others: {counts}")


OPENERS: dict[str, Callable[[Path, Expected], Source]] = {
    "ntu": open_ntu,
    "nw_ucla": open_nw_ucla,
    "kinetics": open_kinetics,
    "pyskl": open_pyskl,
    "agcn_arrays": open_agcn,
    "ctr_gcn_arrays": open_ctr_gcn,
    "custom": open_custom,
}
