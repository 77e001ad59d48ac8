"""Poses listed frame by frame, in the annotation or in a file of poses beside it."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stgdn.data.clip import Clip, ClipError, Reader
from stgdn.data.readers.pyskl.pyskl_compressed import people
from stgdn.data.readers.pyskl.pyskl_reader import PysklReader
from stgdn.data.store.checks import check
from stgdn.data.store.prepare import prepare

HEIGHT, WIDTH = 240, 320
PICTURE = np.array([WIDTH, HEIGHT], np.float32)


def person(frames: int, left: float, score: float = 0.8, seed: int = 0) -> np.ndarray:
    """Poses (frames, 17, 3) of somebody who walks slowly to the right, in pixels."""
    rng = np.random.default_rng(seed)
    poses = np.empty((frames, 17, 3), np.float32)
    poses[..., :2] = rng.uniform(-20, 20, (17, 2)) + np.array([left, 120])
    poses[..., 0] += np.arange(frames)[:, None]
    poses[..., 2] = score
    return poses


def listed(*people_seen: tuple[range, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Frames and poses, frame by frame, the people of a frame in another order every time."""
    rows = [(frame, pose) for frames, poses in people_seen for frame, pose in zip(frames, poses, strict=True)]
    order = np.random.default_rng(1).permutation(len(rows))
    rows = sorted((rows[index] for index in order), key=lambda row: row[0])
    return np.array([frame for frame, _ in rows], np.int16), np.stack([pose for _, pose in rows])


def annotation(name: str = "a", **changes: object) -> dict[str, Any]:
    return {"frame_dir": name, "label": 1, "img_shape": (HEIGHT, WIDTH), "total_frames": 9} | changes


def read(folder: Path, content: list[dict[str, Any]], index: int = 0) -> Clip:
    path = folder / "k400_hrnet.pkl"
    path.write_bytes(pickle.dumps(content))
    reader: Reader = PysklReader(path, "coco17", None, 3)
    clip = reader.read(reader.survey().files[index])
    check(clip, reader)
    return clip


def shares(poses: np.ndarray) -> np.ndarray:
    return np.stack([poses[..., 0] / WIDTH - 0.5, poses[..., 1] / HEIGHT - 0.5, poses[..., 2]], axis=-1)


def test_people_are_followed_whatever_the_order(tmp_path: Path) -> None:
    one, other = person(9, 60, 0.7), person(9, 220, 0.9, seed=1)
    frames, poses = listed((range(9), one), (range(9), other))
    clip = read(tmp_path, [annotation(frame_inds=frames, keypoint=poses)])
    np.testing.assert_allclose(clip.joints, [shares(other), shares(one)], atol=1e-6)  # the surest first
    assert clip.present.all()


def test_frames_without_anybody_do_not_count_and_gaps_are_bridged(tmp_path: Path) -> None:
    one = person(8, 100)
    kept = [0, 1, 4, 5]
    frames = np.array([10 + frame for frame in kept], np.int16)
    clip = read(tmp_path, [annotation(frame_inds=frames, keypoint=one[kept])])
    assert clip.joints.shape == (1, 6, 17, 3)
    np.testing.assert_allclose(clip.joints[0, [0, 1, 4, 5]], shares(one)[kept], atol=1e-6)
    np.testing.assert_allclose(clip.joints[0, 2, :, 0], shares(one)[2, :, 0], atol=1e-6)  # a steady walk
    assert not clip.joints[0, 2:4, :, 2].any()


def test_poses_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "kpfiles").mkdir()
    names = ("a", "b", "c")
    made = {name: person(5, 60 + 40 * number) for number, name in enumerate(names)}
    for file, clips in (("k_0.pkl", "ac"), ("k_1.pkl", "b")):
        content = {name: {"keypoint": made[name]} for name in clips}
        (tmp_path / "kpfiles" / file).write_bytes(pickle.dumps(content))
    where = {"a": "k_0", "b": "k_1", "c": "k_0"}
    frames = np.arange(5)
    content = [annotation(name, raw_file=f"data/k400/kpfiles/{where[name]}.pkl", frame_inds=frames) for name in names]
    path = tmp_path / "k400_hrnet.pkl"
    path.write_bytes(pickle.dumps(content))
    store = prepare(PysklReader(path, "coco17", None, 3), tmp_path / "store", "k400", source=str(path), workers=1)
    assert store.clips["name"].tolist() == list(names)
    for index, name in enumerate(names):
        np.testing.assert_allclose(store.joints(index)[0], shares(made[name]), atol=1e-6)


