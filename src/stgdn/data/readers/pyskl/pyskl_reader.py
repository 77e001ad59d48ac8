"""PYSKL and MMAction2: one pickle a data set, 2D poses in the picture or 3D skeletons.

The file is `{"split": {"xsub_train": [name, ...], "xsub_val": [...]}, "annotations": [...]}`, or a list of annotations
alone. An annotation is a dict: `frame_dir` (the clip's name), `label` (from 0), `total_frames`, `keypoint`
(M, T, V, C), and for 2D, in pixels, `keypoint_score` (M, T, V) and `img_shape` (height, width). Bodies are tracked
already; where one is not seen it is zeros. Kinetics-400's are compressed, see `pyskl_compressed`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.readers.bodies import clip_bodies
from stgdn.data.readers.ntu.ntu_reader import numbers_of_name
from stgdn.data.readers.prepared import TEST, TRAINING, PreparedClips, numbered_classes
from stgdn.data.readers.pyskl.pyskl_compressed import float_array, is_compressed, people, poses_of
from stgdn.data.readers.pyskl.restricted_pickle import load_plain
from stgdn.data.readers.raw_files import load_once
from stgdn.data.readers.tracks import Bodies, tracks_of
from stgdn.errors import InputError, choose
from stgdn.skeleton import Layout

MOST_CLASSES = 10_000  # where they are counted; a label beyond is a mistake


class PysklReader(PreparedClips):
    """Read the pickle.

    Each process that reads holds the whole file in memory: the one that surveys it and all that parse.

    Args:
        source: the pickle.
        layout: a joint layout or its name; flat ones (`coco17`, `openpose18`) read 2D poses, the others 3D.
        split: which of the file's splits, `xsub` for its lists `xsub_train` and `xsub_val`; `train` or `train1` for
            `train` and `val` or `train1` and `test1`. Then `setup` is 1 for training and 2 for test clips. None: no
            split, and `setup` is the one of an NTU name.
        classes: their names, or how many there are; None for as many as the file's labels, known after `survey`.
        max_bodies: the most bodies a clip keeps.
    """

    def __init__(
        self,
        source: str | Path,
        layout: Layout | str,
        split: str | None,
        classes: int | Sequence[str] | None = None,
        max_bodies: int = 2,
    ) -> None:
        super().__init__(source, layout, () if classes is None else classes, max_bodies)
        self.split = split
        self._count_labels = classes is None
        self._setups: dict[str, int] = {}

    def survey(self) -> Survey:
        """List the annotations; those in neither list of the split are skipped, as are names without an annotation.

        Raises:
            InputError: there is no such pickle, it holds something else (also code that it asks to run), or has no such
                split.
        """
        path = self.source
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
            listed = self.split is None or name in self._setups
            reason = "" if listed else f"in neither list of the split {self.split}"
            if name:
                survey.add(ClipFile(name, str(path), str(index)), reason)
            else:
                survey.skipped.append((f"annotation {index}", "has no name 'frame_dir'"))
        survey.skipped += [(name, "listed, but has no annotation") for name in sorted(self._setups.keys() - set(names))]
        survey.files.sort(key=lambda file: (_pose_file(annotations[int(file.member or 0)]), file.name))
        if self._count_labels:
            labels = [annotation.get("label") for annotation in annotations if isinstance(annotation, dict)]
            whole = [label for label in labels if type(label) is int and label < MOST_CLASSES]
            self.classes = numbered_classes(1 + max(whole, default=0))
        return survey

    def read(self, file: ClipFile) -> Clip:
        """Check one annotation and choose its bodies, see `stgdn.data.readers.bodies`."""
        annotation = _annotation(file)
        label = _whole(annotation, "label")
        if not 0 <= label < len(self.classes):
            raise ClipError(f"label {label} is outside the {len(self.classes)} classes")
        joints, present = self._bodies(annotation, file)
        subject, camera, setup, replication = numbers_of_name(file.name)
        setup = setup if self.split is None else self._setups[file.name]
        return Clip(file.name, label, joints, present, subject, camera, setup, replication)

    def _bodies(self, annotation: dict[Any, Any], file: ClipFile) -> Bodies:
        if not is_compressed(annotation):
            return clip_bodies(tracks_of(coordinates(annotation, self.layout)), self.max_bodies, self.layout)
        if not self.layout.planar:
            raise ClipError(f"poses in pixels, not in space as {self.layout.name} has them")
        poses = poses_of(annotation, file.name, self.source)
        return people(annotation["frame_inds"], poses, self.layout.num_joints, _picture(annotation), self.max_bodies)


@load_once(maxsize=1)
def load_annotations(path: Path) -> tuple[list[Any], Mapping[str, Any]]:
    """Return the annotations and the splits of a pickle."""
    annotations, splits = load_plain(path), {}
    if isinstance(annotations, dict):
        annotations, splits = annotations.get("annotations"), annotations.get("split") or {}
    if not isinstance(annotations, list) or not isinstance(splits, dict):
        raise InputError(f"'{path}' holds neither a list of annotations nor a dict with 'split' and 'annotations'")
    return annotations, splits


def _pose_file(annotation: object) -> str:
    """Return the file of compressed poses, by which clips are read one after the other."""
    named = annotation.get("raw_file") if isinstance(annotation, dict) else None
    return named if isinstance(named, str) else ""


def _name(annotation: object) -> str:
    """Return `frame_dir`, in some files `filename`; '' if there is neither."""
    name = annotation.get("frame_dir", annotation.get("filename")) if isinstance(annotation, dict) else None
    return name if isinstance(name, str) and name.isprintable() else ""


def split_lists(splits: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the splits of a file: name to the keys of its training and its test list.

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
    """Return `TRAINING` or `TEST` by name of the clip."""
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
    """Check the arrays of an annotation and return its joints (M, T, V, 3), float32.

    They are metres, or for a flat layout x and y in shares of the picture's width and height, from its middle, and the
    score; a joint without a score, or at pixel (0, 0), is (0, 0, 0).
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
    array = float_array(annotation.get(key), key)
    if array.ndim != axes:
        raise ClipError(f"'{key}' has the shape {array.shape}, expected {axes} axes")
    return array


def _picture(annotation: Mapping[Any, Any]) -> NDArray[np.float32]:
    """Return (width, height) in pixels."""
    shape = annotation.get("img_shape")
    numbers = shape.tolist() if isinstance(shape, np.ndarray) else shape
    numbers = numbers if isinstance(numbers, list | tuple) else ()
    if len(numbers) != 2 or not all(type(number) in (int, float) and 1 <= number < 1e6 for number in numbers):
        raise ClipError("has no 'img_shape' (height, width) of the picture in pixels")
    return np.array(numbers[::-1], dtype=np.float32)
