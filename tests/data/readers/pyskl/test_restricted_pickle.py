"""Pickles of plain data load as they are; whatever else is in one is named and not run."""

import builtins
import functools
import operator
import os
import pickle
import pickletools
import subprocess
import warnings
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgdn.data.readers.pyskl.restricted_pickle import ADMITTED, load_plain
from stgdn.errors import InputError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pickles")


def load(folder: Path, content: bytes) -> object:
    path = folder / "file.pkl"
    path.write_bytes(content)
    return load_plain(path)


def equal(found: object, expected: object) -> bool:
    """Equal in types too, but for numpy's numbers, an OrderedDict and the byte order of arrays."""
    if isinstance(expected, np.ndarray) and isinstance(found, np.ndarray):
        native = found.dtype.newbyteorder("="), expected.dtype.newbyteorder("=")
        return native[0] == native[1] and np.array_equal(found, expected)
    if isinstance(expected, np.generic):
        expected = expected.item()
    if isinstance(expected, dict) and isinstance(found, dict):
        return type(found) is dict and equal([*found.items()], [*expected.items()])
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple) and len(found) == len(expected):
        return type(found) is type(expected) and all(map(equal, found, expected))
    return type(found) is type(expected) and found == expected


ARRAYS = [
    *(RNG.normal(size=(2, 3, 4)).astype(kind) for kind in ("f2", "f4", "f8", ">f4", "i8", "u1", "?")),
    np.asfortranarray(RNG.normal(size=(3, 4))),
    RNG.normal(size=(40, 40))[::2, ::3],
    np.zeros((2, 0, 17, 2), np.float32),
    np.array(5.0),
    np.array(["ab", "cdé"]),
    np.array([b"ab", b"c"]),
    RNG.normal(size=(100, 200)),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_loads_as_it_is(tmp_path: Path, protocol: int) -> None:
    shared = np.arange(6, dtype=np.float16)
    shared.flags.writeable = False
    data = {
        "arrays": ARRAYS,
        "numbers": [
            np.float32(1.5),
            np.int64(-3),
            np.bool(True),
            np.str_("é"),
            np.str_(""),
            np.float16(0.5),
            2**80,
            -1.5,
            None,
            True,
        ],
        "bytes": [b"", b"\x00\xff", "", "ü\n"],
        "tuple": ((), (1, "a"), {}, [], {1, 2}, frozenset({"x"})),
        "twice": [shared, shared],
        1: OrderedDict([("b", 1), ("a", 2)]),
    }
    content = pickle.dumps(data, protocol)
    if protocol >= 4:
        assert equal(load(tmp_path, content), data)
    else:  # sets are calls there
        with pytest.raises(InputError, match=r"__builtin__\.(set|frozenset)|builtins\.set"):
            load(tmp_path, content)
        data["tuple"] = data["tuple"][:4]
        assert equal(load(tmp_path, pickle.dumps(data, protocol)), data)


def test_names_of_older_numpy(tmp_path: Path) -> None:
    for protocol in PROTOCOLS:
        new = pickle.dumps([RNG.normal(size=3), np.float32(2)], protocol)
        old = pickletools.optimize(new).replace(b"numpy._core.", b"numpy.core.")
        if protocol >= 4:  # the text's length stands before it, and the frame's
            old = new.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
            old = old.replace(b"\x8c\x13numpy._core.numeric", b"\x8c\x12numpy.core.numeric")
            old = b"\x80" + bytes([protocol]) + old[11:]
        assert old != new
        assert b"_core" not in old
        assert isinstance(load(tmp_path, old), list)


class Call:
    """Pickled as a call."""

    def __init__(self, function: Callable[..., object], *args: object, state: object = None) -> None:
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        (r"(posix|nt)\.system", Call(os.system, "touch ran")),
        (r"(subprocess|commands)\.Popen", Call(subprocess.Popen, ["touch", "ran"])),
        (r"builtin(s|__)\.eval", Call(eval, "open('ran', 'w')")),
        (r"builtin(s|__)\.exec", Call(exec, "open('ran', 'w')")),
        (r"builtin(s|__)\.getattr", Call(getattr, "", "join")),
        (r"builtin(s|__)\.__import__", Call(builtins.__import__, "os")),
        (r"_?io\.open", Call(open, "ran", "w")),
        (r"_?operator\.attrgetter", Call(operator.attrgetter, "system")),
        (r"functools\.partial", Call(functools.partial, print)),
        (r"numpy\.load", Call(np.load, "x.npy", None, True)),
        (r"numpy\.memmap", Call(np.memmap, "ran")),
        (r"builtin(s|__)\.eval", {"annotations": [[Call(OrderedDict, Call(eval, "open('ran', 'w')"))]]}),
        (r"array of 'O8'", np.array([Call(eval, "open('ran', 'w')")], dtype=object)),
        (r"(array of 'O8'|numpy\.)", np.array([1, "a"], dtype=object)),
        (r"(array of 'V5'|array of records)", np.zeros(2, dtype="f4,u1")),
        (r"(array of 'M8'|numpy\.)", np.zeros(2, dtype="M8[s]")),
        (r"numpy\.float64", np.float64),
        (r"collections\.OrderedDict|a change|not a pickle", Call(OrderedDict, state={"a": 1})),
    ],
)
def test_what_it_asks_for_is_named_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int, name: str, content: object
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=name) as error:
        load(tmp_path, pickle.dumps(content, protocol))
    assert "\n" not in str(error.value)
    assert os.listdir() == ["file.pkl"]  # noqa: PTH208


