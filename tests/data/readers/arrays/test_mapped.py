"""Arrays mapped from .npy and .npz files: the same as numpy reads them, and never more than the file holds."""

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.data.array_files import forget_files

from stgdn.data.clip import ClipError
from stgdn.data.readers.arrays.mapped import map_array, read_row
from stgdn.errors import InputError

PLAIN = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)


def npy(array: NDArray[Any], **options: object) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)  # pyright: ignore[reportArgumentType]
    return file.getvalue()


def header(text: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + data


def write(folder: Path, content: bytes, name: str = "a.npy") -> Path:
    forget_files()
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i8", "u1", "?"])
@pytest.mark.parametrize("shape", [(7,), (5, 4, 3), (1, 1, 1, 1, 1), ()])
def test_the_same_as_numpy(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = np.array(np.random.default_rng(0).normal(size=shape) * 9, dtype=np.dtype(dtype) if dtype != "u1" else "i1")
    np.savez(tmp_path / "a.npz", first=np.arange(3), second=array, third=np.arange(4))
    for version in ((1, 0), (2, 0)):
        found = map_array(write(tmp_path, npy(array, version=version)))
        assert (found.dtype, found.flags.writeable, type(found)) == (array.dtype, False, np.memmap)
        np.testing.assert_array_equal(found, array)
    found = map_array(tmp_path / "a.npz", "second")
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, array)


def test_an_archive_with_something_before_and_in_its_headers(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        info = zipfile.ZipInfo("x.npy")
        info.extra = b"\x99\x99\x08\x0012345678"
        archive.writestr("folder/y.npy", npy(np.zeros(3)))
        archive.writestr(info, npy(PLAIN))
    path = write(tmp_path, b"something before" + (tmp_path / "a.npz").read_bytes(), "b.npz")
    np.testing.assert_array_equal(map_array(path, "x"), PLAIN)
    np.testing.assert_array_equal(map_array(path, "folder/y"), np.zeros(3))


def test_a_header_of_python_2(tmp_path: Path) -> None:
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (5L, 4L, 3L), }\n"
    np.testing.assert_array_equal(map_array(write(tmp_path, header(text, PLAIN.tobytes()))), PLAIN)


def test_rows(tmp_path: Path) -> None:
    array = map_array(write(tmp_path, npy(PLAIN.astype(np.float64))))
    row = read_row(array, 3)
    assert (type(row), row.dtype, row.flags.writeable) == (np.ndarray, np.float32, True)
    np.testing.assert_array_equal(row, PLAIN[3])
    for wrong in (np.nan, np.inf, 1e300):
        with pytest.raises(ClipError, match="NaN or infinite"):
            read_row(np.full((2, 3), wrong), 1)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read"),
        (b"hello, this is text", "cannot be read.*magic"),
        (npy(PLAIN)[:20], "cannot be read.*EOF"),
        (npy(PLAIN)[:-1], "has 239 bytes of numbers, its header tells of 240: it is truncated"),
        (npy(PLAIN) + b"1", "has 241 bytes"),
        (npy(PLAIN[:0]), r"is empty, its shape is \(0, 4, 3\)"),
        (npy(np.asfortranarray(PLAIN)), r"Fortran order.*numpy\.ascontiguousarray"),
        (npy(np.array([{}, {}]), allow_pickle=True), "an array of object, expected plain numbers"),
        (npy(np.array(["a"])), "an array of <U1"),
        (npy(np.ones(2, np.complex64)), "an array of complex64"),
        (npy(np.ones(2, [("a", "f4")])), "an array of"),
        (npy(np.ones(2, [("ä", "f4")]), version=(3, 0)), "version.*arrays of records"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}"), "0 bytes.*4,000,000,000,000"),
        (header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**400},)}}"), "more than any file"),
        (
            header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -60)}", PLAIN.tobytes()),
            "truncated or garbled",
        ),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}"), "cannot be read"),
        (header("{'descr': '|V2000000000', 'fortran_order': False, 'shape': (1,)}"), "an array of"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': " + 65 * "(" + "1" + 65 * ",)" + "}"), "cannot be"),
        (
            header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({60 * '1,'}{10 * '1,'})}}", b"1234"),
            "cannot be",
        ),
        (header("__import__('os').abort()"), "cannot be read"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + 20_000 * b" ", "cannot be read"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as error:
        map_array(write(tmp_path, content))
    assert "\n" not in str(error.value)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(InputError, match=sentence):
        map_array(tmp_path / "a.npz", "x")


def test_archives_that_are_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez(whole, x=PLAIN, y=PLAIN)
    np.savez_compressed(tmp_path / "small.npz", x=np.zeros(1000))
    with pytest.raises(InputError, match=r"compressed .*python -m zipfile -e small\.npz FOLDER.*data\.source=FOLDER"):
        map_array(tmp_path / "small.npz", "x")
    with pytest.raises(InputError, match="has no array 'z', but x, y"):
        map_array(whole, "z")
    content = whole.read_bytes()
    for broken in (content[:-30], content[: len(content) // 2], b"PK", b""):
        with pytest.raises(InputError, match=r"cannot be read.*zip"):
            map_array(write(tmp_path, broken, "broken.npz"), "x")
    moved = bytearray(content)
    moved[0:4] = b"none"
    with pytest.raises(InputError, match="its zip is garbled"):
        map_array(write(tmp_path, bytes(moved), "moved.npz"), "x")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        map_array(tmp_path / "none.npz", "x")
    with pytest.raises(InputError, match="cannot be read"):
        map_array(tmp_path)


def test_mapping_takes_no_memory(tmp_path: Path) -> None:
    size = 1 << 26
    for path, member in ((tmp_path / "a.npy", None), (tmp_path / "a.npz", "x")):
        if member is None:
            np.lib.format.open_memmap(path, "w+", np.float32, (size // 4,))  # a sparse file
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(tmp_path / "a.npy", "x.npy")
        tracemalloc.start()
        try:
            assert read_row(map_array(path, member), 7) == 0
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


@settings(max_examples=60)
@given(
    content=st.binary(max_size=200)
    | st.text("{}'descr<f4(),:0123456789L -", max_size=80).map(header)
    | st.tuples(st.integers(0, 367), st.integers(0, 255)).map(
        lambda change: npy(PLAIN)[: change[0]] + bytes([change[1]]) + npy(PLAIN)[change[0] + 1 :]
    )
)
def test_any_bytes_are_mapped_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = write(tmp_path_factory.getbasetemp(), content)
    try:
        assert map_array(path).nbytes <= len(content)
    except InputError as error:
        assert str(error).isprintable()  # noqa: PT017


@settings(max_examples=60)
@given(data=st.data())
def test_any_archive_is_mapped_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = io.BytesIO()
    np.savez(file, x=PLAIN)
    content = bytearray(file.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kept = content[data.draw(st.integers(0, 30)) : data.draw(st.integers(0, len(content)))] or content
    path = write(tmp_path_factory.getbasetemp(), bytes(kept), "any.npz")
    try:
        assert map_array(path, "x").nbytes <= len(content)
    except InputError as error:
        assert str(error).isprintable()  # noqa: PT017
