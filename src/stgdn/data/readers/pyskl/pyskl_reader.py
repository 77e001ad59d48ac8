"""PYSKL and MMAction2: one pickle a data set, 2D poses in the picture or 3D skeletons.

The file is `{"split": {"xsub_train": [name, ...], "xsub_val": [...]}, "annotations": [...]}`, or a list of annotations
alone. An annotation is a dict: `frame_dir` (the clip's name), `label` (from 0), `total_frames`, `keypoint`
(M, T, V, C), and for 2D, in pixels, `keypoint_score` (M, T, V) and `img_shape` (height, width). Bodies are tracked
already; where one is not seen it is zeros. Kinetics-400's are compressed, see `pyskl_compressed`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.readers.bodies import Bodies, clip_bodies, tracks_of
from stgdn.data.readers.ntu.ntu_reader import parse_name
from stgdn.data.readers.pyskl.pyskl_compressed import is_compressed, people, poses_of
from stgdn.data.readers.pyskl.restricted_pickle import load_plain
from stgdn.errors import InputError, choose
from stgdn.skeleton import Layout, layout

MOST_CLASSES = 10_000  # where they are counted; a label beyond is a mistake
TRAINING, TEST = 1, 2  # a clip's `setup` where the file's own split is used, see the protocol `file_split`


class PysklReader:
    """Reads the pickle.

    Each process that reads holds the whole file in memory: the one that surveys it and all that parse.

    Args:
        source: the pickle.
        layout: a joint layout or its name; flat ones (`coco17`, `openpose18`) read 2D poses, the others 3D.
        split: which of the file's splits, `xsub` for its lists `xsub_train` and `xsub_val`; `train` or `train1` for
            `train` and `val` or `train1` and `test1`. Then `setup` is 1 for training and 2 for test clips. None: no
            split, and `setup` is the one of an NTU name.
        classes: their names, or how many there are; None for as many as the file's labels, known after `survey`.
        max_bodies: the most bodies a clip keeps.

    Raises:
        InputError: an unknown layout, or a number that is not from 1 up.
    """

    def __init__(
        self,
        source: str | Path,
        layout: Layout | str,
        split: str | None,
        classes: int | Sequence[str] | None = None,
        max_bodies: int = 2,
    ) -> None:
        self.source = source
        self.layout: Layout = _layout(layout)
        self.split = split
        self.max_bodies: int = max_bodies
        for key, number in (("num_classes", classes), ("bodies", max_bodies)):
            if isinstance(number, int) and number < 1:
                raise InputError(f"data.{key}={number} must be a whole number from 1 up")
        self._count_labels = classes is None
        self.classes: tuple[str, ...] = _numbered(classes) if isinstance(classes, int) else tuple(classes or ())
        self._setups: dict[str, int] = {}

    def survey(self) -> Survey:
        """List the annotations; those in neither list of the split are skipped, as are names without an annotation.

        Raises:
            InputError: there is no such pickle, it holds something else (also code that it asks to run), or has no such
                split.
        """
        path = Path(self.source).expanduser()
        if not path.is_file():
            raise InputError(
                f"no file '{path}'; get a pickle that PYSKL offers (https://github.com/kennymckormick/pyskl, "
                "tools/data/README.md) and type `python src/prepare.py data=pyskl data.source=PATH`"
            )
        annotations, splits = load_annotations(path)
        names = [_name(annotation) for annotation in annotations]
        self._setups = {} if self.split is None else _setups(splits, self.split, path)
        survey = Survey([])
        for index, name in enumerate(names):
            if not name:
                survey.skipped.append((f"annotation {index}", "has no name 'frame_dir'"))
            elif self.split is not None and name not in self._setups:
                survey.skipped.append((name, f"in neither list of the split {self.split}"))
            else:
                survey.files.append(ClipFile(name, str(path), str(index)))
        survey.skipped += [(name, "listed, but has no annotation") for name in sorted(self._setups.keys() - set(names))]
        survey.files.sort(key=lambda file: (_pose_file(annotations[int(file.member or 0)]), file.name))
        if self._count_labels:
            labels = [annotation.get("label") for annotation in annotations if isinstance(annotation, dict)]
            whole = [label for label in labels if type(label) is int and label < MOST_CLASSES]
            self.classes = _numbered(1 + max(whole, default=0))
        return survey

    def read(self, file: ClipFile) -> Clip:
        """Check one annotation and choose its bodies, see `stgdn.data.readers.bodies`.

        Raises:
            ClipError: the annotation lacks something, has arrays of other shapes or another number of joints, a number
                that is not finite, a label out of range, no frame, or nobody in any frame.
        """
        annotation = _annotation(file)
        label = _whole(annotation, "label")
        if not 0 <= label < len(self.classes):
            raise ClipError(f"label {label} is outside the {len(self.classes)} classes")
        joints, present = self._bodies(annotation, file)
        ntu = parse_name(file.name)
        subject, camera, replication = (ntu.subject, ntu.camera, ntu.replication) if ntu else (-1, -1, -1)
        setup = self._setups[file.name] if self.split is not None else ntu.setup if ntu else -1
        return Clip(file.name, label, joints, present, subject, camera, setup, replication)

    def _bodies(self, annotation: dict[Any, Any], file: ClipFile) -> Bodies:
        if not is_compressed(annotation):
            return clip_bodies(tracks_of(coordinates(annotation, self.layout)), self.max_bodies, self.layout)
        if not self.layout.planar:
            raise ClipError(f"poses in pixels, not in space as {self.layout.name} has them")
        poses = poses_of(annotation, file.name, Path(file.path))
        frames, joints = annotation["frame_inds"], self.layout.num_joints
        return people(frames, poses, joints, _picture(annotation), self.max_bodies)


def _layout(given: Layout | str) -> Layout:
    return given if isinstance(given, Layout) else layout(given)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(count))


def load_annotations(path: Path) -> tuple[list[Any], Mapping[str, Any]]:
    """The annotations and the splits of a file, read once in every process."""
    return _loaded(str(path), path.stat().st_mtime_ns, path.stat().st_size)


@lru_cache(maxsize=1)
def _loaded(path: str, _changed: int, _size: int) -> tuple[list[Any], Mapping[str, Any]]:
    content = load_plain(path)
    annotations, splits = content, {}
    if isinstance(content, dict):
        annotations, splits = content.get("annotations"), content.get("split") or {}
    if not isinstance(annotations, list) or not isinstance(splits, dict):
        raise InputError(f"'{path}' holds neither a list of annotations nor a dict with 'split' and 'annotations'")
    return annotations, splits


def _pose_file(annotation: object) -> str:
    """Return the file of compressed poses, by which clips are read one after the other."""
    named = annotation.get("raw_file") if isinstance(annotation, dict) else None
    return named if isinstance(named, str) else ""


def _name(annotation: object) -> str:
    """`frame_dir`, in some files `filename`; '' if there is neither."""
    if not isinstance(annotation, dict):
        return ""
    name = annotation.get("frame_dir", annotation.get("filename"))
    return name if isinstance(name, str) and name.isprintable() else ""


def split_lists(splits: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The splits of a file: name to the keys of its training and its test list.

    `xsub_train` goes with `xsub_val` and is called `xsub`; `train1` goes with `test1` and is called `train1`. Where
    there is both a `val` and a `test`, `val` tests, as in PYSKL.
    """
    found = {}
    for key in splits:
        head, word, tail = key.rpartition("train") if isinstance(key, str) and key.isprintable() else ("", "", "")
        partners = [f"{head}{other}{tail}" for other in ("val", "test") if f"{head}{other}{tail}" in splits]
        if word and partners:
            found[key.removesuffix("_train")] = (key, partners[0])
    return found


