"""Read what pose estimators write: people frame by frame, in a file a recording or a file a frame.

The forms are those of the tools' published descriptions:

- OpenPose, `--write_json` (doc/02_output.md): a file a frame, `VIDEO_000000000012_keypoints.json`, with
  `{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ..]}]}`; ComfyUI adds `canvas_width`.
- AlphaPose (docs/output.md, `write_json` of pPose_nms.py): `[{"image_id": "12.jpg", "keypoints": [x, y, c, ..],
  "idx": 1}, ..]`; with `--format open` or `cmu` `{"12.jpg": {"people": [..]}}`, and the same a file a frame. Its
  PoseFlow writes `{"12.jpg": [{"keypoints": [x, y, c, ..], "idx": 1}, ..]}`.
- COCO results, as Ultralytics' `val` writes: the same list; COCO annotations have `images` with sizes beside it.
- MMPose: `[{"frame_id": 0, "instances": [{"keypoints": [[x, y], ..], "keypoint_scores": [..]}]}]`, for a picture the
  list of instances; demos write `{"meta_info": {..}, "instance_info": [..]}`. Lifters give `[x, y, z]`.
- Ultralytics: `Results.to_json()` has the people of a frame, `[{"keypoints": {"x": [..], "y": [..], "visible": [..]},
  "track_id": 1}, ..]`; `save_txt` writes a file a frame, `VIDEO_12.txt`, with rows of class, box, joints in shares of
  the picture, and perhaps the box's confidence and the track's id.
- Kinetics-Skeleton, see `stgdn.data.readers.kinetics`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from glob import escape
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError, ClipFile
from stgdn.data.readers.custom.recording import MOST_BYTES, Body, Recording, quoted
from stgdn.data.readers.raw_files import json_object, read_bytes

UNKNOWN = "is JSON, but not as OpenPose, AlphaPose, MMPose or Ultralytics write it"
SUFFIXES = (".json", ".txt")
HEAD = 4096  # bytes in which a file shows its form
MOST_PEOPLE = 200  # in a frame
SHARES = (1.0, 1.0)  # the size of the picture where coordinates are shares of it
WHOLE_BODY = {136: 26, 133: 17}  # Halpe and COCO-WholeBody begin with the body, faces and hands are left aside
JOINT_KEYS = ("pose_keypoints_2d", "pose_keypoints", "joints", "keypoints", "pose")
SCORE_KEYS = ("keypoint_scores", "score")
TRACK_KEYS = ("idx", "track_id", "person_id")
FRAME_NAME = re.compile(r"(?P<recording>.*?)[_. -]?(?P<number>[0-9]{1,18})(_keypoints)?")
# The head of a file of whole recordings has the words of one of these groups; the first two are Kinetics-Skeleton's.
CLIP_WORDS = (
    *((b'"data"', b'"frame_index"'), (b'"data"', b'"label_index"')),
    *((b'"image_id"', b'"keypoints"'), (b'"frame_id"', b'"instances"')),
    *((b'"meta_info"', b"keypoint"), (b'"images"', b'"file_name"', b'"width"')),
)
PICTURES = re.compile(rb'\s*\{\s*"[^"]*\.\w+"\s*:\s*\[')
FRAME_START = re.compile(rb'\s*\{\s*"(version|people|bodies|canvas_\w+)"')


class Frame(NamedTuple):
    """Hold a frame: joints (V, D + 1), the confidence last, and the tracker's id of each person; the picture's size."""

    number: int
    people: list[tuple[NDArray[np.float64], int | None]]
    picture: tuple[float, float] | None = None


def form_of(path: Path) -> str:
    """Return what a file of poses holds by its first bytes: `kinetics`, another `clip`, `frame`, '' for other files."""
    with path.open("rb") as file:
        head, numbered = file.read(HEAD), _frame_name(path) is not None
    if path.suffix.lower() == ".txt":
        return "frame" if numbered and len(_floats(head.partition(b"\n")[0])) >= 20 else ""
    fitting = [index for index, words in enumerate(CLIP_WORDS) if all(word in head for word in words)]
    if fitting:
        return "kinetics" if fitting[0] < 2 else "clip"
    if b'"people"' in head or b'"bodies"' in head:
        return "frame" if FRAME_START.match(head) else "clip"
    if PICTURES.match(head) and b'"keypoints"' in head:
        return "clip"
    start = head[:64].translate(None, b" \t\r\n")
    if start == b"[]" or not start.startswith(b"[") or b'"keypoints"' not in head:
        return "frame" if start == b"[]" and numbered else ""
    return "frame" if start.startswith(b"[{") else "clip"


def _frame_name(path: Path) -> re.Match[str] | None:
    return FRAME_NAME.fullmatch(path.stem) if path.suffix.lower() in SUFFIXES else None


def recording_of(path: Path) -> str | None:
    """Return the name of the recording, maybe '', of which a file holds one frame; None if it holds something else."""
    name = _frame_name(path)
    return name["recording"] if name and path.is_file() and form_of(path) == "frame" else None


def first_frames(paths: Iterable[Path]) -> list[Path]:
    """Return the paths without those of further frames of a recording."""
    first: dict[tuple[object, ...], Path] = {}
    for path in paths:
        name = _frame_name(path)
        frame_key = (path.parent, name and name["recording"], path.suffix)
        if frame_key not in first:  # one file a recording is looked into
            first[(path,) if recording_of(path) is None else frame_key] = path
    return list(first.values())


def read_poses(file: ClipFile, joints: int | None = None, axes: int | None = None) -> Recording:
    """Read a recording from its file, or from the files of all its frames if `file` is that of one.

    `joints` is V and `axes` D, the number of joints that people must have and of their coordinates; None for any.
    """
    path, frames, left = Path(file.path), list[Frame](), MOST_BYTES
    recording = recording_of(path)
    near = [path] if recording is None else path.parent.glob(f"{escape(recording)}*{escape(path.suffix)}")
    for other in near:
        name = _frame_name(other)
        if recording is None or (name and name["recording"] == recording):
            try:
                content = read_bytes(ClipFile(file.name, str(other)), left)
                read = _text_frame if path.suffix.lower() == ".txt" else _json_frames
                frames += read(content, int(name["number"]) if name else 0, joints)
            except ClipError as error:
                raise ClipError(str(error) if other == path else f"{other.name}: {error}") from error
            left -= len(content)
    made = merge_frames(frames)
    if (D := made.bodies[0].positions.shape[-1]) != (axes or D):
        raise ClipError(f"has joints of {D} coordinates, expected {axes}")
    return made


def _json_frames(content: bytes, number: int, joints: int | None) -> list[Frame]:
    try:
        return frames_of(json_object(content, object), number, joints)
    except AttributeError:  # something else where an object belongs
        raise ClipError(UNKNOWN) from None


def frames_of(content: object, number: int = 0, joints: int | None = None) -> list[Frame]:
    """Return the frames in the parsed JSON of any form; `number` is that of the frame in a file of one frame.

    Raises:
        ClipError: no known form, or a person with another number of joints.
    """
    match content:
        case {"people": people, **more} | {"bodies": people, **more}:
            return [_frame(number, people, joints, _size(more, "canvas_"))]
        case {"data": [*entries]}:
            return [_frame(e.get("frame_index"), e.get("skeleton"), joints, SHARES) for e in entries]
        case {"instance_info": [*entries]} | ([{"instances": _}, *_] as entries):
            return [_frame(e.get("frame_id"), e.get("instances"), joints) for e in entries]
        case {"annotations": [*entries], "images": [*images]}:
            return _by_picture(entries, {str(image.get("id")): image for image in images}, joints)
        case [{"image_id": _}, *_]:
            return _by_picture(content, {}, joints)
        case [[*_], *_]:
            return [_frame(index, people, joints) for index, people in enumerate(content)]
        case [{"people": _}, *_]:
            return [
                _frame(index, entry.get("people"), joints, _size(entry, "canvas_"))
                for index, entry in enumerate(content)
            ]
        case [] | [{"keypoints": _}, *_]:
            return [_frame(number, content, joints)]
        case {**pictures} if pictures and all(isinstance(value, dict | list) for value in pictures.values()):
            people = (v if isinstance(v, list) else v.get("people", v.get("bodies")) for v in pictures.values())
            return [_frame(*found, joints) for found in zip(_numbers(pictures), people, strict=True)]
    raise ClipError(UNKNOWN)


def _frame(number: object, people: object, joints: int | None, size: tuple[float, float] | None = None) -> Frame:
    if type(number) is not int or not 0 <= number < 10**18 or not isinstance(people, list):
        raise ClipError("has a frame without a whole number or without a list of people")
    if len(people) > MOST_PEOPLE:
        raise ClipError(f"frame {number} has {len(people)} people, more than {MOST_PEOPLE}")
    try:
        return Frame(number, [_person(person, joints) for person in people if not _is_empty(person)], size)
    except (ValueError, TypeError, OverflowError, KeyError, IndexError):
        raise ClipError(f"frame {number} has a person with joints that are not numbers, or incomplete") from None
    except ClipError as error:
        raise ClipError(f"a person in frame {number} {error}") from None


def _is_empty(person: object) -> bool:
    """Return whether a person has lists of joints, all of them empty; OpenPose's files have such people."""
    lists = [person[key] for key in JOINT_KEYS if key in person] if isinstance(person, dict) else []
    return bool(lists) and not any(lists)