FRAMES, POSES = np.arange(5), person(5, 100)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"keypoint": POSES[:4]}, r"'keypoint' has the shape \(4, 17, 3\) and 'frame_inds' \(5,\), expected"),
        ({"keypoint": POSES[..., :2]}, r"has the shape \(5, 17, 2\).*expected \(poses, 17, 3\)"),
        ({"keypoint": POSES[:, :16]}, r"has the shape \(5, 16, 3\)"),
        ({"keypoint": POSES[:0], "frame_inds": FRAMES[:0]}, "no body in any frame"),
        ({"keypoint": POSES * (1, 1, 0)}, "no body in any frame"),
        ({"keypoint": POSES * np.nan}, "NaN or infinite"),
        ({"frame_inds": FRAMES - 1}, "a frame beyond that"),
        ({"frame_inds": FRAMES + 99_999}, "a frame beyond that"),
        ({"frame_inds": FRAMES * 0.5}, "no array 'frame_inds' of numbers"),
        ({"frame_inds": None}, "no array 'frame_inds' of numbers"),
        ({"keypoint": "poses"}, "no array 'keypoint' of numbers"),
        ({"img_shape": None}, "no 'img_shape'"),
    ],
)
def test_bad_annotation(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        read(tmp_path, [annotation(frame_inds=FRAMES, keypoint=POSES) | changes])


@pytest.mark.parametrize(
    ("content", "named", "reason"),
    [
        (None, "kpfiles/k.pkl", r"its poses are in 'k\.pkl', which is not in the folder 'kpfiles'"),
        ({"b": {}}, "kpfiles/k.pkl", r"has no poses in 'k\.pkl'"),
        ({"a": {}}, "k.pkl", "no array 'keypoint' of numbers"),
        (["a"], "k.pkl", "is not a dict of clips"),
        ({"a": print}, "k.pkl", r"asks for 'builtins\.print'"),
    ],
)
def test_bad_file_of_poses(tmp_path: Path, content: object, named: str, reason: str) -> None:
    if content is not None:
        (tmp_path / "k.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(ClipError, match=reason):
        read(tmp_path, [annotation(raw_file=named, frame_inds=FRAMES)])


def test_files_outside_the_folder_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "k.pkl").write_bytes(pickle.dumps({"a": {"keypoint": POSES}}))
    for named in ("../k.pkl", str(tmp_path / "k.pkl")):
        with pytest.raises(ClipError, match=r"its poses are in 'k\.pkl', which is not"):
            read(tmp_path / "below", [annotation(raw_file=named, frame_inds=FRAMES)])


def test_three_dimensions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "k.pkl"
    path.write_bytes(pickle.dumps([annotation(frame_inds=FRAMES, keypoint=POSES)]))
    reader = PysklReader(path, "ntu25", None, 3)
    with pytest.raises(ClipError, match="poses in pixels, not in space as ntu25 has them"):
        reader.read(reader.survey().files[0])


shapes = st.tuples(st.integers(0, 4), st.sampled_from([2, 3]), st.sampled_from([2, 3]))
floats = st.floats(width=32) | st.sampled_from([0.0, 1.0, np.nan, np.inf])


@settings(max_examples=100)
@given(
    frames=arrays.arrays(np.int64, st.integers(0, 4), elements=st.integers(-2, 50) | st.integers(-(2**63), 2**63 - 1)),
    poses=arrays.arrays(np.float32, shapes, elements=floats),
)
def test_any_numbers_are_read_or_rejected(frames: np.ndarray, poses: np.ndarray) -> None:
    try:
        joints, present = people(frames, poses, 2, PICTURE, 2)
    except ClipError:
        return
    assert present.any(axis=0).all()
    assert np.isfinite(joints).all()
