"""UTD-MHAD: files written here, and the real set where it is at hand."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data.readers.test_mat_file import file as mat
from tests.data.readers.test_mat_file import variable

from stgdn.data.clip import UNKNOWN, ClipError, ClipFile, Reader
from stgdn.data.protocols import check_counts, split_clips
from stgdn.data.readers import utd_mhad
from stgdn.data.readers.utd_mhad import UTDMHADReader
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20

NAME = "a8_s3_t2_skeleton"
JOINTS = np.random.default_rng(0).normal(scale=0.2, size=(6, 20, 3)) + np.array([0, 0, 3])  # (T, V, 3) as in the file
# The joints of a file, from the set's Skeleton_joint_order.txt, by their names in `kinect20`.
ORDER = ("head", "shoulder_centre", "spine", "hip_centre", *KINECT20.joints[4:])


def content_of(joints: NDArray[np.float64] = JOINTS, name: str = "d_skel") -> bytes:
    return mat(variable(joints.transpose(1, 2, 0), name))


def file(folder: Path, content: bytes, name: str = NAME) -> ClipFile:
    path = folder / f"{name}.mat"
    path.write_bytes(content)
    return ClipFile(name, str(path))


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("Skeleton_joint_order.txt", "1. head;")
        for member, content in members.items():
            target.writestr(f"{member}.mat", content)
    return path


def test_read_from_folder_and_zip(tmp_path: Path) -> None:
    (tmp_path / "Skeleton").mkdir()
    file(tmp_path / "Skeleton", content_of())
    packed = archive(tmp_path / "UTD-MHAD.zip", **{NAME: content_of()})
    for source in (tmp_path, tmp_path / "Skeleton", packed):
        reader: Reader = pickle.loads(pickle.dumps(UTDMHADReader(source)))
        found, *_ = reader.survey().files
        clip = reader.read(found)
        assert (clip.name, clip.label, reader.classes[clip.label]) == (NAME, 7, "right hand draw x")
        assert (clip.subject, clip.replication, clip.camera, clip.setup) == (3, 2, -1, -1)
        assert (clip.joints.shape, clip.joints.dtype) == ((1, 6, 20, 3), np.float32)
        assert clip.present.all()
        for joint, name in enumerate(ORDER):
            np.testing.assert_array_equal(
                clip.joints[0, :, KINECT20.joints.index(name)], JOINTS[:, joint].astype(np.float32), err_msg=name
            )


def test_missing_joints_are_filled_in_and_empty_frames_left_out(tmp_path: Path) -> None:
    joints = JOINTS.copy()
    joints[2] = 0
    joints[3, 7] = 0  # the left hand, also in kinect20
    clip = UTDMHADReader(tmp_path).read(file(tmp_path, content_of(joints)))
    assert clip.joints.shape == (1, 5, 20, 3)
    moved = JOINTS[1, 7] + (JOINTS[4, 7] - JOINTS[1, 7]) * 2 / 3
    np.testing.assert_allclose(clip.joints[0, 2, 7], moved, rtol=1e-5)


def test_a_single_frame_may_have_two_axes(tmp_path: Path) -> None:
    clip = UTDMHADReader(tmp_path).read(file(tmp_path, mat(variable(JOINTS[0], "d_skel"))))
    assert clip.joints.shape == (1, 1, 20, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a MATLAB file"),
        (content_of()[:-40], "truncated or garbled"),
        (content_of(name="d_iner"), "has no variable 'd_skel'"),
        (content_of(JOINTS[:, :19]), r"has the shape \(19, 3, 6\), expected \(20, 3, frames\)"),
        (content_of(JOINTS[:, :, :2]), r"has the shape \(20, 2, 6\)"),
        (mat(variable(JOINTS[0, 0][None, None, None], "d_skel")), r"has the shape \(1, 1, 1, 3\)"),
        (content_of(JOINTS[:0]), "no body in any frame"),
        (content_of(np.zeros((5, 20, 3))), "no body in any frame"),
        (content_of(np.where(np.arange(20)[:, None] == 4, np.nan, JOINTS)), "joint 4 in frame 0 is not finite"),
        (content_of(1e39 * JOINTS), "joint 0 in frame 0 is not finite"),
    ],
)
def test_bad_clip(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        UTDMHADReader(tmp_path).read(file(tmp_path, content))


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utd_mhad, "MAX_BYTES", 100)
    with pytest.raises(ClipError, match="no clip has more than"):
        UTDMHADReader(tmp_path).read(file(tmp_path, content_of()))


def test_other_names(tmp_path: Path) -> None:
    names = ("a28_s1_t1_skeleton", "a1_s9_t1_skeleton", "a1_s1_t5_skeleton", "a0_s1_t1_skeleton", "mine")
    files = [file(tmp_path, content_of(), name) for name in names]
    file(tmp_path, content_of(), "a27_s8_t4_skeleton")
    reader = UTDMHADReader(tmp_path)
    survey = reader.survey()
    assert [found.name for found in survey.files] == ["a27_s8_t4_skeleton"]
    assert survey.expected is None
    assert survey.skipped == [(name, "not named aA_sS_tT_skeleton.mat") for name in sorted(names)]
    for found in files:
        with pytest.raises(ClipError, match="not named"):
            reader.read(found)
        clip = reader.read_unlabelled(found)
        assert (clip.label, clip.subject, clip.replication) == (UNKNOWN, -1, -1)


def test_no_source(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.mat file in .*data=utd_mhad data\.source=PATH") as error:
        UTDMHADReader(archive(tmp_path / "empty.zip")).survey()
    assert "\n" not in str(error.value)


def test_the_real_set(shared_data: Path) -> None:
    source = shared_data / "UTD-MHAD.zip"
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    reader = UTDMHADReader(source)
    survey = reader.survey()
    assert (len(survey.files), survey.skipped, survey.expected) == (861, [], 861)
    clips = {found.name: reader.read(found) for found in survey.files}
    lengths = [clip.joints.shape[1] for clip in clips.values()]
    assert (min(lengths), max(lengths)) == (41, 125)
    subjects, nothing = [clip.subject for clip in clips.values()], [-1] * 861
    mask = split_clips("utd_mhad_xsub", subjects, nothing, nothing).train
    assert check_counts("utd_mhad", "utd_mhad_xsub", int(mask.sum()), int((~mask).sum())) is None
    counts = np.bincount([clip.label for clip in clips.values()], minlength=27)
    assert counts.tolist() == [31 if label in (7, 22, 26) else 32 for label in range(27)]  # 8 subjects, 4 trials
    assert all(np.isfinite(clip.joints).all() and clip.present.all() for clip in clips.values())


def test_real_coordinates(shared_data: Path) -> None:
    source = shared_data / "UTD-MHAD.zip"
    scipy_io = pytest.importorskip("scipy.io", reason="scipy is not installed")
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    reader = UTDMHADReader(source)
    with zipfile.ZipFile(source) as packed:
        for found in reader.survey().files[::40]:
            skeleton = scipy_io.loadmat(io.BytesIO(packed.read(found.member or "")))["d_skel"]
            clip = reader.read(found)
            assert clip.joints.shape == (1, skeleton.shape[2], 20, 3)
            for joint, name in enumerate(ORDER):
                np.testing.assert_array_equal(
                    clip.joints[0, :, KINECT20.joints.index(name)], skeleton[joint].T.astype(np.float32)
                )
            head, feet = (clip.joints[0, :, KINECT20.joints.index(name), 1] for name in ("head", "left_foot"))
            assert (head > feet).all()