def _size(described: Mapping[str, Any], before: str = "") -> tuple[float, float] | None:
    width, height = described.get(f"{before}width"), described.get(f"{before}height")
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return float(width), float(height)
    return None


def _by_picture(people: Iterable[Any], pictures: Mapping[str, Mapping[str, Any]], joints: int | None) -> list[Frame]:
    """Group people by their `image_id`; `pictures` may have names and sizes."""
    groups: dict[str, list[Any]] = {}
    for person in people:
        groups.setdefault(str(person.get("image_id")), []).append(person)
    named = [pictures.get(image, {"file_name": image}) for image in groups]
    numbers = _numbers(picture.get("file_name") for picture in named)
    found = zip(numbers, groups.values(), named, strict=True)
    return [_frame(number, group, joints, _size(picture)) for number, group, picture in found]


def _numbers(names: Iterable[object]) -> list[int]:
    """Return the numbers of frames from the names of their pictures, or their order if a name has no number.

    Raises:
        ClipError: the names are those of several recordings.
    """
    paths = [PurePath(str(name)) for name in names]
    found = [FRAME_NAME.fullmatch(path.stem) for path in paths]
    parts = zip(paths, found, strict=True)
    recordings = sorted({str(path.parent / name["recording"]) for path, name in parts if name})
    if None in found:
        return list(range(len(found)))
    if len(recordings) > 1:
        some = ", ".join(quoted(recording)[1:-1] for recording in recordings[:3])
        raise ClipError(f"holds {len(recordings)} recordings ({some}): write a file for each")
    return [int(name["number"]) for name in found if name]


