"""MATLAB files written here element by element, and by scipy where it is installed."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.data.readers.mat_file import read_array

MOST = 1 << 20
VALUES = np.random.default_rng(0).normal(size=(4, 3, 5))
DOUBLE = 6  # class of an array


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    padding = b"" if kind == 15 else bytes(-len(data) % 8)
    return struct.pack(f"{order}II", kind, len(data)) + data + padding


def variable(
    values: NDArray[np.float64],
    name: str = "x",
    flags: int = DOUBLE,
    order: str = "<",
    kind: tuple[int, str] = (9, "f8"),
) -> bytes:
    shape = struct.pack(f"{order}{values.ndim}i", *values.shape)
    parts = [(6, struct.pack(f"{order}II", flags, 0)), (5, shape), (1, name.encode())]
    numbers = (kind[0], values.ravel(order="F").astype(order + kind[1]).tobytes())
    return element(14, b"".join(element(*part, order) for part in [*parts, numbers]), order)


def file(*variables: bytes, order: str = "<", compressed: bool = True) -> bytes:
    header = b"MATLAB 5.0 MAT-file".ljust(124) + (b"\x00\x01IM" if order == "<" else b"\x01\x00MI")
    packed = [element(15, zlib.compress(one), order) if compressed else one for one in variables]
    return header + b"".join(packed)


WHOLE = file(variable(VALUES))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [True, False])
def test_an_array_among_others(order: str, compressed: bool) -> None:
    others = variable(np.ones((2, 2)), "y", order=order), variable(np.ones((1, 1)), "word", flags=4, order=order)
    content = file(*others, variable(VALUES, order=order), order=order, compressed=compressed)
    found = read_array(content, "x", MOST)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, VALUES)


def test_whole_numbers_are_stored_as_such() -> None:
    numbers = np.arange(-60, 60).reshape(4, 30).astype(np.float64)
    np.testing.assert_array_equal(read_array(file(variable(numbers, kind=(1, "i1"))), "x", MOST), numbers)


def test_data_inside_a_tag() -> None:
    """As MATLAB stores short names and single numbers."""
    short = struct.pack("<HH", 1, 1) + b"x\0\0\0" + struct.pack("<HHI", 2, 1, 7)
    parts = element(6, struct.pack("<II", DOUBLE, 0)) + element(5, struct.pack("<ii", 1, 1)) + short
    assert read_array(file(element(14, parts)), "x", MOST).tolist() == [[7]]


@pytest.mark.parametrize("compressed", [True, False])
def test_what_scipy_writes(compressed: bool) -> None:
    scipy_io = pytest.importorskip("scipy.io", reason="scipy is not installed")
    stream = io.BytesIO()
    scipy_io.savemat(stream, {"note": "text", "x": VALUES, "y": np.eye(3)}, do_compression=compressed)
    np.testing.assert_array_equal(read_array(stream.getvalue(), "x", MOST), VALUES)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a MATLAB file of version 5"),
        (WHOLE[:127], "is not a MATLAB file of version 5"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "is not a MATLAB file of version 5"),
        (WHOLE[:128], "has no variable 'x'"),
        (file(variable(VALUES, "y")), "has no variable 'x'"),
        (WHOLE[:130], "truncated or garbled"),
        (WHOLE[:-40], r"truncated or garbled.*of \d+ bytes"),
        (WHOLE[:128] + element(15, b"no zlib"), "truncated or garbled"),
        (WHOLE[:128] + element(15, zlib.compress(variable(VALUES))[:-40]), "a compressed variable is incomplete"),
        (WHOLE[:128] + element(14, b""), "no flags, dimensions and name"),
        (file(variable(VALUES, flags=4)), "'x' is not an array of real numbers"),
        (file(variable(VALUES, flags=DOUBLE | 1 << 11)), "'x' is not an array of real numbers"),
        (file(variable(VALUES, kind=(14, "f8"))), "'x' is not an array of real numbers"),
        (file(variable(VALUES, kind=(9, "f4"))), r"'x' of shape \[4, 3, 5\] has 30 numbers"),
        (file(variable(np.zeros((1 << 18, 1)))), "has a variable of more than 1 MB"),
    ],
)
def test_bad_files(content: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        read_array(content, "x", MOST)


@settings(max_examples=200)
@given(st.booleans(), st.integers(0, 10_000), st.integers(0, 40), st.binary(max_size=8))
def test_any_damage_is_read_or_rejected(compressed: bool, start: int, length: int, new: bytes) -> None:
    whole = file(variable(VALUES), compressed=compressed)
    at = start % len(whole)
    try:
        found = read_array(whole[:at] + new + whole[at + length :], "x", MOST)
    except ClipError:
        return
    assert found.dtype == np.float64
