"""Pickles that hold data only: containers, numbers, text, bytes and arrays. Loading one runs nothing of its own.

A pickle is a program that may call whatever it names. Here every name it may ask for stands for a function of this file
(`ADMITTED`), which checks what it is given; any other name is refused before anything is called. What numpy writes is
put together from checked pieces, since numpy's own functions trust theirs: a made-up state of an array of objects
is a way into memory. Opcodes that plain data does not need are not there.

This builds on the Python half of the standard library's `pickle` (`pickle._Unpickler`), not on the faster one in C:
there, five bytes that name a large memo index fill the memory.
"""

import math
import mmap
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError

DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|[SU]\d{1,4})", re.ASCII)
PLAIN = (str, bytes, int, float, bool, type(None))
MOST_EMPTY = 1 << 16  # entries of the other axes of an array without any


class RefusedError(Exception):
    """Say what a pickle asked for; the text completes "the file asks for ..."."""


class _Array(np.ndarray):
    """An array that takes no state but that of a plain array."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        _, shape, dtype, fortran, data = _parts(state, 5)
        shape, dtype, data = _check_array(shape, dtype, data)
        super().__setstate__((1, shape, dtype, fortran is True, data))  # pyright: ignore[reportArgumentType]


class _Dtype:
    """Stands for a dtype while numbers and arrays are put together; its byte order comes as a state."""

    __slots__ = ("dtype",)

    def __init__(self, text: object, *_flags: object) -> None:
        if not isinstance(text, str) or not DTYPE.fullmatch(text):
            raise RefusedError(f"an array of {ascii(text)[:40]}, not of numbers or text")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: object) -> None:
        _, order, *structure = _parts(state, 8)
        if order not in ("<", ">", "|", "=") or structure[:3] != [None, None, None]:
            raise RefusedError("an array of records, not of numbers or text")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Name:
    """Stands for an admitted function or class: can be called, but neither changed nor looked into."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *args: object) -> object:
        return self._call(*args)

    def __setstate__(self, state: object) -> None:
        raise RefusedError("a change to a function")


def _parts(state: object, count: int) -> tuple[Any, ...]:
    if not isinstance(state, tuple) or len(state) != count:
        raise RefusedError("an array in a form that numpy does not write")
    return state


def _check_array(shape: object, dtype: object, data: object) -> tuple[tuple[int, ...], np.dtype[Any], bytes]:
    """Check that so many numbers of the dtype are as many bytes as `data` has."""
    if isinstance(data, list):
        raise RefusedError("an array of objects, not of numbers or text")
    if not isinstance(shape, tuple) or not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
        raise RefusedError("an array in a form that numpy does not write")
    if len(shape) > 32 or not all(type(size) is int and size >= 0 for size in shape):
        raise RefusedError("an array of a shape that numpy does not write")
    if not data and math.prod(max(size, 1) for size in shape) > MOST_EMPTY:
        raise RefusedError("an empty array with axes of millions of entries")  # which lists of it would have
    if math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise RefusedError("an array of another size than its data")
    return shape, dtype.dtype, bytes(data)


def _ndarray(*_args: object) -> object:
    """Refuse: `numpy.ndarray` stands in a pickle as an argument, it is never called."""
    raise RefusedError("a bare array, which numpy does not write")


def _reconstruct(*_args: object) -> NDArray[Any]:
    """Return an empty array, which gets shape and content by its state (protocols up to 4)."""
    return _Array((0,), np.int8)


def _frombuffer(data: object, dtype: object, shape: object, order: object = "C") -> NDArray[Any]:
    """Return an array over bytes (protocol 5)."""
    shape, dtype, data = _check_array(shape, dtype, data)
    return _Array(shape, dtype, buffer=data, order="F" if order == "F" else "C")


def _scalar(dtype: object, data: object) -> object:
    """Return a number of numpy as Python's own."""
    return _frombuffer(data, dtype, ()).item()


def _encode(text: object, encoding: object) -> bytes:
    """Return bytes, as protocols up to 2 write them."""
    if not isinstance(text, str) or encoding != "latin1":
        raise RefusedError("text in another encoding than that of bytes")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], _Name] = {
    ("numpy", "ndarray"): _Name(_ndarray),
    ("numpy", "dtype"): _Name(_Dtype),
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Name(_reconstruct) for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Name(_scalar) for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Name(_frombuffer) for core in ("core", "_core")},
    ("_codecs", "encode"): _Name(_encode),
    ("__builtin__", "bytes"): _Name(lambda: b""),  # of protocol 2
    ("collections", "OrderedDict"): _Name(lambda: {}),  # filled afterwards
}

UNNEEDED = (
    *(pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.PERSID),
    *(pickle.BINPERSID, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
)
# Where on the stack the keys are that an opcode puts into a dict or a set.
KEYS = {
    **{pickle.SETITEM: slice(-2, -1), pickle.SETITEMS: slice(None, None, 2), pickle.DICT: slice(None, None, 2)},
    **{pickle.ADDITEMS: slice(None), pickle.FROZENSET: slice(None)},
}


def _check_keys(load: Callable[[Any], None], keys: slice) -> Callable[[Any], None]:
    """Let only plain keys through: to hash a tuple of a million nested ones ends the process."""

    def checked(unpickler: "_Unpickler") -> None:
        if not all(type(key) in PLAIN for key in unpickler.stack[keys]):
            raise RefusedError("a key that is neither text nor a number")
        load(unpickler)

    return checked


PLAIN_OPCODES = {code: load for code, load in pickle._Unpickler.dispatch.items() if bytes([code]) not in UNNEEDED}


class _Unpickler(pickle._Unpickler):
    dispatch = PLAIN_OPCODES | {code[0]: _check_keys(PLAIN_OPCODES[code[0]], keys) for code, keys in KEYS.items()}
    stack: list[Any]

    def find_class(self, module: str, name: str) -> _Name:
        if (module, name) not in ADMITTED:
            raise RefusedError(f"'{ascii(module)[1:-1][:60]}.{ascii(name)[1:-1][:60]}'")
        return ADMITTED[module, name]


def load_plain(path: str | Path) -> object:
    """Load a pickle of plain data.

    Args:
        path: of protocol 0 to 5, written by Python 3 with any numpy.

    Returns:
        Lists, tuples, dicts, sets, numbers, text, bytes and numpy arrays of numbers or text. Scalars of numpy come as
        numbers of Python, an OrderedDict as a dict; arrays may be read-only.

    Raises:
        InputError: the file cannot be read, is truncated or garbled, or asks for anything else; the sentence names
            the function or class it asked for, which is not called.
    """
    try:
        # Mapped, so that a garbled length reads no more than there is.
        with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Unpickler(content).load()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except RefusedError as error:
        raise InputError(
            f"'{path}' asks for {error}: a pickle may run anything, so only plain containers, numbers, text and arrays "
            "of numbers are loaded; get the file from its authors, or write it again from those"
        ) from None
    except Exception as error:  # a garbled pickle fails anywhere, with anything
        what = ascii(str(error))[1:-1][:100] or type(error).__name__
        raise InputError(f"'{path}' is not a pickle that can be read ({what}): get it again") from error
