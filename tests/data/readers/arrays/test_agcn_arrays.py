"""2s-AGCN's and ST-GCN's folders, made here from clips: what comes back, what is lost, and wrong ones."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.conftest import RunCommand
from tests.data.array_files import agcn, forget_files, walk, write_agcn, write_agcn_store

from stgdn.data.batches.transforms import ClipSettings, batch
from stgdn.data.clip import Clip, ClipError, ClipFile, Reader
from stgdn.data.readers.arrays.agcn_arrays import AGCNArrayReader
from stgdn.data.store.checks import check
from stgdn.data.store.prepare import prepare
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.skeleton import COCO17, NTU25

Float = NDArray[np.float32]
NTU = "S003C002P007R001A005"


def row(*bodies: Float, T: int = 40) -> Float:
    """A clip (3, T, V, 2) filled up with zeros, as ST-GCN has it."""
    clip = np.zeros((2, T, *bodies[0].shape[1:]), np.float32)
    for joints, body in zip(clip, bodies, strict=False):
        joints[: len(body)] = body
    return clip.transpose(3, 1, 2, 0)


def folder(place: Path, *clips: NDArray[np.floating], split: str = "train", layout: str = "ntu25") -> AGCNArrayReader:
    forget_files()
    names = [f"clip{number}" for number in range(len(clips))]
    return AGCNArrayReader(write_agcn(place, split, np.stack(clips), names, [1] * len(clips)), layout, 3)


def read(place: Path, clip: NDArray[np.floating], layout: str = "ntu25") -> Clip:
    reader: Reader = folder(place, clip, layout=layout)
    (file,) = reader.survey().files
    found = reader.read(file)
    check(found, reader)
    return found


def distances(joints: Float) -> Float:
    """Between all joints of all bodies, (M, T, V, 3) -> (T, M V, M V): what no move and no turn changes."""
    points = joints.swapaxes(0, 1).reshape(joints.shape[1], -1, 3).astype(np.float64)
    return np.linalg.norm(points[:, :, None] - points[:, None], axis=-1).astype(np.float32)


@pytest.mark.parametrize("T", [1, 2, 59, 150, 151, 299, 300])
def test_one_round_of_a_repeated_clip(tmp_path: Path, T: int) -> None:
    bodies = np.stack([walk(T), walk(T, 1)])
    clip = read(tmp_path, agcn(bodies))
    assert clip.present.all()
    assert clip.joints.shape == bodies.shape
    assert not clip.joints[0, :, 1].any()  # the first body's middle
    np.testing.assert_allclose(distances(clip.joints), distances(bodies), atol=2e-5)


def test_a_second_body_of_another_length(tmp_path: Path) -> None:
    bodies = np.zeros((2, 60, 25, 3), np.float32)
    bodies[0], bodies[1, 20:43] = walk(60), walk(23, 1)
    clip = read(tmp_path, agcn(bodies))
    assert clip.present.sum(axis=1).tolist() == [60, 23]
    assert clip.present[1, :23].all()  # moved to the first frame
    np.testing.assert_allclose(distances(clip.joints[:1]), distances(bodies[:1]), atol=2e-5)
    np.testing.assert_allclose(distances(clip.joints[1:, :23]), distances(bodies[1:, 20:43]), atol=2e-5)

    bodies = np.zeros((2, 60, 25, 3), np.float32)
    bodies[0, :23], bodies[1] = walk(23), walk(60, 1)
    clip = read(tmp_path, agcn(bodies))  # known relative to the first one only
    assert clip.present.sum(axis=1).tolist() == [23, 23]
    np.testing.assert_allclose(distances(clip.joints), distances(bodies[:, :23]), atol=2e-5)


def test_gaps(tmp_path: Path) -> None:
    bodies = np.stack([walk(30), walk(30, 1)])
    bodies[0, 10:12] = bodies[1, 20] = 0
    clip = read(tmp_path, agcn(bodies))
    assert clip.joints.shape[:2] == (2, 28)  # nobody is where it should be in frames 10 and 11
    assert clip.present.all()
    kept = np.delete(bodies, [10, 11], axis=1)
    expected = distances(kept)
    expected[18] = np.nan  # bridged
    found = distances(clip.joints)
    found[18] = np.nan
    np.testing.assert_allclose(found, expected, atol=2e-5)
    middle = (clip.joints[1, 17] + clip.joints[1, 19]) / 2
    np.testing.assert_allclose(clip.joints[1, 18], middle, atol=1e-6)


def test_st_gcn_clips_are_as_the_camera_saw_them(tmp_path: Path) -> None:
    made = row(walk(30), walk(22, 1))
    np.save(tmp_path / "val_data.npy", made[None])
    (tmp_path / "val_label.pkl").write_bytes(pickle.dumps(([f"{NTU}.skeleton"], np.array([2]))))
    reader = AGCNArrayReader(tmp_path, NTU25, ("walk", "run", "sit"))
    (file,) = reader.survey().files
    clip = pickle.loads(pickle.dumps(reader)).read(file)  # as `prepare` sends it to worker processes
    facts = (clip.name, clip.label, clip.setup, clip.subject, clip.camera, clip.replication)
    assert facts == (NTU, 2, 2, 7, 2, 1)
    assert clip.present.sum(axis=1).tolist() == [30, 22]
    np.testing.assert_array_equal(clip.joints, made.transpose(3, 1, 2, 0)[:, :30])


@pytest.mark.parametrize(("name", "up"), [("train_data.npy", 1), ("train_data_joint.npy", -1)])
def test_pictures_have_y_down(tmp_path: Path, name: str, up: int) -> None:
    made = row(walk(12, V=18) - 3.2, np.abs(walk(12, 1, V=18)))
    made[2] = np.abs(made[2])
    made[:, 0] = made[:, 5, :, 0] = 0  # nobody in the first frame, a gap of one in the sixth
    np.save(tmp_path / name, made[None])
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps((["_id.json"], [0])))
    reader = AGCNArrayReader(tmp_path, "openpose18", 400)
    clip = reader.read(reader.survey().files[0])
    check(clip, reader)
    assert clip.name == "_id"
    expected = made.transpose(3, 1, 2, 0)[:, 1:12] * np.array([1, up, 1], np.float32)
    expected = expected[np.argsort(-expected[..., 2].sum(axis=(1, 2)))]
    gap = [body for body in range(2) if not expected[body, 4].any()]
    assert not clip.joints[gap, 4, :, 2].any()
    expected[gap, 4], clip.joints[gap, 4] = 0, 0
    np.testing.assert_array_equal(clip.joints, expected)


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8"])
def test_other_precisions(tmp_path: Path, dtype: str) -> None:
    bodies = walk(31)[None]
    clip = read(tmp_path, agcn(bodies).astype(dtype))
    assert clip.joints.dtype == np.float32
    np.testing.assert_allclose(distances(clip.joints), distances(bodies), atol=5e-3 if dtype == "f2" else 2e-5)


def test_clips_that_are_refused(tmp_path: Path) -> None:
    missing, garbled, enormous = row(walk(5)) * 0, row(walk(5)), row(walk(5)).astype(np.float64)
    garbled[1, 2, 3, 0], enormous[1, 2, 3, 0] = np.nan, 1e300
    with pytest.raises(ClipError, match="no body in any frame"):
        read(tmp_path, missing)
    for wrong in (garbled, enormous):
        with pytest.raises(ClipError, match="NaN or infinite"):
            read(tmp_path, wrong)


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (3, "label 3 is outside the 3 classes"),
        (-1, "label -1 is outside"),
        ("1", "no whole number as its label"),
        (None, "no whole number"),
        (True, "no whole number"),
    ],
)
def test_labels_that_are_refused(tmp_path: Path, label: object, reason: str) -> None:
    reader = folder(tmp_path, row(walk(5)))
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps((["clip0"], [label])))
    with pytest.raises(ClipError, match=reason):
        check(reader.read(reader.survey().files[0]), reader)


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("it_ran",)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ((["a", "b"], [1]), "has 2 names and 1 labels, but .* 2 clips: they do not belong together"),
        ((["a"], [1]), "has 1 names and 1 labels, but .* 2 clips"),
        ((["a", "b"],), "not a pair of a list of names and a list of labels"),
        ({"a": 1, "b": 2}, "not a pair"),
        (([1, 2], {1: 2}), "not a pair"),
        ((np.array(3), np.array(4)), "not a pair"),
        ((["a", "b"], [Malicious(), 1]), r"asks for '(posix|nt)\.mkdir'"),
    ],
)
def test_labels_of_a_folder_that_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: object, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    reader = folder(tmp_path, row(walk(5)), row(walk(5)))
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps(labels))
    with pytest.raises(InputError, match=sentence) as error:
        reader.survey()
    assert "\n" not in str(error.value)
    assert not (tmp_path / "it_ran").exists()


def test_folders_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no train_data_joint\.npy .*lshiwjx/2s-AGCN.*data=agcn_arrays data\.source="):
        AGCNArrayReader(tmp_path, "ntu25", 60).survey()
    reader = folder(tmp_path / "xsub", row(walk(5)))
    with pytest.raises(InputError, match=r"there are such files in .*xsub"):
        AGCNArrayReader(tmp_path, "ntu25", 60).survey()
    with pytest.raises(
        InputError,
        match=r"shape \(1, 3, 40, 25, 2\), expected .* 18 joints .*data\.layout=ntu25 or body25 or body25b has",
    ):
        AGCNArrayReader(tmp_path / "xsub", "openpose18", 60).survey()
    for shape in ((1, 2, 40, 25, 2), (1, 3, 3001, 25, 2), (1, 3, 40, 25)):
        with pytest.raises(InputError, match="has the shape"):
            folder(tmp_path / "shape", np.zeros(shape[1:], np.float32)).survey()
    (tmp_path / "xsub" / "train_label.pkl").unlink()
    with pytest.raises(InputError, match=r"no '.*train_label\.pkl', which holds the names and labels"):
        reader.survey()
    (tmp_path / "xsub" / "train_label.pkl").write_bytes(b"hello")
    with pytest.raises(InputError, match="not a pickle that can be read"):
        reader.survey()


def test_mistyped_settings() -> None:
    with pytest.raises(InputError, match="unknown joint layout 'ntu'"):
        AGCNArrayReader("x", "ntu", 60)
    with pytest.raises(InputError, match=r"data\.num_classes=0"):
        AGCNArrayReader("x", "ntu25", 0)
    with pytest.raises(InputError, match=r"data\.bodies=0"):
        AGCNArrayReader("x", COCO17, 3, 0)


def test_a_folder_that_changes_or_goes(tmp_path: Path) -> None:
    reader = folder(tmp_path, row(walk(5)), row(walk(6)))
    first, second = reader.survey().files
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps((["clip1", "another"], [1, 1])))
    with pytest.raises(ClipError, match="the files have changed"):
        reader.read(first)
    (tmp_path / "train_label.pkl").unlink()
    for file in (
        second,
        ClipFile("clip0", first.path, "no number"),
        ClipFile("clip0", str(tmp_path / "none.npy"), "0"),
    ):
        with pytest.raises(ClipError, match="cannot be read"):
            reader.read(file)


def test_clips_without_a_name_are_left_out(tmp_path: Path) -> None:
    reader = folder(tmp_path, *[row(walk(5))] * 4)
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps((["a", "", 3, "b\n"], [1] * 4)))
    survey = reader.survey()
    assert [file.name for file in survey.files] == ["a"]
    assert survey.skipped == [(f"train {number}", "has no name") for number in (1, 2, 3)]


@settings(max_examples=40)
@given(data=st.binary(max_size=120) | st.none(), labels=st.binary(max_size=60) | st.none(), at=st.integers(0, 10**6))
def test_any_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes | None, labels: bytes | None, at: int
) -> None:
    place = tmp_path_factory.getbasetemp() / "any"
    reader = folder(place, row(walk(3), T=4), row(walk(2), T=4))
    for path, content in ((place / "train_data_joint.npy", data), (place / "train_label.pkl", labels)):
        if content is not None:
            whole = path.read_bytes()
            path.write_bytes(whole[: at % len(whole)] + content + whole[at % len(whole) + len(content) :])
    forget_files()
    try:
        for file in reader.survey().files:
            check(reader.read(file), reader)
    except (InputError, ClipError) as error:
        assert str(error)  # noqa: PT017


def test_the_same_input_as_from_the_recordings(tmp_path: Path, tiny_store: Store) -> None:
    training = tiny_store.split("ntu60_xsub").train
    source = write_agcn_store(tmp_path / "raw", tiny_store, training)
    reader = AGCNArrayReader(source, "ntu25", 14)
    store = prepare(reader, tmp_path / "store", "agcn_arrays", source=str(source), workers=2)
    assert store.clips["name"].tolist() == tiny_store.clips["name"].tolist()
    assert store.split("file_split").train.tolist() == training.tolist()
    for key in ("label", "subject", "camera", "replication"):
        assert store.clips[key].tolist() == tiny_store.clips[key].tolist()

    # Those whose first body is always seen keep their length, and once the first body is put in the middle of every
    # frame, all of its input is the same.
    main = tiny_store.clips["frames"][:, 0]
    assert store.clips["frames"][:, 0].tolist() == main.tolist()
    whole = np.flatnonzero(main == tiny_store.clips["length"])
    assert len(whole) > 100
    options = ClipSettings(frames=32, sampling="loop", align="body", bodies=1)
    expected, found = (batch(one, whole, options) for one in (tiny_store, store))
    expected -= expected[:, :, :, [NTU25.centre]]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_commands(tmp_path: Path, tiny_store: Store, run_command: RunCommand) -> None:
    source = write_agcn_store(tmp_path / "raw", tiny_store, tiny_store.split("ntu60_xview").train)
    options = ("data=agcn_arrays", "data.num_classes=14", f"data.store={tmp_path / 'store'}")
    prepared = run_command("prepare", *options, f"data.source={source}", "workers=1")
    assert prepared.code == 0, prepared.err
    assert f"agcn_arrays: {len(tiny_store)} clips of 14 classes" in prepared.out
    wrong = run_command("prepare", *options, f"data.source={tmp_path}", "overwrite=true")
    assert (wrong.code, wrong.err.count("\n")) == (1, 1)
    assert "there are such files in" in wrong.err
