"""Read what pose estimators write: people frame by frame, in a file a recording or a file a frame.

The forms are those of the tools' published descriptions:

- OpenPose, `--write_json` (doc/02_output.md): a file a frame, `VIDEO_000000000012_keypoints.json`, with
  `{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ..]}]}`; ComfyUI adds `canvas_width`.
- AlphaPose (docs/output.md and `write_json` of pPose_nms.py): `[{"image_id": "12.jpg", "keypoints": [x, y, c, ..],
  "idx": 1}, ..]`; with `--format open` or `cmu` `{"12.jpg": {"people": [..]}}`, and the same a file a frame.
- COCO results, as `predictions.json` of Ultralytics' `val`: the same list; COCO annotations have `images` with sizes.
- MMPose: inferencers write `[{"frame_id": 0, "instances": [{"keypoints": [[x, y], ..], "keypoint_scores": [..]}]}]`,
  of pictures the list of instances, a file each; demos write `{"meta_info": {..}, "instance_info": [..]}`. Lifters
  give `[x, y, z]`.
- Ultralytics: `Results.to_json()` has the people of a frame, `[{"keypoints": {"x": [..], "y": [..], "visible": [..]},
  "track_id": 1}, ..]`; `save_txt` writes a file a frame, `VIDEO_12.txt`, with rows of class, box, joints in shares of
  the picture, and perhaps the box's confidence and the track's id.
- Kinetics-Skeleton, see `stgdn.data.readers.kinetics`.

Glossary of shapes: P people in all frames, V joints, D coordinates.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from glob import escape
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError, ClipFile
from stgdn.data.readers.raw_files import parse_json, read_bytes
from stgdn.skeleton import OPENPOSE18

SUFFIXES = (".json", ".txt")
HEAD = 4096  # bytes in which a file shows its form
MAX_FRAMES = 10_000  # of a clip of Kinetics; released ones have up to 300
MAX_PEOPLE = 200  # in a frame
SHARES = (1.0, 1.0)  # the picture's size of coordinates in shares of it
WHOLE_BODY = {136: 26, 133: 17}  # Halpe and COCO-WholeBody begin with the body, faces and hands are left aside
JOINT_KEYS = ("pose_keypoints_2d", "pose_keypoints", "joints", "keypoints")
TRACK_KEYS = ("idx", "track_id", "person_id")
FRAME_NAME = re.compile(r"(?P<recording>.*?)[_. -]?(?P<number>[0-9]{1,18})(_keypoints)?")
# The head of a file of whole recordings has the words of one of these groups.
CLIP_WORDS = (
    *((b'"image_id"', b'"keypoints"'), (b'"frame_id"', b'"instances"'), (b'"frame_index"', b'"skeleton"')),
    *((b'"meta_info"', b"keypoint"), (b'"images"', b'"file_name"', b'"width"')),
)
FRAME_START = re.compile(rb'\s*(\{\s*"(version|people|bodies|canvas_\w+)"|\[\s*\{)')

Joints = NDArray[np.float64]
Picture = tuple[float, float]


class Person(NamedTuple):
    """Hold a person in one frame: joints (V, D + 1) with the confidence last, and the id that a tracker gave."""

    joints: Joints
    track: int | None = None


class Frame(NamedTuple):
    """Hold the people of a frame, and width and height of the picture if the file says them."""

    number: int
    people: list[Person]
    picture: Picture | None = None


class Rows(NamedTuple):
    """Hold all people of a recording in the order of time.

    Attributes:
        frames: (P,) numbers of the frames, ascending.
        joints: (P, V, D + 1), the confidence last.
        tracks: (P,) ids; None unless every person of a frame has another one.
        picture: width and height; None if the file does not say them.
    """

    frames: NDArray[np.int64]
    joints: Joints
    tracks: NDArray[np.int64] | None
    picture: Picture | None


def form_of(path: Path) -> str:
    """Return what a file of a pose estimator holds, `clip` or `frame`, by its first bytes; '' for any other file."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    numbered = FRAME_NAME.fullmatch(path.stem) is not None
    if path.suffix.lower() == ".txt":
        return "frame" if numbered and len(_floats(head.partition(b"\n")[0])) >= 20 else ""
    if any(all(word in head for word in words) for words in CLIP_WORDS):
        return "clip"
    if head.strip() == b"[]":
        return "frame" if numbered else ""
    if not any(word in head for word in (b'"people"', b'"bodies"', b'"keypoints"')):
        return ""
    start = FRAME_START.match(head)
    return "frame" if start and (start[2] or b'"people"' not in head) else "clip"


