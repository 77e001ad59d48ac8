"""Clips as `.npz`: arrays as people save them, and files that claim more than they hold."""

import io
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.data.own_data import STICK, moving, npz, outcome

from stgdn.data.clip import Clip, ClipError
from stgdn.data.readers.custom.npz_clips import read_npz
from stgdn.skeleton import COCO17


def header(shape: object, kind: str = "<f8", order: bool = False) -> bytes:
    text = repr({"descr": kind, "fortran_order": order, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + (len(text) + 1).to_bytes(2, "little") + text + b"\n"


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return file.getvalue()


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f4", "float64", "longdouble", "int16", "uint8"])
def test_types_and_orders(dtype: str) -> None:
    joints = (moving(2, 5, 4, 3) * 9).astype(dtype)
    for given_joints in (joints, np.asfortranarray(joints)):
        bodies = read_npz(npz(joints=given_joints), STICK).bodies
        np.testing.assert_array_equal([body.positions for body in bodies], joints.astype(np.float64))
        assert bodies[1].frames.tolist() == [0, 1, 2, 3, 4]
        assert (bodies[0].confidence == 1).all()


def test_one_body_without_its_axis_and_compressed() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, joints=moving(5, 4, 3), other=np.array([object()], dtype=object))
    (body,) = read_npz(file.getvalue(), STICK).bodies
    np.testing.assert_array_equal(body.positions, moving(5, 4, 3))


def test_metadata() -> None:
    content = npz(joints=moving(5, 4, 3), label="wave", subject=3, camera=np.array([2]), replication=np.uint8(1))
    assert read_npz(content, STICK).metadata == {"label": "wave", "subject": 3, "camera": 2, "replication": 1}


def test_confidence_in_the_picture() -> None:
    joints, sure = moving(2, 5, 17, 2), moving(2, 5, 17, seed=1)
    third = np.concatenate([joints, sure[..., None]], axis=-1)
    for content in (npz(joints=joints, confidence=sure), npz(joints=third)):
        bodies = read_npz(content, COCO17).bodies
        np.testing.assert_array_equal([body.positions for body in bodies], joints)
        np.testing.assert_array_equal([body.confidence for body in bodies], sure)
    (body,) = read_npz(npz(joints=joints[0], confidence=sure[0]), COCO17).bodies
    np.testing.assert_array_equal(body.confidence, sure[0])


JOINTS = moving(5, 4, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no .npz that can be read"),
        (b"frame,hip_x", "is no .npz that can be read"),
        (npz(joints=JOINTS)[:-30], "is no .npz that can be read"),
        (npz(skeleton=JOINTS), "has no array 'joints', but 'skeleton'"),
        (npz(), "has no array 'joints', but nothing"),
        (
            npz(joints=JOINTS[0]),
            r"'joints' has the shape \(4, 3\), expected \(frames, 4, 3\) or \(bodies, frames, 4, 3\)",
        ),
        (npz(joints=np.zeros((5, 25, 3))), "for layout stick"),
        (npz(joints=np.zeros((5, 4, 2))), r"shape \(5, 4, 2\)"),
        (npz(joints=np.zeros((101, 5, 4, 3))), "101 bodies and 5 frames"),
        (npz(joints=np.zeros((0, 5, 4, 3))), "no body in any frame"),
        (npz(joints=JOINTS.astype(str)), "'joints' is an array of '<U.*', expected numbers"),
        (npz(joints=JOINTS.astype(complex)), "'joints' is an array of 'complex128', expected numbers"),
        (
            npz(joints=JOINTS, confidence=np.ones((5, 3))),
            r"'confidence' has the shape \(1, 5, 3\), expected \(1, 5, 4\)",
        ),
        (npz(joints=JOINTS, label=1.0), "'label' is not one whole number or class name"),
        (npz(joints=JOINTS, subject=[1, 2]), "'subject' is not one whole number$"),
        (archive(joints=header((5, 4, 3)) + b"\0" * 100), "'joints' is truncated or garbled"),
        (archive(joints=header((10**12, 4, 3))), "'joints' is truncated or garbled"),
        (archive(joints=header((-5, 4, -3)) + bytes(480)), "'joints' is truncated or garbled"),
        (archive(joints=header((5, 4, 3), "|O") + pickle.dumps([1])), "'joints' is an array of 'object'"),
        (archive(joints=b"\x93NUMPY\x03\x00"), "'joints' is no array that can be read"),
        (archive(joints=header("shape")), "'joints' is no array that can be read"),
        (archive(joints=header((1 << 26, 1, 1), "|u1") + bytes(1 << 26)), "'joints' has more than 33,554,432 numbers"),
        (archive(joints=bytes(130 << 20)), "'joints' has more than 128 MB"),
        (archive(joints=header((5, 4, 3)) + bytes(480), label=header((), "<U1") + b"\xff" * 4), "'label' is not one"),
    ],
)
def test_files_that_cannot_be_used(content: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason) as told:
        read_npz(content, STICK)
    assert len(str(told.value)) < 300


def test_a_pickle_inside_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "ran",))

    evil = np.empty(1, dtype=object)
    evil[0] = Evil()
    for content in (npz(joints=evil), npz(joints=JOINTS, label=evil)):
        with pytest.raises(ClipError, match="is an array of 'object', expected numbers"):
            read_npz(content, STICK)
    assert not (tmp_path / "ran").exists()


def test_a_claim_of_a_terabyte_takes_no_memory() -> None:
    content = archive(joints=header((10**12, 4, 3)) + bytes(1 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(ClipError, match="truncated"):
            read_npz(content, STICK)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_an_array_that_unpacks_to_too_much_is_not_unpacked() -> None:
    content = archive(joints=bytes(130 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(ClipError, match="more than 128 MB"):
            read_npz(content, STICK)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_than_of_numpy(method: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("joints.npy", header((5, 4, 3)) + bytes(480))
    with pytest.raises(ClipError, match=r"compressed in another way than by numpy\.savez_compressed"):
        read_npz(file.getvalue(), STICK)


def test_the_array_that_was_checked_is_the_one_that_is_read() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("joints", bytes(1 << 20))  # numpy takes a name without .npy first
        made.writestr("joints.npy", npy(JOINTS))
    (body,) = read_npz(file.getvalue(), STICK).bodies
    np.testing.assert_array_equal(body.positions, JOINTS)


def test_an_array_longer_than_the_archive_lists() -> None:
    content = archive(joints=npy(JOINTS) + bytes(1 << 20))
    size = len(npy(JOINTS)).to_bytes(4, "little")
    at = content.rindex(b"PK\x01\x02") + 24  # the member's size in the list at the end
    with pytest.raises(ClipError, match="Bad CRC-32"):
        read_npz(content[:at] + size + content[at + 4 :], STICK)


WHOLE = npz(joints=JOINTS, label="wave", subject=1)


@settings(max_examples=100)
@given(
    content=st.binary(max_size=100)
    | st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8)).map(
        lambda change: WHOLE[: change[0]] + change[1] + WHOLE[change[0] + len(change[1]) :]
    )
    | st.binary(max_size=60).map(lambda content: archive(joints=header((5, 4, 3)) + content))
    | st.binary(max_size=60).map(lambda content: archive(joints=b"\x93NUMPY\x01\x00\x30\x00" + content))
)
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = outcome(tmp_path_factory.getbasetemp() / "npz", content)
    assert isinstance(found, Clip) or found.isprintable()