def _setups(splits: Mapping[str, Any], split: str, path: Path) -> dict[str, int]:
    """Names of clips to 1 (training) or 2 (test)."""
    found = split_lists(splits)
    if not found:
        raise InputError(
            f"'{path}' has no split (lists such as 'xsub_train' and 'xsub_val'): say data.split=null, and for clips "
            "named as NTU's data.protocol=ntu60_xsub"
        )
    train, test = found[choose(str(split).removesuffix("_train"), found, f"split of '{path}'")]
    setups: dict[str, int] = {}
    for key, setup in ((train, TRAINING), (test, TEST)):
        names = splits[key]
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise InputError(f"'{path}': its split '{key}' is not a list of names")
        both = [name for name in names if setups.get(name, setup) != setup]
        if both:
            raise InputError(f"'{path}': {both[0]!r} and {len(both) - 1} others are both in '{train}' and in '{test}'")
        setups |= dict.fromkeys(names, setup)
    return setups


def _annotation(file: ClipFile) -> dict[Any, Any]:
    try:
        annotations, _ = load_annotations(Path(file.path))
        annotation = annotations[int(file.member or "")]
    except (InputError, OSError, ValueError, IndexError) as error:
        raise ClipError(f"cannot be read: {error}") from error
    if _name(annotation) != file.name:
        raise ClipError("is not where it was: the pickle has changed")
    return annotation


