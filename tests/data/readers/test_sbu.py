"""SBU Kinect Interaction: files written here, and the real set where it is at hand."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile, Reader
from stgdn.data.protocols import check_counts, split_clips
from stgdn.data.readers import sbu
from stgdn.data.readers.sbu import SBUReader, clip_name
from stgdn.errors import InputError
from stgdn.skeleton import SBU15

NAME, FOLDERS = "s03s05_04_002", "s03s05/04/002"
RANDOM = np.random.default_rng(0)
STILL = np.repeat(RANDOM.uniform(0.2, 0.8, (1, 15, 3)), 6, axis=0)
MOVING = RANDOM.uniform(0.2, 0.8, (6, 15, 3))


def text(first: NDArray[np.float64] = STILL, second: NDArray[np.float64] = MOVING) -> bytes:
    """Normalised joints (T, 15, 3) of two people as a file."""
    rows = np.concatenate([first.reshape(len(first), -1), second.reshape(len(second), -1)], axis=1)
    return "".join(f"{t + 7}," + ",".join(map(str, row)) + "\r\n" for t, row in enumerate(rows.tolist())).encode()


VALID = text()


def metres(normalised: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pixels and depth of the set's authors, a thousandth of them, y up."""
    x, y, z = np.moveaxis(normalised, -1, 0)
    return np.stack([1280 - 2560 * x, 960 - 1920 * y, 10_000 * z / 7.8125], axis=-1) / 1000


def file(folder: Path, content: bytes, folders: str = FOLDERS) -> ClipFile:
    path = folder / folders / "skeleton_pos.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return ClipFile(clip_name(path), str(path))


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for member, content in members.items():
            target.writestr(f"{member.replace('_', '/')}/skeleton_pos.txt", content)
    return path


def read(folder: Path, content: bytes) -> Clip:
    return SBUReader(folder).read(file(folder, content))


def test_read_from_folders_and_zips(tmp_path: Path) -> None:
    file(tmp_path / "unpacked" / "SBU", VALID)
    (tmp_path / "zips").mkdir()
    packed = archive(tmp_path / "zips" / "s03s05.zip", **{NAME: VALID})
    archive(tmp_path / "zips" / "s07s01.zip", s07s01_08_001=VALID)
    for source in (tmp_path / "unpacked", tmp_path / "unpacked" / "SBU", packed, tmp_path / "zips"):
        reader: Reader = pickle.loads(pickle.dumps(SBUReader(source)))
        found, *others = reader.survey().files
        assert [other.name for other in others] == ["s07s01_08_001"][: source.name == "zips"]
        clip = reader.read(found)
        assert (clip.name, clip.label, reader.classes[clip.label]) == (NAME, 3, "pushing")
        assert (clip.setup, clip.replication, clip.subject, clip.camera) == (305, 2, -1, -1)
        assert (clip.joints.shape, clip.joints.dtype) == ((2, 6, 15, 3), np.float32)
        assert clip.present.all()


def test_metres_and_the_most_active_first(tmp_path: Path) -> None:
    clip = read(tmp_path, VALID)
    np.testing.assert_allclose(clip.joints[0], metres(MOVING), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(clip.joints[1], metres(STILL), rtol=1e-5, atol=1e-6)
    other = read(tmp_path, text(MOVING, STILL))
    np.testing.assert_array_equal(other.joints, clip.joints)


def test_missing_joints_are_filled_in(tmp_path: Path) -> None:
    lost = MOVING.copy()
    lost[2, 5] = (0.5, 0.5, 0)  # the camera's place
    clip = read(tmp_path, text(second=lost))
    np.testing.assert_allclose(clip.joints[0, 2, 5], metres((MOVING[1, 5] + MOVING[3, 5]) / 2), rtol=1e-5)


def test_one_person_alone(tmp_path: Path) -> None:
    nobody = np.full((6, 15, 3), 0.5) * [1, 1, 0]
    clip = read(tmp_path, text(nobody))
    assert clip.joints.shape == (1, 6, 15, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no frame"),
        (b"\r\n \n", "no frame"),
        (b"\xff\xfe\x00", "line 1 has 1 numbers, expected 91"),
        (VALID[:-20], "line 6 has 90 numbers, expected 91"),
        (text(STILL[:, :14]), "line 1 has 88 numbers"),
        (VALID.replace(b"0.", b"x.", 1), "is not a table of numbers"),
        (VALID.replace(b"\n8,", b"\nnan,"), "do not ascend"),
        (VALID.replace(b"\n8,", b"\n7,"), "do not ascend"),
        (text(np.where(np.arange(15)[:, None] == 4, np.nan, STILL)), "joint 4 in frame 0 is not finite"),
        (text(second=MOVING * 1e39), "joint 15 in frame 0 is not finite"),
        (text(*[np.full((6, 15, 3), 0.5) * [1, 1, 0]] * 2), "no body in any frame"),
    ],
)
def test_bad_clip(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        read(tmp_path, content)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbu, "MAX_BYTES", 100)
    with pytest.raises(ClipError, match="no clip has more than"):
        read(tmp_path, VALID)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=100)
