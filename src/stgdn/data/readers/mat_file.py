"""Read an array of numbers from a MATLAB file of version 5, as `save` of MATLAB 5 to 7 writes it.

A file is a header of 128 bytes and elements: a tag with type and size, and data padded to 8 bytes. An element of at
most 4 bytes has its data inside its tag. A variable is an element of type `MATRIX`, which consists of elements: flags,
dimensions, name and values in column order; mostly it is compressed by zlib, in an element of type `COMPRESSED`.
"""

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError

HEADER = 128  # bytes
BYTE_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}  # last bytes of the header: version and byte order
NAME, DIMENSIONS, FLAGS, MATRIX, COMPRESSED = 1, 5, 6, 14, 15  # types of elements
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
NUMERIC_CLASSES = range(6, 16)  # double, single, and whole numbers of 8 to 64 bits
COMPLEX = 1 << 11  # a flag of an array


def read_array(content: bytes, name: str, most: int) -> NDArray[np.float64]:
    """Return the array `name` of a file's content, of the shape that it has in MATLAB.

    Args:
        content: of the file.
        name: of the variable.
        most: the most bytes that a variable may have when it is unpacked.

    Raises:
        ClipError: no MATLAB file of version 5, truncated, garbled, too large, or without such an array of numbers.
    """
    order = BYTE_ORDERS.get(content[HEADER - 4 : HEADER])
    if order is None:
        raise ClipError("is not a MATLAB file of version 5 (`save -v7` in MATLAB writes one)")
    try:
        for kind, data in _elements(content[HEADER:], order):
            variable = _elements(_unpack(data, most), order) if kind == COMPRESSED else [(kind, data)]
            for inner_kind, inner in variable:
                if inner_kind == MATRIX and (array := _array(inner, order, name)) is not None:
                    return array
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise ClipError(f"is a truncated or garbled MATLAB file: {error}") from None
    raise ClipError(f"has no variable '{name}'")


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield type and data of each element."""
    at = 0
    while at < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:  # data of at most 4 bytes, inside the tag
            kind, size, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        else:
            start, after = at + 8, at + 8 + size + (0 if kind == COMPRESSED else -size % 8)
        data = content[start : start + size]
        if len(data) < size:
            raise ValueError(f"an element has {len(data)} of {size} bytes")
        yield kind, data
        at = after


def _unpack(data: bytes, most: int) -> bytes:
    """Decompress a variable of at most `most` bytes."""
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(data, most + 1)
    if len(unpacked) > most:
        raise ClipError(f"has a variable of more than {most >> 20} MB")
    if not unpacker.eof:
        raise ValueError("a compressed variable is incomplete")
    return unpacked


def _array(data: bytes, order: str, name: str) -> NDArray[np.float64] | None:
    """Return the array of numbers of this name; None if the variable has another name."""
    elements = list(_elements(data, order))
    kinds = [kind for kind, _ in elements[:3]]
    if kinds != [FLAGS, DIMENSIONS, NAME]:
        raise ValueError("a variable has no flags, dimensions and name")
    if elements[2][1] != name.encode():
        return None
    flags = struct.unpack_from(f"{order}I", elements[0][1])[0]
    kind, values = elements[3]
    if flags & 0xFF not in NUMERIC_CLASSES or flags & COMPLEX or kind not in NUMBERS:
        raise ClipError(f"'{name}' is not an array of real numbers")
    shape = np.frombuffer(elements[1][1], f"{order}i4").tolist()
    numbers = np.frombuffer(values, order + NUMBERS[kind])
    if min(shape, default=-1) < 0 or math.prod(shape) != len(numbers):
        raise ValueError(f"'{name}' of shape {shape} has {len(numbers)} numbers")
    return numbers.astype(np.float64).reshape(shape, order="F")
