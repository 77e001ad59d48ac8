"""Pickles as PYSKL and MMAction2 write them, made here: 2D and 3D, whole and wrong."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.data.array_files import forget_files

from stgdn.data.batches.transforms import ClipSettings, batch
from stgdn.data.clip import Clip, ClipError, ClipFile, Reader
from stgdn.data.protocols import split_clips
from stgdn.data.readers.pyskl import pyskl_reader as pyskl
from stgdn.data.readers.pyskl.pyskl_reader import PysklReader, split_lists
from stgdn.data.store.checks import check
from stgdn.data.store.prepare import prepare
from stgdn.errors import InputError

HEIGHT, WIDTH = 240, 320
NTU = "S003C002P007R001A005"
SCORE = np.full((1, 6, 17), 0.5, np.float16)


def flat(name: str = "a", M: int = 1, T: int = 6, seed: int = 0, **changes: object) -> dict[str, Any]:
    """A 2D annotation."""
    rng = np.random.default_rng(seed)
    return {
        "frame_dir": name,
        "label": 1,
        "img_shape": (HEIGHT, WIDTH),
        "original_shape": (HEIGHT, WIDTH),
        "total_frames": T,
        "keypoint": rng.uniform(1, 200, (M, T, 17, 2)).astype(np.float16),
        "keypoint_score": rng.uniform(0.2, 1, (M, T, 17)).astype(np.float16),
    } | changes


def deep(name: str = "a", M: int = 1, T: int = 6, seed: int = 0, **changes: object) -> dict[str, Any]:
    """A 3D annotation."""
    keypoint = np.random.default_rng(seed).normal(size=(M, T, 25, 3)).astype(np.float16)
    return {"frame_dir": name, "label": 1, "total_frames": T, "keypoint": keypoint} | changes


def write(folder: Path, content: object, protocol: int = 5) -> Path:
    path = folder / "file.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    forget_files()
    return path


def read(folder: Path, annotation: dict[str, Any], layout: str = "coco17", max_bodies: int = 2) -> Clip:
    reader: Reader = PysklReader(write(folder, [annotation]), layout, None, 3, max_bodies)
    (file,) = reader.survey().files
    clip = reader.read(file)
    check(clip, reader)
    return clip


def pixels(annotation: dict[str, Any]) -> NDArray[np.float32]:
    """x, y in shares of the picture from its middle, and the score, (M, T, V, 3); unseen joints are zeros."""
    keypoint, score = annotation["keypoint"], annotation["keypoint_score"]
    x, y = keypoint[..., 0].astype(np.float32) / WIDTH, keypoint[..., 1].astype(np.float32) / HEIGHT
    return np.stack([x - 0.5, y - 0.5, score.astype(np.float32)], axis=-1) * (score > 0)[..., None]


@pytest.mark.parametrize("protocol", range(2, 6))
def test_every_protocol_of_pickle(tmp_path: Path, protocol: int) -> None:
    made = [flat("b"), flat("c", M=2, seed=1), flat(NTU, seed=2)]
    content = {"split": {"xsub_train": ["b", NTU], "xsub_val": ["c"]}, "annotations": made}
    reader: Reader = PysklReader(write(tmp_path, content, protocol), "coco17", "xsub", 60)
    survey = reader.survey()
    assert [file.name for file in survey.files] == [NTU, "b", "c"]
    assert (survey.skipped, survey.expected) == ([], None)
    again = pickle.loads(pickle.dumps(reader))  # as `prepare` sends it to worker processes
    clips = {file.name: again.read(file) for file in survey.files}
    assert {name: clip.setup for name, clip in clips.items()} == {"b": 1, NTU: 1, "c": 2}
    facts = [(clip.subject, clip.camera, clip.replication) for clip in clips.values()]
    assert facts == [(7, 2, 1), (-1, -1, -1), (-1, -1, -1)]
    assert {clip.joints.dtype for clip in clips.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(clips["b"].joints, pixels(made[0]), rtol=1e-6)
    assert clips["b"].present.all()
    assert clips["c"].joints.shape == (2, 6, 17, 3)
    assert clips["b"].joints[..., :2].max() < 1


def test_three_dimensions(tmp_path: Path) -> None:
    annotation = deep(NTU, M=2)
    annotation["keypoint"][0] *= 0.1
    clip = read(tmp_path, annotation, "ntu25")
    assert (clip.setup, clip.camera, clip.subject, clip.replication, clip.label) == (3, 2, 7, 1, 1)
    np.testing.assert_array_equal(clip.joints, annotation["keypoint"][::-1].astype(np.float32))


def test_bodies_of_zeros_are_nobody_and_the_surest_is_first(tmp_path: Path) -> None:
    annotation = flat(M=4)
    keypoint, score = annotation["keypoint"], annotation["keypoint_score"]
    keypoint[1] = 0
    score[2] = 0
    score[0] *= 0.5
    clip = read(tmp_path, annotation)
    np.testing.assert_allclose(clip.joints, pixels(annotation)[[3, 0]], rtol=1e-6)
    assert read(tmp_path, annotation, max_bodies=1).joints.shape[0] == 1


def test_gaps_are_bridged_without_confidence(tmp_path: Path) -> None:
    annotation = flat(M=2, T=7)
    keypoint, score = annotation["keypoint"], annotation["keypoint_score"]
    score[0] = 0.9
    for body, frames in ((0, [0, 3]), (1, [0, 1, 3, 6])):  # nobody in frame 0 and 3
        keypoint[body, frames] = 0
        score[body, frames] = 0
    expected = pixels(annotation)
    clip = read(tmp_path, annotation)
    assert clip.present.astype(int).tolist() == [[1, 1, 1, 1, 1], [0, 1, 1, 1, 0]]
    np.testing.assert_allclose(clip.joints[0], expected[0, [1, 2, 4, 5, 6]], rtol=1e-6)
    np.testing.assert_allclose(clip.joints[1, 1:4], expected[1, [2, 4, 5]], rtol=1e-6)

    keypoint[0, 4] = score[0, 4] = 0  # now only the other one is seen in frame 4
    clip = read(tmp_path, annotation)
    assert clip.present[0].all()
    bridged = expected[0, 2] + (expected[0, 5] - expected[0, 2]) * 2 / 3
    np.testing.assert_allclose(clip.joints[0, 2, :, :2], bridged[:, :2], rtol=1e-5)
    assert not clip.joints[0, 2, :, 2].any()
    assert clip.joints[0, [0, 1, 3, 4], :, 2].all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"label": 3}, "label 3 is outside the 3 classes"),
        ({"label": -1}, "label -1 is outside"),
        ({"label": "1"}, "no whole number 'label'"),
        ({"label": 10**5000}, "no whole number 'label'"),
        ({"label": None}, "no whole number 'label'"),
        ({"keypoint": None}, "no array 'keypoint'"),
        ({"keypoint": [[1, 2]]}, "no array 'keypoint'"),
        ({"keypoint": np.array(["a"])}, "no array 'keypoint'"),
        ({"keypoint": np.ones((6, 17, 2))}, r"'keypoint' has the shape \(6, 17, 2\), expected 4 axes"),
        ({"keypoint": np.ones((1, 6, 18, 2))}, "body with 18 joints, expected 17 of coco17"),
        ({"keypoint": np.ones((1, 6, 17, 3))}, "joints with 3 coordinates, expected 2 for coco17"),
        ({"keypoint": np.ones((1, 0, 17, 2)), "total_frames": 0}, "no frame"),
        ({"keypoint": np.ones((0, 6, 17, 2))}, "no body in any frame"),
        ({"keypoint": np.zeros((1, 6, 17, 2))}, "no body in any frame"),
        ({"keypoint_score": np.zeros((1, 6, 17))}, "no body in any frame"),
        ({"keypoint": np.full((1, 6, 17, 2), np.nan)}, "'keypoint' has NaN or infinite numbers"),
        ({"keypoint": np.full((1, 6, 17, 2), 1e300)}, "'keypoint' has NaN or infinite numbers"),
        ({"keypoint_score": SCORE * np.inf}, "'keypoint_score' has NaN or infinite"),
        ({"keypoint_score": None}, "no array 'keypoint_score'"),
        ({"keypoint_score": SCORE[:, :5]}, r"has the shape \(1, 5, 17\), expected \(1, 6, 17\)"),
        ({"keypoint_score": SCORE[..., None]}, "expected 3 axes"),
        ({"total_frames": 5}, "'total_frames' is 5, but there are 6"),
        ({"total_frames": np.arange(3)}, "no whole number 'total_frames'"),
        ({"img_shape": None}, "no 'img_shape'"),
        ({"img_shape": (240,)}, "no 'img_shape'"),
        ({"img_shape": (0, 320)}, "no 'img_shape'"),
        ({"img_shape": (np.nan, 320)}, "no 'img_shape'"),
        ({"img_shape": np.array(3)}, "no 'img_shape'"),
        ({"img_shape": ([], {})}, "no 'img_shape'"),
    ],
)
def test_bad_annotation(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        read(tmp_path, flat(**changes))


def test_what_may_differ(tmp_path: Path) -> None:
    plain = read(tmp_path, flat())
    change: dict[str, Any]
    for change in (
        {"img_shape": np.array([HEIGHT, WIDTH])},
        {"img_shape": [float(HEIGHT), np.float32(WIDTH)]},
        {"keypoint": flat()["keypoint"].astype(np.float64)},
        {"label": np.int64(1)},
    ):
        np.testing.assert_array_equal(read(tmp_path, flat(**change)).joints, plain.joints)
    annotation = flat()
    del annotation["total_frames"]
    annotation["filename"] = annotation.pop("frame_dir")
    assert read(tmp_path, annotation).name == "a"


def test_split_lists() -> None:
    keys = ("xsub_train", "xsub_val", "xset_train", "xset_test", "train", "val", "train1", "test1", "train2", "sub_val")
    assert split_lists({key: [] for key in keys}) == {
        "xsub": ("xsub_train", "xsub_val"),
        "xset": ("xset_train", "xset_test"),
        "train": ("train", "val"),
        "train1": ("train1", "test1"),
    }


@pytest.mark.parametrize(
    ("split", "train", "test"), [("xsub", "xsub_train", "xsub_val"), ("train1", "train1", "test1")]
)
def test_split(tmp_path: Path, split: str, train: str, test: str) -> None:
    made = [deep(name) for name in ("a", "b", "c")] + [{"label": 1}, "text"]
    path = write(tmp_path, {"split": {train: ["a", "gone"], test: ["c"]}, "annotations": made})
    for name in (split, train):
        reader = PysklReader(path, "ntu25", name)
        survey = reader.survey()
        assert {file.name: reader.read(file).setup for file in survey.files} == {"a": 1, "c": 2}
        assert survey.skipped == [
            ("b", f"in neither list of the split {name}"),
            ("annotation 3", "has no name 'frame_dir'"),
            ("annotation 4", "has no name 'frame_dir'"),
            ("gone", "listed, but has no annotation"),
        ]
        assert len(reader.classes) == 2


@pytest.mark.parametrize(
    ("content", "split", "sentence"),
    [
        (
            {"split": {"xsub_train": [], "xsub_val": []}, "annotations": []},
            "xsubb",
            "allowed: xsub; did you mean 'xsub'",
        ),
        ([deep()], "xsub", r"has no split .*data\.split=null.*data\.protocol=ntu60_xsub"),
        ({"annotations": [deep()]}, "xsub", "has no split"),
        (
            {"split": {"xsub_train": 3, "xsub_val": []}, "annotations": []},
            "xsub",
            "'xsub_train' is not a list of names",
        ),
        (
            {"split": {"xsub_train": [3], "xsub_val": []}, "annotations": []},
            "xsub",
            "'xsub_train' is not a list of names",
        ),
        ({"split": {"train": ["a"], "val": ["a", "b"]}, "annotations": []}, "train", "'a' and 0 others are both in"),
        ({"split": {}}, None, "neither a list of annotations nor a dict"),
        ({"split": [], "annotations": [], "x": 1}, None, None),
        ({"split": [1], "annotations": []}, None, "neither a list of annotations nor a dict"),
        (7, None, "neither a list of annotations nor a dict"),
        ([os.system], None, r"asks for '(posix|nt)\.system'"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: object, split: str | None, sentence: str | None) -> None:
    reader = PysklReader(write(tmp_path, content), "ntu25", split)
    if sentence is None:
        assert reader.survey().files == []
        return
    with pytest.raises(InputError, match=sentence) as error:
        reader.survey()
    assert "\n" not in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*kennymckormick/pyskl.*data=pyskl data\.source=PATH"):
        PysklReader(tmp_path / "none.pkl", "coco17", "xsub").survey()
    (tmp_path / "text.pkl").write_text("hello")
    with pytest.raises(InputError, match="not a pickle that can be read"):
        PysklReader(tmp_path / "text.pkl", "coco17", "xsub").survey()


def test_mistyped_settings() -> None:
    with pytest.raises(InputError, match="unknown joint layout 'coco'"):
        PysklReader("x", "coco", None)
    with pytest.raises(InputError, match=r"data\.num_classes=0"):
        PysklReader("x", "coco17", None, 0)
    with pytest.raises(InputError, match=r"data\.bodies=0"):
        PysklReader("x", "coco17", None, 3, 0)
    assert PysklReader("x", "coco17", None, ("walk", "run")).classes == ("walk", "run")


def test_a_file_that_changes_or_goes(tmp_path: Path) -> None:
    path = write(tmp_path, [flat("a"), flat("b")])
    reader = PysklReader(path, "coco17", None, 3)
    survey = reader.survey()
    write(tmp_path, [flat("b"), flat("a")])
    with pytest.raises(ClipError, match="the pickle has changed"):
        reader.read(survey.files[0])
    path.unlink()
    for file in (survey.files[0], ClipFile("a", str(path), "no number"), ClipFile("a", str(path))):
        with pytest.raises(ClipError, match="cannot be read"):
            reader.read(file)


def test_the_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(pyskl, "load_plain", lambda path: read.append(path) or [flat(str(n)) for n in range(5)])
    reader = PysklReader(write(tmp_path, None), "coco17", None, 3)
    assert len([reader.read(file) for file in reader.survey().files]) == 5
    assert len(read) == 1


values = st.none() | st.integers(-2, 9) | st.text(max_size=3) | st.just(SCORE) | st.just([]) | st.just({})


@settings(max_examples=60)
@given(key=st.sampled_from(sorted(flat())), value=values)
def test_any_value_is_read_or_rejected(tmp_path_factory: pytest.TempPathFactory, key: str, value: object) -> None:
    folder = tmp_path_factory.getbasetemp()
    reader = PysklReader(write(folder, [flat() | {key: value}]), "coco17", None, 3)
    for file in reader.survey().files:
        try:
            check(reader.read(file), reader)
        except ClipError as error:
            assert str(error)  # noqa: PT017


def test_from_pickle_to_batch(tmp_path: Path) -> None:
    made = [flat(f"clip{n}", M=1 + n % 2, T=4 + n, seed=n, label=n % 3) for n in range(20)]
    made[3]["label"] = 60
    names = [f"clip{n}" for n in range(20)]
    path = write(tmp_path, {"split": {"train": names[:15], "val": names[15:]}, "annotations": made})
    for workers in (1, 2):
        reader = PysklReader(path, "coco17", "train", 3)
        store = prepare(reader, tmp_path / f"store{workers}", "pyskl", source=str(path), workers=workers)
        clips = store.clips
        mask = split_clips("file_split", clips["subject"], clips["camera"], clips["setup"]).train
        assert (len(store), int(mask.sum())) == (19, 14)
        assert store.header.skipped == {"label 60 is outside the 3 classes": 1}
        x = batch(store, np.arange(19), ClipSettings(frames=8))
        assert x.shape == (19, 3, 8, 17, 2)
        assert np.isfinite(x).all()
        assert (x != 0).any(axis=(1, 2, 3))[:, 0].all()
