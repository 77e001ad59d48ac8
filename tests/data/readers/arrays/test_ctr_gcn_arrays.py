"""CTR-GCN's file, made here from clips: what comes back, and wrong ones."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import RunCommand
from tests.data.array_files import ctr_gcn, forget_files, write_ctr_gcn_store

from stgdn.data.batches.transforms import ClipSettings, batch
from stgdn.data.clip import Clip, ClipError, ClipFile, Reader
from stgdn.data.readers.arrays.ctr_gcn_arrays import CTRGCNArrayReader
from stgdn.data.store.checks import check
from stgdn.data.store.prepare import prepare
from stgdn.data.store.store import Store
from stgdn.errors import InputError

RNG = np.random.default_rng(0)
BODIES = RNG.normal((0, 0, 3), 0.3, (2, 9, 25, 3)).astype(np.float32)


def arrays(**changes: object) -> dict[str, Any]:
    """Three training clips and one test clip of 3 classes."""
    x = np.stack([ctr_gcn(BODIES), ctr_gcn(BODIES[:1, :5]), ctr_gcn(BODIES[::-1])])
    return {"x_train": x, "y_train": np.eye(3)[[0, 2, 1]], "x_test": x[:1], "y_test": np.eye(3)[[1]]} | changes


def write(folder: Path, **changes: object) -> CTRGCNArrayReader:
    forget_files()
    np.savez(folder / "NTU60_CS.npz", **{key: value for key, value in arrays(**changes).items() if value is not None})
    return CTRGCNArrayReader(folder / "NTU60_CS.npz", "ntu25", 3)


def first(reader: Reader) -> Clip:
    clip = reader.read(ClipFile("train_000000", "", "train 0"))
    check(clip, reader)
    return clip


def test_clips(tmp_path: Path) -> None:
    reader: Reader = write(tmp_path)
    survey = reader.survey()
    assert [file.name for file in survey.files] == ["test_000000", "train_000000", "train_000001", "train_000002"]
    clips = [pickle.loads(pickle.dumps(reader)).read(file) for file in survey.files]
    assert [(clip.name, clip.label, clip.setup, clip.subject) for clip in clips] == [
        ("test_000000", 1, 2, -1),
        ("train_000000", 0, 1, -1),
        ("train_000001", 2, 1, -1),
        ("train_000002", 1, 1, -1),
    ]
    assert [clip.joints.shape[:2] for clip in clips] == [(2, 9), (2, 9), (1, 5), (2, 9)]
    for clip in clips:
        check(clip, reader)
        assert clip.present.all()
    np.testing.assert_allclose(clips[1].joints, BODIES - BODIES[0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(clips[3].joints, BODIES[::-1] - BODIES[1, 0, 1], atol=1e-6)  # in the file's order


def test_gaps_are_bridged(tmp_path: Path) -> None:
    bodies = BODIES.copy()
    bodies[0, 4] = bodies[1, :2] = bodies[1, 6:] = 0
    clip = first(write(tmp_path, x_train=np.stack([ctr_gcn(bodies)] * 3)))
    assert clip.present.astype(int).tolist() == [[1] * 9, [0, 0, 1, 1, 1, 1, 0, 0, 0]]
    np.testing.assert_allclose(clip.joints[0, 4], (clip.joints[0, 3] + clip.joints[0, 5]) / 2, atol=1e-6)


def test_a_folder_of_the_unpacked_file(tmp_path: Path) -> None:
    for name, array in arrays().items():
        np.save(tmp_path / f"{name}.npy", array)
    reader = CTRGCNArrayReader(tmp_path, "ntu25", 3)
    assert len(reader.survey().files) == 4
    np.testing.assert_array_equal(first(reader).joints, first(write(tmp_path)).joints)


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8"])
def test_other_precisions(tmp_path: Path, dtype: str) -> None:
    clip = first(write(tmp_path, x_train=arrays()["x_train"].astype(dtype)))
    np.testing.assert_allclose(clip.joints, BODIES - BODIES[0, 0, 1], atol=2e-3 if dtype == "f2" else 1e-6)


def test_clips_that_are_refused(tmp_path: Path) -> None:
    x = arrays()["x_train"]
    for wrong in (np.where(x == 0, np.nan, x), x.astype(np.float64) * 1e300):
        with pytest.raises(ClipError, match="NaN or infinite"):
            first(write(tmp_path, x_train=wrong))
    with pytest.raises(ClipError, match="no body in any frame"):
        first(write(tmp_path, x_train=x * 0))
    for one_hot in ([0, 0, 0], [1, 1, 0], [2, 0, 0], [np.nan, 0, 0], [0.5, 0.5, 0], [-1, 0, 0]):
        with pytest.raises(ClipError, match="its row of y_train is not one-hot"):
            first(write(tmp_path, y_train=np.stack([one_hot] * 3)))


X = arrays()["x_train"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"x_train": X[0]}, r"x_train of .* has the shape \(300, 150\), expected .* 25 joints of ntu25 x 3"),
        ({"x_train": X[..., :100]}, r"has the shape \(3, 300, 100\)"),
        ({"x_test": X[..., 0]}, "x_test of .* has the shape"),
        ({"y_train": np.eye(3)[:2]}, r"y_train of .* shape \(2, 3\), expected \(3, 3\).*data\.num_classes"),
        ({"y_train": np.eye(4)[:3]}, r"shape \(3, 4\), expected \(3, 3\)"),
        ({"y_test": np.zeros(1)}, r"y_test of .* shape \(1,\)"),
        ({"x_test": None}, "has no array 'x_test', but x_train, y_train, y_test"),
        ({"x_train": np.array([{}])}, "an array of object"),
        ({"x_train": np.asfortranarray(X)}, "Fortran order"),
        ({"x_train": X[:0]}, "is empty"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    reader = write(tmp_path, **changes)
    with pytest.raises(InputError, match=sentence) as error:
        reader.survey()
    assert "\n" not in str(error.value)


def test_sources_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*Uason-Chen/CTR-GCN.*data=ctr_gcn_arrays data\.source=PATH"):
        CTRGCNArrayReader(tmp_path / "none.npz", "ntu25", 60).survey()
    write(tmp_path)
    with pytest.raises(InputError, match=r"no 'x_train\.npy' in .*there: NTU60_CS\.npz"):
        CTRGCNArrayReader(tmp_path, "ntu25", 60).survey()
    np.savez_compressed(tmp_path / "small.npz", **arrays())
    with pytest.raises(InputError, match=r"compressed.*zipfile -e small\.npz"):
        CTRGCNArrayReader(tmp_path / "small.npz", "ntu25", 3).survey()
    reader = write(tmp_path)
    for file in (
        ClipFile("a", "", "train 3"),
        ClipFile("a", "", "train x"),
        ClipFile("a", "", "val 0"),
        ClipFile("a", ""),
    ):
        with pytest.raises(ClipError, match="cannot be read"):
            reader.read(file)


@settings(max_examples=40)
@given(change=st.binary(min_size=1, max_size=40), at=st.floats(0, 1))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, change: bytes, at: float) -> None:
    place = tmp_path_factory.getbasetemp()
    x = np.random.default_rng(0).normal(size=(2, 3, 75)).astype(np.float32)
    y = np.eye(3)[:2]
    reader = write(place, x_train=x, y_train=y, x_test=x, y_test=y)
    content = bytearray(reader.source.read_bytes())
    start = int(at * len(content))
    content[start : start + len(change)] = change
    reader.source.write_bytes(content)
    forget_files()
    try:
        for file in reader.survey().files:
            check(reader.read(file), reader)
    except (InputError, ClipError) as error:
        assert str(error)  # noqa: PT017


def test_the_same_input_as_from_the_recordings(tmp_path: Path, tiny_store: Store) -> None:
    training = tiny_store.split("ntu60_xsub").train
    source = write_ctr_gcn_store(tmp_path / "NTU60_CS.npz", tiny_store, training, 14)
    reader = CTRGCNArrayReader(source, "ntu25", 14)
    store = prepare(reader, tmp_path / "store", "ctr_gcn_arrays", source=str(source), workers=2)
    order = np.concatenate([np.flatnonzero(~training), np.flatnonzero(training)])  # test before train, by name
    for key in ("label", "length", "start", "frames"):
        assert store.clips[key].tolist() == tiny_store.clips[key][order].tolist()
    assert store.split("file_split").train.tolist() == training[order].tolist()
    options = ClipSettings(frames=32, sampling="resize", stream="bone_motion")
    for chosen in (options, ClipSettings(frames=100, align="turn")):
        found, expected = batch(store, np.arange(len(store)), chosen), batch(tiny_store, order, chosen)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_commands(tmp_path: Path, tiny_store: Store, run_command: RunCommand) -> None:
    source = write_ctr_gcn_store(tmp_path / "NTU60_CV.npz", tiny_store, tiny_store.split("ntu60_xview").train, 14)
    options = ("data=ctr_gcn_arrays", f"data.source={source}", f"data.store={tmp_path / 'store'}")
    prepared = run_command("prepare", *options, "data.num_classes=14", "workers=1")
    assert prepared.code == 0, prepared.err
    assert f"ctr_gcn_arrays: {len(tiny_store)} clips of 14 classes" in prepared.out
    wrong = run_command("prepare", *options, "overwrite=true")
    assert (wrong.code, wrong.err.count("\n")) == (1, 1)
    assert "data.num_classes says how many" in wrong.err
