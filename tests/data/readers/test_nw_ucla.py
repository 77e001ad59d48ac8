"""Northwestern-UCLA: files written here, and the real set where it is at hand."""

import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.data.array_files import forget_files

from stgdn.data.clip import ClipError, ClipFile, Reader
from stgdn.data.protocols import check_counts, split_clips
from stgdn.data.readers import nw_ucla
from stgdn.data.readers.nw_ucla import NWUCLAReader, repair
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20

NAME = "a08_s03_e10_v02"  # action 8 is label 7 in the file, 6 here
JOINTS = np.random.default_rng(0).normal(scale=0.2, size=(5, 20, 3)) + np.array([0, 0, 3])


def text(skeletons: object, label: object = 7) -> bytes:
    return json.dumps({"file_name": NAME, "skeletons": skeletons, "label": label}).encode()


VALID = text(JOINTS.round(4).tolist())


def file(folder: Path, content: bytes, name: str = NAME) -> ClipFile:
    path = folder / f"{name}.json"
    path.write_bytes(content)
    return ClipFile(name, str(path))


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for member, content in members.items():
            target.writestr(f"all_sqe/{member}.json", content)
    return path


def test_read_from_folder_and_zip(tmp_path: Path) -> None:
    (tmp_path / "all_sqe").mkdir()
    file(tmp_path / "all_sqe", VALID)
    packed = archive(tmp_path / "NW-UCLA.zip", **{NAME: VALID})
    for source in (tmp_path, tmp_path / "all_sqe", packed):
        reader: Reader = pickle.loads(pickle.dumps(NWUCLAReader(source)))
        found, *_ = reader.survey().files
        clip = reader.read(found)
        assert (clip.name, clip.label, reader.classes[clip.label]) == (NAME, 6, "donning")
        assert (clip.subject, clip.camera, clip.replication, clip.setup) == (3, 2, 10, -1)
        assert (clip.joints.shape, clip.joints.dtype) == ((1, 5, 20, 3), np.float32)
        assert clip.present.shape == (1, 5)
        assert clip.present.all()
        np.testing.assert_array_equal(clip.joints[0], JOINTS.round(4).astype(np.float32))


def test_frames_in_which_nobody_is_seen_are_left_out(tmp_path: Path) -> None:
    frames = np.zeros((11, 20, 3))
    seen = [2, 3, 4, 8, 9]
    frames[seen] = JOINTS
    clip = NWUCLAReader(tmp_path).read(file(tmp_path, text(frames.tolist())))
    np.testing.assert_array_equal(clip.joints[0], JOINTS.astype(np.float32))
    assert clip.present.all()
    frames[4, 7] = 0  # a hand between frames 3 and 8
    clip = NWUCLAReader(tmp_path).read(file(tmp_path, text(frames.tolist())))
    moved = JOINTS[1, 7] + (JOINTS[3, 7] - JOINTS[1, 7]) / 5
    np.testing.assert_allclose(clip.joints[0, 2, 7], moved, rtol=1e-5)