@given(st.integers(0, 20_000), st.integers(0, 40), st.binary(max_size=8) | st.just(b"nan") | st.just(b","))
def test_any_damage_is_read_or_rejected(scratch: Path, start: int, length: int, new: bytes) -> None:
    at = start % len(VALID)
    try:
        clip = read(scratch, VALID[:at] + new + VALID[at + length :])
    except ClipError:
        return
    assert np.isfinite(clip.joints).all()


def test_other_folders(tmp_path: Path) -> None:
    folders = ("s01s04/01/001", "s03s05/09/001", "s03s05/00/001", "mine")
    files = [file(tmp_path, VALID, each) for each in folders]
    file(tmp_path, VALID)
    reader = SBUReader(tmp_path)
    survey = reader.survey()
    assert [found.name for found in survey.files] == [NAME]
    assert survey.expected is None
    assert sorted(name for name, _ in survey.skipped) == sorted(found.name for found in files)
    assert files[-1].name == "mine_skeleton_pos"
    assert {reason for _, reason in survey.skipped} == {
        "not in a folder sXXsYY/CC/NNN of the set's 21 pairs and 8 classes"
    }
    for found in files:
        with pytest.raises(ClipError, match="not in a folder"):
            reader.read(found)
        assert reader.read_unlabelled(found).label == UNKNOWN


@pytest.mark.parametrize("source", ["nowhere", "empty", "empty.zip"])
def test_no_source(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    archive(tmp_path / "empty.zip")
    with pytest.raises(InputError, match=r"no skeleton_pos\.txt in .*data=sbu data\.source=PATH") as error:
        SBUReader(tmp_path / source).survey()
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    source = shared_data / "SBU.zip"
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    return source


@pytest.fixture(scope="module")
def clips(real: Path) -> dict[str, Clip]:
    reader = SBUReader(real)
    survey = reader.survey()
    assert (len(survey.files), survey.skipped, survey.expected) == (282, [], 282)
    return {found.name: reader.read(found) for found in survey.files}


def test_the_real_set(clips: dict[str, Clip]) -> None:
    assert np.bincount([clip.label for clip in clips.values()]).tolist() == [42, 43, 40, 41, 18, 21, 39, 38]
    for clip in clips.values():
        assert clip.joints.shape[::2] == (2, 15)
        assert 10 <= clip.joints.shape[1] <= 46
        assert clip.present.all()
        assert np.isfinite(clip.joints).all()
    pairs, nothing = [clip.setup for clip in clips.values()], [-1] * 282
    tested = np.zeros(282, int)
    for fold in range(1, 6):
        mask = split_clips(f"sbu_fold{fold}", nothing, nothing, pairs).train
        assert check_counts("sbu", f"sbu_fold{fold}", int(mask.sum()), int((~mask).sum())) is None
        tested += ~mask
    assert (tested == 1).all()


def test_real_coordinates(real: Path, clips: dict[str, Clip]) -> None:
    with zipfile.ZipFile(real) as packed:
        for name in list(clips)[::30]:
            lines = packed.read(f"{name.replace('_', '/')}/skeleton_pos.txt").decode().splitlines()
            rows = np.array([[float(number) for number in line.split(",")] for line in lines])
            people = metres(rows[:, 1:].reshape(-1, 2, 15, 3).swapaxes(0, 1))
            people = people[np.argsort(-people.var(axis=1).sum(axis=(1, 2)))]
            np.testing.assert_allclose(clips[name].joints, people, rtol=1e-5, atol=1e-5)


def test_real_bodies_are_of_a_persons_size(clips: dict[str, Clip]) -> None:
    joints = np.concatenate([clip.joints.reshape(-1, 15, 3) for clip in clips.values()]).astype(np.float64)
    length = np.median(np.linalg.norm(joints - joints[:, SBU15.parents], axis=-1), axis=0)
    for joint, expected in (("left_knee", 0.43), ("right_foot", 0.41), ("left_elbow", 0.28), ("head", 0.21)):
        assert length[SBU15.joints.index(joint)] == pytest.approx(expected, abs=0.01)
    head, foot, left, right = (
        joints[:, SBU15.joints.index(name)] for name in ("head", "left_foot", "left_shoulder", "right_shoulder")
    )
    assert (head[:, 1] > foot[:, 1] + 0.5).mean() > 0.99
    np.testing.assert_allclose(joints[:, 1], (left + right) / 2, atol=1e-3)  # the neck


def test_people_face_each_other(clips: dict[str, Clip]) -> None:
    """Left and right are a person's own: left x (up x forward) is positive where forward is the other person."""
    shares = []
    for clip in clips.values():
        joints = clip.joints.astype(np.float64)
        left, up = joints[:, :, 3] - joints[:, :, 6], joints[:, :, 1] - joints[:, :, 2]
        forward = joints[::-1, :, 2] - joints[:, :, 2]
        shares.append((np.einsum("mti,mti->mt", left, np.cross(up, forward)) > 0).mean())
    assert np.mean(shares) > 0.85