def _recording(path: Path) -> str | None:
    """Return the name of the recording, maybe '', of which a file holds one frame; None if it holds something else."""
    name = FRAME_NAME.fullmatch(path.stem) if path.suffix.lower() in SUFFIXES else None
    return name["recording"] if name and form_of(path) == "frame" else None


def first_frames(paths: Iterable[Path]) -> list[Path]:
    """Return the paths without those of further frames of a recording."""
    first: dict[tuple[object, ...], Path] = {}
    for path in paths:
        name = FRAME_NAME.fullmatch(path.stem) if path.suffix.lower() in SUFFIXES else None
        frame_key = (path.parent, name["recording"] if name else None, path.suffix)
        if frame_key not in first:  # the head is read once a recording
            first[(path,) if _recording(path) is None else frame_key] = path
    return list(first.values())


def recording_path(path: Path) -> PurePath:
    """Return the path of a clip without suffix; of frames by their recording's name, or their folder if that has it."""
    name = _recording(path)
    if name is None:
        return path.with_suffix("")
    return path.parent if name in ("", path.parent.name) else path.parent / name


def read_rows(file: ClipFile, joints: int | None, most: int) -> Rows:
    """Read the people of a recording.

    Args:
        file: the recording's file, or the file of one of its frames.
        joints: V, the number of joints that people must have; None for any.
        most: bytes of all files together.

    Raises:
        ClipError: a file cannot be read or has no known form, or there is no body in any frame.
    """
    path, frames = Path(file.path), list[Frame]()
    name = _recording(path)
    near = [path] if name is None else path.parent.glob(f"{escape(name)}*{escape(path.suffix)}")
    named = [(FRAME_NAME.fullmatch(other.stem), other) for other in near]
    for found, other in named:
        if name is not None and (found is None or found["recording"] != name):
            continue
        content = read_bytes(ClipFile(file.name, str(other)), most)
        most -= len(content)
        number = int(found["number"]) if found else 0
        try:
            if path.suffix.lower() == ".txt":
                frames.append(_text_frame(content, number, joints))
            else:
                frames += frames_of(parse_json(content), number, joints)
        except ClipError as error:
            raise ClipError(f"{other.name}: {error}") from error
    return rows_of(frames)


def frames_of(content: object, number: int = 0, joints: int | None = None) -> list[Frame]:
    """Return the frames in the parsed JSON of any form; `number` is that of the frame in a file of one frame.

    Raises:
        ClipError: no known form, or a person with another number of joints.
    """
    match content:
        case {"data": data}:
            return kinetics_frames(data)
        case {"people": people} | {"bodies": people}:
            return [_frame(number, people, joints, content.get("canvas_width"), content.get("canvas_height"))]
        case {"instance_info": [*entries]} | ([{"instances": _}, *_] as entries):
            return [_frame(entry.get("frame_id"), entry.get("instances"), joints) for entry in _objects(entries)]
        case {"annotations": [*entries], "images": [*images]}:
            return _by_picture(_objects(entries), {image.get("id"): image for image in _objects(images)}, joints)
        case [{"image_id": _}, *_]:
            return _by_picture(_objects(content), {}, joints)
        case [[*_], *_] | [{"people": _}, *_]:
            return [frame for index, part in enumerate(content) for frame in frames_of(part, index, joints)]
        case [] | [{"keypoints": _}, *_]:
            return [_frame(number, content, joints)]
        case {**pictures} if pictures and all(isinstance(value, dict) for value in pictures.values()):
            numbers = _numbers([str(name) for name in pictures])
            people = (value.get("people", value.get("bodies")) for value in pictures.values())
            return [_frame(*found, joints) for found in zip(numbers, people, strict=True)]
    raise ClipError("is JSON, but not as OpenPose, AlphaPose, MMPose or Ultralytics write it")


