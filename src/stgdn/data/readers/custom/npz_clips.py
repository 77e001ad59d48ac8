"""Read clips from `.npz`: NumPy arrays, unpacked and read within bounds, whatever their headers claim."""

import io
import math
import warnings
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.data.readers.arrays.mapped import read_header
from stgdn.data.readers.custom.recording import (
    METADATA_KEYS,
    MOST_BYTES,
    MOST_NUMBERS,
    Body,
    Recording,
    expect_size,
    quoted,
)
from stgdn.data.readers.raw_files import BROKEN, METHODS
from stgdn.skeleton import Layout


def read_npz(content: bytes, layout: Layout) -> Recording:
    """Read `joints` (T, V, D) or (M, T, V, D), `confidence` (the same without D) and metadata, by `METADATA_KEYS`.

    In the picture D is 2, or 3 with the confidence last.

    Raises:
        ClipError: not an `.npz`, no array `joints`, another shape or type, or larger than a clip may be.
    """
    arrays = read_arrays(content)
    joints, sure = _numbers(arrays["joints"], "joints"), None
    if "confidence" in arrays:
        sure = _numbers(arrays["confidence"], "confidence")
    elif layout.planar and joints.shape[-1:] == (3,):
        joints, sure = joints[..., :2], joints[..., 2]
    joints = _shaped(joints, layout)
    sure = np.ones(joints.shape[:3]) if sure is None else sure[None] if sure.ndim == 2 else sure
    if sure.shape != joints.shape[:3]:
        raise ClipError(f"'confidence' has the shape {sure.shape}, expected {joints.shape[:3]}")
    frames = np.arange(joints.shape[1])
    metadata = {key: _metadata(arrays[key], key) for key in METADATA_KEYS if key in arrays}
    return Recording([Body(frames, *body) for body in zip(joints, sure, strict=True)], metadata)


def read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an `.npz` that count, at least `joints`."""
    if not content.startswith(b"PK"):  # numpy would read other files, too
        raise ClipError("is no .npz that can be read")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            members = archive.zip.namelist()
            if "joints.npy" not in members:
                there = ", ".join(quoted(name.removesuffix(".npy")) for name in members[:8])
                raise ClipError(f"has no array 'joints', but {there or 'nothing'}")
            wanted = [key for key in ("joints", "confidence", *METADATA_KEYS) if f"{key}.npy" in members]
            for key in wanted:
                _expect_array(archive.zip, key)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # headers of Python 2 are fine
                return {key: archive[f"{key}.npy"] for key in wanted}
    except BROKEN as error:
        raise ClipError(f"is no .npz that can be read: {quoted(error)}") from error


def _expect_array(archive: zipfile.ZipFile, key: str) -> None:
    """Check that a member is an array of numbers or text, as long as its header says and not too long."""
    member = archive.getinfo(f"{key}.npy")
    if member.file_size > MOST_BYTES:
        raise ClipError(f"'{key}' has more than {MOST_BYTES >> 20} MB")
    if member.compress_type not in METHODS:
        raise ClipError(f"'{key}' is compressed in another way than by numpy.savez_compressed: save it with that")
    with archive.open(member) as file:
        try:
            shape, _, dtype = read_header(file)
        except Exception as error:  # a garbled header fails anywhere, with anything
            raise ClipError(f"'{key}' is no array that can be read: {quoted(error)}") from error
        size, count = member.file_size - file.tell(), math.prod(shape)
    if dtype.kind not in "fiuU":
        raise ClipError(f"'{key}' is an array of {quoted(dtype)}, expected numbers")
    if min(shape, default=1) < 0 or count * dtype.itemsize != size:
        raise ClipError(f"'{key}' is truncated or garbled: its header says something else than the file has")
    if count > MOST_NUMBERS:
        raise ClipError(f"'{key}' has more than {MOST_NUMBERS:,} numbers")


def _numbers(given: NDArray[Any], key: str) -> NDArray[np.float64]:
    if given.dtype.kind not in "fiu":
        raise ClipError(f"'{key}' is an array of {quoted(given.dtype)}, expected numbers")
    with np.errstate(all="ignore"):
        return given.astype(np.float64)


def _shaped(joints: NDArray[np.float64], layout: Layout) -> NDArray[np.float64]:
    """Return joints as (M, T, V, D)."""
    V, D = layout.num_joints, 2 if layout.planar else 3
    if joints.ndim not in (3, 4) or joints.shape[-2:] != (V, D):
        raise ClipError(
            f"'joints' has the shape {joints.shape}, expected (frames, {V}, {D}) or (bodies, frames, {V}, {D}) for "
            f"layout {layout.name}"
        )
    joints = joints[None] if joints.ndim == 3 else joints
    expect_size(*joints.shape[:2])
    return joints


def _metadata(given: NDArray[Any], key: str) -> str | int:
    try:
        if given.size == 1 and given.dtype.kind != "f":
            return given.item()
    except (ValueError, SystemError):  # characters that do not exist
        pass
    raise ClipError(f"'{key}' is not one whole number" + (" or class name" if key == "label" else ""))