def test_reader_facts() -> None:
    reader = NWUCLAReader("anywhere")
    assert (reader.layout.name, reader.max_bodies, len(reader.classes)) == ("kinect20", 1, 10)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (VALID[:-40], "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "not one object"),
        (b"{}", "has no whole number 'label'"),
        (text(JOINTS.tolist(), "7"), "has no whole number 'label'"),
        (text(JOINTS.tolist(), 8), "has label 8, but action 8 is label 7"),
        (text({}), "has no list 'skeletons'"),
        (text([]), "no frame"),
        (text([[]]), r"has the shape \(1, 0\)"),
        (text([1, 2]), r"has the shape \(2,\)"),
        (text(JOINTS[:, :19].tolist()), "body with 19 joints, expected 20"),
        (text(JOINTS[:, :, :2].tolist()), r"has the shape \(5, 20, 2\), expected \(frames, 20, 3\)"),
        (text([JOINTS[0].tolist(), JOINTS[1, :19].tolist()]), "equally many joints"),
        (text([[["x", "y", "z"]] * 20]), "equally many joints"),
        (text([[[{}, 1, 2]] * 20]), "equally many joints"),
        (text([[[10**400, 1, 2]] * 20]), "equally many joints"),
        (text([[[1.0, float("nan"), 2.0]] * 20]), "joint 0 in frame 0 is not finite"),
        (text([[[1.0, None, 2.0]] * 20]), "joint 0 in frame 0 is not finite"),
        (text([[[1.0, 1.0, 1e39]] * 20]), "joint 0 in frame 0 is not finite"),
        (text(np.zeros((5, 20, 3)).tolist()), "no body in any frame"),
    ],
)
def test_bad_clip(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        NWUCLAReader(tmp_path).read(file(tmp_path, content))


def test_clip_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = NWUCLAReader(tmp_path)
    with pytest.raises(ClipError, match="cannot be read"):
        reader.read(ClipFile(NAME, str(tmp_path / "gone.json")))
    with pytest.raises(ClipError, match="not named"):
        reader.read(ClipFile("walk", str(tmp_path)))
    packed = archive(tmp_path / "x.zip", **{NAME: VALID})
    with pytest.raises(ClipError, match="cannot be read"):
        reader.read(ClipFile(NAME, str(packed), "other.json"))
    monkeypatch.setattr(nw_ucla, "MAX_BYTES", 100)
    with pytest.raises(ClipError, match="has more than"):
        reader.read(ClipFile(NAME, str(packed), f"all_sqe/{NAME}.json"))
    with pytest.raises(ClipError, match="has more than"):
        reader.read(file(tmp_path, VALID))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def damage(data: bytes, start: int, length: int, new: bytes) -> bytes:
    at = start % len(data)
    return data[:at] + new + data[at + length :]


spans = st.tuples(st.integers(0, 10_000), st.integers(0, 40), st.binary(max_size=8) | st.just(b"NaN") | st.just(b"[["))


@settings(max_examples=100)
@given(span=spans)
def test_any_damage_to_a_clip_is_read_or_rejected(scratch: Path, span: tuple[int, int, bytes]) -> None:
    try:
        clip = NWUCLAReader(scratch).read(file(scratch, damage(VALID, *span)))
    except ClipError:
        return
    assert np.isfinite(clip.joints).all()


@settings(max_examples=100)
@given(span=spans)
def test_any_damage_to_the_zip_is_read_or_rejected(scratch: Path, span: tuple[int, int, bytes]) -> None:
    packed = archive(scratch / "whole.zip", **{NAME: VALID, "a01_s01_e01_v01": text([], 1)})
    forget_files()
    (scratch / "broken.zip").write_bytes(damage(packed.read_bytes(), *span))
    reader = NWUCLAReader(scratch / "broken.zip")
    try:
        for found in reader.survey().files:
            reader.read(found)
    except (ClipError, InputError):
        pass


def test_survey(tmp_path: Path) -> None:
    (tmp_path / "all_sqe").mkdir()
    for name in ("a12_s10_e00_v03", "a07_s01_e00_v01", "notes"):
        file(tmp_path / "all_sqe", VALID, name)
    file(tmp_path, VALID)
    file(tmp_path, VALID, "a12_s10_e00_v03")
    survey = NWUCLAReader(tmp_path).survey()
    assert [found.name for found in survey.files] == [NAME, "a12_s10_e00_v03", "a12_s10_e00_v03"]
    assert survey.expected is None
    assert survey.skipped == [
        ("a07_s01_e00_v01", "action 7 is not among 1, 2, 3, 4, 5, 6, 8, 9, 11, 12"),
        ("notes", "not named aAA_sSS_eEE_vVV.json"),
    ]


@pytest.mark.parametrize("source", ["nowhere", "empty", "empty.zip"])
def test_no_source(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    archive(tmp_path / "empty.zip")
    with pytest.raises(InputError, match=r"no \.json file in .*NW-UCLA\.zip.*data=nw_ucla data\.source=PATH") as error:
        NWUCLAReader(tmp_path / source).survey()
    assert "\n" not in str(error.value)


def test_broken_zip(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(InputError, match=r"not a zip that can be read .*data\.source=PATH"):
        NWUCLAReader(tmp_path / "x.zip").survey()


def test_repair_interpolates_over_time() -> None:
    joints = JOINTS.astype(np.float32)
    lost = joints.copy()
    lost[[0, 2, 3], 7] = 0
    repaired = repair(lost)
    np.testing.assert_array_equal(repaired[0, 7], joints[1, 7])
    np.testing.assert_allclose(repaired[2, 7], joints[1, 7] + (joints[4, 7] - joints[1, 7]) / 3, rtol=1e-5)
    np.testing.assert_allclose(repaired[3, 7], joints[1, 7] + 2 * (joints[4, 7] - joints[1, 7]) / 3, rtol=1e-5)
    assert not lost[0, 7].any(), "the input is not changed"
    repaired[:, 7] = joints[:, 7]
    np.testing.assert_array_equal(repaired, joints)


def test_repair_of_joints_never_seen() -> None:
    lost = JOINTS.astype(np.float32)
    lost[:, [0, 1, 5, 6]] = 0  # the root and its child; elbow and wrist: both go to the shoulder
    repaired = repair(lost)
    for joint, place in ((0, 2), (1, 2), (5, 4), (6, 4)):
        np.testing.assert_array_equal(repaired[:, joint], lost[:, place])


def test_repair_of_joints_dragged_to_the_camera() -> None:
    joints = JOINTS.astype(np.float32)
    lost = joints.copy()
    lost[2, 12] = 0
    lost[2, 13] *= 0.2
    lost[3, 18] *= 0.2  # no joint is zero in this frame: left alone
    repaired = repair(lost)
    np.testing.assert_allclose(repaired[2, [12, 13]], (joints[1, [12, 13]] + joints[3, [12, 13]]) / 2, rtol=1e-5)
    np.testing.assert_array_equal(repaired[3], lost[3])


def bones(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.linalg.norm(joints - joints[..., KINECT20.parents, :], axis=-1)


def test_the_real_set(shared_data: Path) -> None:
    reader = NWUCLAReader(shared_data / "NW-UCLA.zip")
    survey = reader.survey()
    assert (len(survey.files), survey.skipped, survey.expected) == (1_484, [], 1_484)
    clips = {found.name: reader.read(found) for found in survey.files}
    lengths = [clip.joints.shape[1] for clip in clips.values()]
    assert (min(lengths), max(lengths)) == (1, 201)
    subject, camera, setup = (
        [getattr(clip, fact) for clip in clips.values()] for fact in ("subject", "camera", "setup")
    )
    mask = split_clips("nw_ucla_xview", subject, camera, setup).train
    assert check_counts("nw_ucla", "nw_ucla_xview", int(mask.sum()), int((~mask).sum())) is None
    assert np.bincount([clip.label for clip in clips.values()]).tolist() == [
        150,
        152,
        141,
        173,
        148,
        149,
        142,
        142,
        145,
        142,
    ]

    changed = {}
    with zipfile.ZipFile(shared_data / "NW-UCLA.zip") as packed:
        for name, clip in clips.items():
            content = json.loads(packed.read(f"all_sqe/{name}.json"))
            raw = np.array(content["skeletons"], dtype=np.float32)
            if (raw != clip.joints[0]).any():
                changed[name] = np.unique(np.argwhere(raw != clip.joints[0])[:, 0]).tolist()
    assert changed == {"a04_s01_e01_v01": [34], "a04_s04_e02_v01": [45]}
    assert max(bones(clips[name].joints).max() for name in changed) < 1