STATES: dict[str, bytes] = {
    "a function's defaults": b"cnumpy.core.multiarray\nscalar\n(N}X\x0c\x00\x00\x00__defaults__)stb.",
    "a function's own dict": b"c_codecs\nencode\n}X\x01\x00\x00\x00aK\x01sb.",
    "a slot of a stand-in": b"cnumpy\ndtype\n(N}X\x05\x00\x00\x00_callK\x01stb.",
    "numpy.ndarray called": b"cnumpy\nndarray\n(K\x01tR.",
    "__builtin__.bytes with an argument": b"c__builtin__\nbytes\n(K\x05tR.",
    "an array state that is no tuple": b"cnumpy.core.multiarray\n_reconstruct\n)RK\x01b.",
    "an encoding that is not latin1": b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.",
    "an extension code": b"\x80\x02\x82\x01.",
    "a persistent id": b"X\x01\x00\x00\x00aQ.",
    "a new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "an old instance": b"(X\x01\x00\x00\x00aios\nsystem\n.",
    "an object built from the stack": b"(cos\nsystem\nX\x01\x00\x00\x00ao.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.base\x93.",
    "a name of lines": b"\x80\x04\x8c\x04a\nb\x1b\x8c\x01c\x93.",
    "a key that is a tuple": b"}(((((tttttK\x01s.",
    "a member that is a tuple": b"\x80\x04\x8f()\x90.",
    "a memo index of four billion": b"Nr\xff\xff\xff\xff.",
    "bytes of four exabytes": b"\x80\x04\x8e\x00\x00\x00\x00\x00\x00\x00\x40a.",
    "a bytearray of four exabytes": b"\x80\x05\x96\x00\x00\x00\x00\x00\x00\x00\x40a.",
    "a frame of four exabytes": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x40N",
    "a protocol to come": b"\x80\x09N.",
    "nothing": b"",
    "no end": b"N",
    "a text file": b"frame_dir,label\nS001,3\n",
    "a zip": b"PK\x03\x04" + bytes(60),
}


@pytest.mark.parametrize("content", STATES.values(), ids=STATES.keys())
def test_made_up_pickles(tmp_path: Path, content: bytes) -> None:
    before = {key: (name, name._call) for key, name in ADMITTED.items()}
    if content == STATES["a memo index of four billion"]:
        assert load(tmp_path, content) is None  # takes no memory
        return
    with pytest.raises(InputError, match=r"asks for|not a pickle that can be read|cannot be read") as error:
        load(tmp_path, content)
    assert str(error.value).isprintable()
    assert {key: (name, name._call) for key, name in ADMITTED.items()} == before


def array_pickle(text: str, state: tuple[object, ...], dtype_state: tuple[object, ...]) -> bytes:
    """An array put together by hand: protocol 2, `_reconstruct`, a dtype and their states."""

    def plain(value: object) -> bytes:
        return pickle.dumps(value, 2)[2:-1]

    dtype = b"cnumpy\ndtype\n" + plain((text, False, True)) + b"R" + plain(dtype_state) + b"b"
    version, shape, fortran, data = state
    rebuilt = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + plain((0,)) + plain("b") + b"tR"
    return b"\x80\x02" + rebuilt + b"(" + plain(version) + plain(shape) + dtype + plain(fortran) + plain(data) + b"tb."


LITTLE = (3, "<", None, None, None, -1, -1, 0)


@pytest.mark.parametrize(
    ("text", "state", "dtype_state"),
    [
        ("O8", (1, (1,), False, [1]), (3, "|", None, None, None, -1, -1, 63)),
        ("i8", (1, (1,), False, [1]), LITTLE),
        ("i8", (1, (2,), False, b"12345678"), LITTLE),
        ("i8", (1, (-1,), False, b"12345678"), LITTLE),
        ("i8", (1, (2**62, 4), False, b""), LITTLE),
        ("i8", (1, (10**9, 0), False, b""), LITTLE),
        ("S0", (1, (10**9,), False, b""), (3, "|", None, None, None, 0, 1, 0)),
        ("i8", (1, (True,), False, b"12345678"), LITTLE),
        ("i8", (1, "1", False, b"12345678"), LITTLE),
        ("i8", (1, (1,), False, "12345678"), LITTLE),
        ("i8", (1, (1,) * 40, False, b"12345678"), LITTLE),
        ("i8", (1, (1,), False, b"12345678"), (3, "<", None, ("a",), {"a": (1, 0)}, 8, 1, 27)),
        ("i8", (1, (1,), False, b"12345678"), (3, "O", None, None, None, -1, -1, 0)),
        ("i8", (1, (1,), False, b"12345678"), (3, "<", 1)),
        ("V8", (1, (1,), False, b"12345678"), LITTLE),
        ("O", (1, (1,), False, b"12345678"), LITTLE),
        ("i8,i8", (1, (1,), False, b"12345678" * 2), LITTLE),
    ],
)
def test_arrays_put_together_by_hand(
    tmp_path: Path, text: str, state: tuple[object, ...], dtype_state: tuple[object, ...]
) -> None:
    good = load(tmp_path, array_pickle("i8", (1, (1,), False, b"\x05" + bytes(7)), LITTLE))
    assert equal(good, np.array([5], "<i8"))
    with pytest.raises(InputError, match=r"asks for an( empty)? array"):
        load(tmp_path, array_pickle(text, state, dtype_state))
    assert np.dtype("i8").str == "<i8"


def test_bytes_outside_the_file(tmp_path: Path) -> None:
    content = pickle.dumps(RNG.normal(size=9), 5, buffer_callback=[].append)
    with pytest.raises(InputError, match="not a pickle that can be read"):
        load(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pkl", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            load_plain(path)


VALID = [
    pickle.dumps({"split": {"train": ["a"]}, "annotations": [{"keypoint": ARRAYS[0], "n": 3}]}, p) for p in PROTOCOLS
]


@settings(max_examples=300)
@given(content=st.binary(max_size=60), protocol=st.integers(0, 5))
def test_garbage(scratch: Path, content: bytes, protocol: int) -> None:
    for start in (b"", b"\x80" + bytes([protocol])):
        try_load(scratch, start + content + b".")


@settings(max_examples=300)
@given(valid=st.sampled_from(VALID), at=st.integers(0, 1000), length=st.integers(0, 20), new=st.binary(max_size=6))
def test_damage(scratch: Path, valid: bytes, at: int, length: int, new: bytes) -> None:
    at %= len(valid)
    try_load(scratch, valid[:at] + new + valid[at + length :])


@pytest.mark.parametrize("valid", VALID)
def test_truncation(tmp_path: Path, valid: bytes) -> None:
    for length in range(0, len(valid), 3):
        with pytest.raises(InputError):
            load(tmp_path, valid[:length])


def try_load(folder: Path, content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a number with a suffix, an escape: the text opcodes warn of them
        with suppress(InputError):
            load(folder, content)