def coordinates(annotation: Mapping[Any, Any], skeleton: Layout) -> NDArray[np.float32]:
    """Check the arrays of an annotation and join them.

    Returns:
        (M, T, V, 3) float32: metres, or for a flat layout x and y in shares of the picture's width and height, from
        its middle, and the score; a joint without a score, or at pixel (0, 0), is (0, 0, 0).

    Raises:
        ClipError: see `PysklReader.read`.
    """
    V, C = skeleton.num_joints, 2 if skeleton.planar else 3
    joints = _numbers(annotation, "keypoint", 4)
    M, T = joints.shape[:2]
    if joints.shape[2] != V:
        raise ClipError(f"body with {joints.shape[2]} joints, expected {V} of {skeleton.name}")
    if joints.shape[3] != C:
        raise ClipError(f"joints with {joints.shape[3]} coordinates, expected {C} for {skeleton.name}")
    if not M or not T:
        raise ClipError("no frame" if M else "no body in any frame")
    if "total_frames" in annotation and (stated := _whole(annotation, "total_frames")) != T:
        raise ClipError(f"'total_frames' is {stated}, but there are {T}")
    if not skeleton.planar:
        return joints
    score = _numbers(annotation, "keypoint_score", 3)
    if score.shape != joints.shape[:3]:
        raise ClipError(f"'keypoint_score' has the shape {score.shape}, expected {joints.shape[:3]}")
    missing = (score <= 0) | ~joints.any(axis=-1)
    shares = joints / _picture(annotation) - 0.5
    joints = np.concatenate([shares, score[..., None]], axis=-1, dtype=np.float32)
    joints[missing] = 0
    return joints


def _whole(annotation: Mapping[Any, Any], key: str) -> int:
    number = annotation.get(key)
    if type(number) is not int or abs(number) >= 1 << 31:
        raise ClipError(f"has no whole number '{key}'")
    return number


def _numbers(annotation: Mapping[Any, Any], key: str, axes: int) -> NDArray[np.float32]:
    array = annotation.get(key)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ClipError(f"has no array '{key}' of numbers")
    if array.ndim != axes:
        raise ClipError(f"'{key}' has the shape {array.shape}, expected {axes} axes")
    with np.errstate(over="ignore"):
        array = np.array(array, dtype=np.float32, subok=False)
    if not np.isfinite(array).all():
        raise ClipError(f"'{key}' has NaN or infinite numbers")
    return array


def _picture(annotation: Mapping[Any, Any]) -> NDArray[np.float32]:
    """(width, height) in pixels."""
    shape = annotation.get("img_shape")
    numbers = shape.tolist() if isinstance(shape, np.ndarray) else shape
    numbers = numbers if isinstance(numbers, list | tuple) else ()
    if len(numbers) != 2 or not all(type(number) in (int, float) and 1 <= number < 1e6 for number in numbers):
        raise ClipError("has no 'img_shape' (height, width) of the picture in pixels")
    return np.array(numbers[::-1], dtype=np.float32)
