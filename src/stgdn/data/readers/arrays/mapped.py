"""Arrays of `.npy` and `.npz` files, mapped into memory: of 20 GB only the clip being read is brought in.

An `.npz` is a zip of `.npy` files. `numpy.savez` does not compress them, so an array inside lies in one piece and can
be mapped like a file of its own. Nothing is unpickled, and a header is believed only if the file is as long as it says.
"""

import io
import math
import os
import struct
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.data.readers.raw_files import load_once
from stgdn.errors import InputError

HEADER = 1 << 14  # bytes; numpy refuses headers of more than 10,000
LOCAL = struct.Struct("<4s22xHH")  # a zip's local header: signature, lengths of the name and of the extra field
VERSIONS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def map_array(path: Path, member: str | None = None) -> NDArray[Any]:
    """Map an array of numbers, once in every process.

    Args:
        path: a `.npy` file, or an `.npz` file.
        member: the array's name in the `.npz`, `x_train`.

    Returns:
        A read-only memory map in the shape and the type that its header says.

    Raises:
        InputError: there is no such file or array, it is compressed, truncated, garbled, empty, in Fortran order, or
            of something else than numbers.
    """
    try:
        return _map(path, member)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error


def read_row(array: NDArray[Any], row: int) -> NDArray[np.float32]:
    """Read one row, a clip, into memory as float32.

    Raises:
        ClipError: a number is not finite, or too large for float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array(array[row], dtype=np.float32)
    if not np.isfinite(values).all():
        raise ClipError("NaN or infinite joints")
    return values


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a `.npy` file.

    Returns:
        Shape, whether in Fortran order, and type; `file` is left where the numbers begin.

    Raises:
        Exception: a garbled header fails with anything.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # headers of Python 2 are fine
        version = np.lib.format.read_magic(file)
        if version not in VERSIONS:
            raise ValueError(f"version {version} of the format is for arrays of records")
        return VERSIONS[version](file)


@load_once(maxsize=8)
def _map(path: Path, member: str | None) -> NDArray[Any]:
    what = f"'{path}'" if member is None else f"array '{member}' of '{path}'"
    try:
        with path.open("rb") as file:
            start, size = (0, os.fstat(file.fileno()).st_size) if member is None else _locate(file, member, path)
            file.seek(start)
            head = io.BytesIO(file.read(min(size, HEADER)))
        shape, fortran, dtype = read_header(head)
        _expect_numbers(what, shape, fortran, dtype, size - head.tell())
        return np.memmap(path, dtype, "r", start + head.tell(), shape)
    except InputError:
        raise
    except Exception as error:  # a garbled header or zip fails anywhere, with anything
        reason = ascii(str(error))[1:-1][:100] or type(error).__name__
        raise InputError(f"{what} cannot be read ({reason}): get the file again, or make it again") from error


def _expect_numbers(what: str, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any], size: int) -> None:
    if dtype.kind not in "fiub":
        raise InputError(
            f"{what} is an array of {ascii(str(dtype))[1:-1][:40]}, expected plain numbers such as float32"
        )
    if fortran:
        raise InputError(
            f"{what} is in Fortran order, in which a clip is scattered over the whole file: save it again from "
            "numpy.ascontiguousarray(array)"
        )
    expected = math.prod(shape) * dtype.itemsize
    if min(shape, default=1) < 0 or expected != size:
        told = f"{expected:,}" if abs(expected) < 1 << 63 else "more than any file has"
        raise InputError(
            f"{what} has {size:,} bytes of numbers, its header tells of {told}: it is truncated or garbled, get the "
            "file again, or make it again"
        )
    if not size:
        raise InputError(f"{what} is empty, its shape is {shape}")


def _locate(file: IO[bytes], member: str, path: Path) -> tuple[int, int]:
    """Return the offset of an array in an `.npz`, and its number of bytes."""
    with zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if member not in names:
            there = ", ".join(ascii(name)[1:-1][:40] for name in names[:8]) or "nothing"
            raise InputError(f"'{path}' has no array '{member}', but {there}")
        info = archive.getinfo(archive.namelist()[names.index(member)])
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        raise InputError(
            f"array '{member}' of '{path}' is compressed or encrypted and cannot be mapped: unpack the file, which is "
            f"a zip, into a folder (`python -m zipfile -e {path.name} FOLDER`) and say data.source=FOLDER"
        )
    file.seek(info.header_offset)
    signature, name, extra = LOCAL.unpack(file.read(LOCAL.size))
    start = info.header_offset + LOCAL.size + name + extra
    if signature != b"PK\x03\x04" or start + info.file_size > os.fstat(file.fileno()).st_size:
        raise ValueError("its zip is garbled")
    return start, info.file_size