def _person(given: object, joints: int | None) -> tuple[NDArray[np.float64], int | None]:
    """Return the joints (V, D + 1) of a person and the tracker's id."""
    key = next((key for key in JOINT_KEYS if isinstance(given, dict) and given.get(key)), "")
    if not isinstance(given, dict) or not key:
        raise ClipError("has no list 'keypoints' or 'pose_keypoints_2d'")
    values = given[key]
    scores = next((given[name] for name in SCORE_KEYS if isinstance(given.get(name), list)), None)
    if isinstance(values, dict):
        values, scores = list(zip(values["x"], values["y"], strict=True)), values.get("visible")
    found = np.array(values, np.float64)
    if found.ndim == 1:
        found = found.reshape(-1, 3 if scores is None else 2)
    if scores is not None or found.shape[1] == 2:
        found = np.column_stack([found, np.ones(len(found)) if scores is None else np.array(scores, np.float64)])
    if len(found) != joints:
        found = found[: WHOLE_BODY.get(len(found))]
    if found.ndim != 2 or found.shape[1] not in (3, 4) or len(found) != (joints or len(found)):
        raise ClipError(f"has '{key}' of the shape {found.shape}" + (f", expected {joints} joints" if joints else ""))
    track = next((given[key] for key in TRACK_KEYS if key in given), None)
    while isinstance(track, list) and track:  # AlphaPose may write [[1.0]], OpenPose writes [-1]
        track = track[0]
    return found, int(track) if isinstance(track, int | float) and track >= 0 else None


def _text_frame(content: bytes, number: int, joints: int | None) -> list[Frame]:
    """Return one frame as Ultralytics' `save_txt` writes it."""
    rows = [_floats(line) for line in dict.fromkeys(content.splitlines()) if line.strip()]  # a second run adds the same
    length = len(rows[0]) if rows else 0
    V = joints or max((length - 5) // 3, 1)
    more = length - 5 - 3 * V
    if rows and (more not in (0, 1, 2) or any(len(row) != length for row in rows)):
        raise ClipError(f"has a line of {length} numbers, expected 5 and 3 for each of {V} joints")
    tracked = more == 2 or (more == 1 and all(row[-1].is_integer() for row in rows))  # else it is a confidence
    people = [(np.reshape(row[5 : 5 + 3 * V], (V, 3)), int(row[-1]) if tracked else None) for row in rows]
    return [Frame(number, people, SHARES)]


def _floats(line: bytes) -> list[float]:
    """Return the numbers of a line; none if it has anything else."""
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        return []
    return numbers if np.isfinite(numbers).all() else []


def merge_frames(frames: Sequence[Frame]) -> Recording:
    """Return a recording: a body a track, or everybody in one if people do not all have ids of their own.

    Raises:
        ClipError: no frame, nobody in any, two frames of one number, or people of different numbers of joints.
    """
    frames = sorted(frames, key=lambda frame: frame.number)
    if len({frame.number for frame in frames}) < len(frames):
        raise ClipError("has two frames of one number")
    people = [(frame, *person) for frame in frames for person in frame.people]
    if not people:
        raise ClipError("no body in any frame" if frames else "no frame")
    if len({joints.shape for _, joints, _ in people}) > 1:
        raise ClipError("has people of different numbers of joints")
    joints, picture = np.stack([joints for _, joints, _ in people]), None
    if all(frame.picture for frame, *_ in people):  # the size may change within a recording
        joints[..., :2] /= np.array([frame.picture for frame, *_ in people])[:, None]
        picture = SHARES
    everyone = Body(np.array([frame.number for frame, *_ in people], np.int64), joints[..., :-1], joints[..., -1])
    tracks = [track for *_, track in people]
    if None in tracks or len({(frame.number, track) for frame, _, track in people}) < len(people):
        return Recording([everyone], tracked=False, picture=picture)
    return Recording([everyone.rows(np.array(tracks) == track) for track in dict.fromkeys(tracks)], picture=picture)