def _objects(entries: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
    if not all(isinstance(entry, dict) for entry in entries):
        raise ClipError("has a list with something else than objects")
    return entries


def _frame(number: object, people: object, joints: int | None, width: object = None, height: object = None) -> Frame:
    if type(number) is not int or not isinstance(people, list):
        raise ClipError("has a frame without a whole number or a list of people")
    if len(people) > MAX_PEOPLE:
        raise ClipError(f"frame {number} has {len(people)} people, more than {MAX_PEOPLE}")
    size = (
        (float(width), float(height)) if isinstance(width, int) and isinstance(height, int) and width * height else None
    )
    return Frame(number, [_person(person, number, joints) for person in people], size)


def _by_picture(
    entries: Sequence[Mapping[str, Any]], images: Mapping[Any, Mapping[str, Any]], joints: int | None
) -> list[Frame]:
    """Return frames of people who have an `image_id`; `images` may have the names and sizes of pictures."""
    people: dict[Any, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if not isinstance(entry.get("image_id"), int | str):
            raise ClipError("has a person without an 'image_id'")
        people.setdefault(entry["image_id"], []).append(entry)
    pictures = [images.get(image, {"file_name": image}) for image in people]
    numbers = _numbers([str(picture.get("file_name")) for picture in pictures])
    return [
        _frame(number, group, joints, picture.get("width"), picture.get("height"))
        for number, group, picture in zip(numbers, people.values(), pictures, strict=True)
    ]


def _numbers(names: Sequence[str]) -> list[int]:
    """Return the numbers of frames from the names of their pictures, or their order if a name has no number.

    Raises:
        ClipError: the names are those of several recordings.
    """
    named = [name for name in (FRAME_NAME.fullmatch(PurePath(name).stem) for name in names) if name]
    if len(named) < len(names):
        return list(range(len(names)))
    recordings = sorted({name["recording"] for name in named})
    if len(recordings) > 1:
        raise ClipError(f"holds {len(recordings)} recordings ({', '.join(recordings[:3])}): write a file for each")
    return [int(name["number"]) for name in named]


def _person(given: object, number: int, joints: int | None) -> Person:
    """Return a person of any form but Kinetics-Skeleton's."""
    key = next((key for key in JOINT_KEYS if isinstance(given, dict) and given.get(key)), None)
    if not isinstance(given, dict) or key is None:
        raise ClipError(f"a person in frame {number} has no list 'keypoints' or 'pose_keypoints_2d'")
    values, scores = given[key], given.get("keypoint_scores")
    if isinstance(values, dict):
        found = _array([values[axis] for axis in ("x", "y", "visible") if axis in values]).T
    else:
        found = _array(values)
        found = found.reshape(-1, 3) if found.ndim == 1 and len(found) % 3 == 0 else found
    if found.ndim == 2 and (scores is not None or found.shape[1] == 2):
        scores = np.ones(len(found)) if scores is None else _array(scores)
        found = np.column_stack([found, scores]) if scores.shape == found.shape[:1] else found[0]
    if found.ndim != 2 or found.shape[1] not in (3, 4):
        raise ClipError(f"a person in frame {number} has '{key}' of other numbers than x, y and a confidence a joint")
    if len(found) != joints:
        found = found[: WHOLE_BODY.get(len(found))]
    if len(found) != (joints or len(found)):
        raise ClipError(f"a person in frame {number} has {len(found)} joints, expected {joints}")
    return Person(found, _track(given))


def _array(values: object, *shape: int) -> Joints:
    try:
        array = np.array(values, np.float64)
        return array.reshape(shape) if shape else array
    except (ValueError, TypeError, OverflowError):
        raise ClipError("a list of joints is not numbers, or some are missing") from None


def _track(person: Mapping[str, Any]) -> int | None:
    """Return the id that a tracker gave a person; None without one, or for OpenPose's -1."""
    for value in (person[key] for key in TRACK_KEYS if key in person):
        while isinstance(value, list) and value:  # AlphaPose may write [[1.0]]
            value = value[0]
        if isinstance(value, int | float) and value >= 0:
            return int(value)
    return None


def _text_frame(content: bytes, number: int, joints: int | None) -> Frame:
    """Return a frame as Ultralytics' `save_txt` writes it."""
    rows = [_floats(line) for line in content.splitlines() if line.strip()]
    length = len(rows[0]) if rows else 0
    V = joints or (length - 5) // 3
    more = length - 5 - 3 * V
    if rows and (more not in (0, 1, 2) or any(len(row) != length for row in rows)):
        raise ClipError(f"has a line of {length} numbers, expected 5 and 3 for each of {V} joints")
    tracked = more == 2 or (more == 1 and all(row[-1].is_integer() for row in rows))  # else it is a confidence
    people = [Person(_array(row[5 : 5 + 3 * V], V, 3), int(row[-1]) if tracked else None) for row in rows]
    return Frame(number, people, SHARES)


def _floats(line: bytes) -> list[float]:
    """Return the numbers of a line; none if it has anything else."""
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        return []


def kinetics_frames(data: object) -> list[Frame]:
    """Return the frames of the value of 'data' in a clip of Kinetics-Skeleton."""
    if not isinstance(data, list) or not all(isinstance(frame, dict) for frame in data):
        raise ClipError("has no list 'data' of frames")
    frames: dict[int, Frame] = {}
    for frame in data:
        number, people = frame.get("frame_index"), frame.get("skeleton")
        if type(number) is not int or not 0 <= number <= MAX_FRAMES:
            raise ClipError(f"has a frame without a whole number 'frame_index' from 1 to {MAX_FRAMES}")
        if number in frames:
            raise ClipError("has two frames of one 'frame_index'")
        if not isinstance(people, list):
            raise ClipError(f"frame {number} has no list 'skeleton'")
        if len(people) > MAX_PEOPLE:
            raise ClipError(f"frame {number} has {len(people)} people, more than {MAX_PEOPLE}")
        frames[number] = Frame(number, [_pose_and_score(person, number) for person in people], SHARES)
    return list(frames.values())


def _pose_and_score(person: object, number: int) -> Person:
    """Return a person of Kinetics-Skeleton."""
    if not isinstance(person, dict):
        raise ClipError(f"a person in frame {number} is not an object with 'pose' and 'score'")
    V = OPENPOSE18.num_joints
    for key, length in (("pose", 2 * V), ("score", V)):
        values = person.get(key)
        if not isinstance(values, list):
            raise ClipError(f"a person in frame {number} has no list '{key}'")
        if len(values) != length:
            raise ClipError(f"a person in frame {number} has {len(values)} numbers in '{key}', expected {length}")
    return Person(np.column_stack([_array(person["pose"], V, 2), _array(person["score"], V)]))


def rows_of(frames: Sequence[Frame]) -> Rows:
    """Return the people of all frames, in the order of time.

    Raises:
        ClipError: no frame, nobody in any, two frames of one number, or people of different numbers of joints.
    """
    frames = sorted(frames, key=lambda frame: frame.number)
    if twice := [frame.number for frame, after in pairwise(frames) if frame.number == after.number]:
        raise ClipError(f"has frame {twice[0]} twice")
    people = [(frame, person) for frame in frames for person in frame.people]
    if not people:
        raise ClipError("no body in any frame" if frames else "no frame")
    if len({person.joints.shape for _, person in people}) > 1:
        raise ClipError("has people of different numbers of joints")
    joints, picture = np.stack([person.joints for _, person in people]), None
    if all(frame.picture for frame, _ in people):  # the size may change within a recording
        joints[..., :2] /= np.array([frame.picture for frame, _ in people])[:, None]
        picture = SHARES
    tracks = {(frame.number, person.track) for frame, person in people}
    alone = len(tracks) == len(people) and all(track is not None for _, track in tracks)
    return Rows(
        np.array([frame.number for frame, _ in people], np.int64),
        joints,
        np.array([person.track for _, person in people], np.int64) if alone else None,
        picture,
    )
