"""The text of raw NTU RGB+D files: against a line-by-line reader, and damaged in every way."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.recordings import ID, NEXT_ID, Frame, literal, raw, walkers

from stgdn.data.clip import ClipError
from stgdn.data.readers.ntu import ntu_text
from stgdn.data.readers.ntu.denoise import Sightings
from stgdn.data.readers.ntu.ntu_text import parse

VALID = raw(walkers([[ID]] * 3 + [[ID, NEXT_ID]] * 3))


def assert_equal(sightings: Sightings, frames: list[Frame]) -> None:
    listed = [(t, place, *body) for t, frame in enumerate(frames) for place, body in enumerate(frame)]
    assert sightings.frames.tolist() == [t for t, _, _, _ in listed]
    assert sightings.positions.tolist() == [place for _, place, _, _ in listed]
    assert [body.decode() for body in sightings.ids] == [body for _, _, body, _ in listed]
    np.testing.assert_array_equal(sightings.joints, [joints for _, _, _, joints in listed])


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from([ID, NEXT_ID, "7"]), max_size=4), min_size=1, max_size=6).filter(any))
def test_parse_equals_the_literal_reader(ids: list[list[str]]) -> None:
    text = raw(walkers(ids))
    assert_equal(parse(text), literal(text))


@pytest.mark.parametrize("space", ["\n", "\r\n", " ", "\t\v", " \n\n "])
def test_any_white_space_will_do(space: str) -> None:
    text = space.join(VALID.decode().split())
    assert_equal(parse((space + text).encode()), literal(VALID))


@pytest.mark.parametrize("number", ["1.25e-05", "-3.0E2", "+0.5", ".5", "2.", "-0", "007", "1.2345678901234567"])
def test_any_way_to_write_a_number(number: str) -> None:
    tokens = VALID.split()
    tokens[12 + 3 * 12 + 1 + 1] = number.encode()  # y of the fourth joint of the first body
    assert parse(b" ".join(tokens)).joints[0, 3, 1] == float(number)


def test_eleven_bodies_in_a_frame() -> None:
    text = raw(walkers([[str(body) for body in range(11)]] * 2))
    assert_equal(parse(text), literal(text))


def test_joints_and_bodies_at_zero_are_kept_as_they_are() -> None:
    (body,) = walkers([[ID, NEXT_ID]])[0][:1]
    body[1][7] = 0
    sightings = parse(raw([[body, (NEXT_ID, np.zeros((25, 3)))]]))
    assert sightings.seen().tolist() == [True, False]
    assert not sightings.joints[0, 7].any()
    assert sightings.joints[0, 8].any()


def test_what_is_not_used_is_not_looked_at() -> None:
    assert_equal(parse(VALID.replace(b"277.4 191.8", b"NaN none")), literal(VALID))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"0\n", "no body in any frame"),
        (b"3\n0\n0\n0\n", "no body in any frame"),
        (raw([[(ID, np.zeros((25, 3)))]]), "no body in any frame"),
        (VALID[: len(VALID) // 2], "ends after 3 of 6 frames"),
        (b"80\n" + b"0\n" * 31, "ends after 31 of 80 frames"),
        (b"1\n1\n" + ID.encode(), "ends after 0 of 1 frames"),
        (b"1\n999999999\n1 2 3", "ends after 0 of 1 frames"),
        (b"999999999\n0\n0\n", "ends after 2 of 999999999 frames"),
        (b"100000" + 100_000 * b"\n0", "has 100000 frames, no clip has more than 20000"),
        (b"9" * 5000, r"'9{20}\.\.\.' stands where the number of frames should"),
        (b"-1\n", "'-1' stands where the number of frames should"),
        (b"1.5\n", "'1.5' stands where the number of frames should"),
        (b"nan\n0\n", "'nan' stands where the number of frames should"),
        (b"2\n0.25\n0\n", "'0.25' stands where the number of bodies should"),
        (b'{"file_name": "a01_s01_e00_v01"}', r"'\{\"file_name\":' stands where the number of frames should"),
        (VALID.replace(b" 277.4", b"abc 277.4", 1), r"abc' is not a number"),
        (VALID.replace(b" 277.4", b"\x00 277.4", 1), r"\\x00' is not a number"),
        (VALID.replace(b"277.4 ", b"", 1), "stands where the number of"),
        (VALID.replace(b"277.4", b"277.4 1", 1), "body with 2 joints, expected 25"),
        (raw([[(ID, np.ones((20, 3)))]]), "body with 20 joints, expected 25"),
        (VALID + b"1 2 3\n", "goes on after its 6 frames, with 3 more values"),
        (raw([[(ID, np.full((25, 3), np.nan))]]), "joint 0 in frame 0 is not finite"),
        (raw([[], [(ID, np.where(np.eye(25, 3, -4) > 0, np.inf, 1.0))]]), "joint 4 in frame 1 is not finite"),
        (raw([[(ID, np.full((25, 3), 1e200))]]), "is not finite"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", r"'\\x89PNG' stands where the number of frames should"),
        (b"1\x00\n0\n", r"'1\\x00' stands where the number of frames should"),
        ("１\n０\n".encode(), "stands where the number of frames should"),
        (b"{" + b"x" * 100, r"'\{x{19}\.\.\.' stands where the number of frames should"),
    ],
)
def test_bad_text(text: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        parse(text)


def test_memory_is_bounded_by_the_text_s_length() -> None:
    """The worst text has numbers of two digits, which take most memory for their length."""
    body = "1 10 0 0 0 0 0 0 0 0 0 25 " + " ".join(["10"] * 300)
    text = f"800 {' '.join([body] * 800)}".encode()
    tracemalloc.start()
    parse(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 25 * len(text)


def parse_or_reject(text: bytes) -> None:
    try:
        sightings = parse(text)
    except ClipError:
        return
    assert sightings.joints.shape == (len(sightings.ids), 25, 3)
    assert np.isfinite(sightings.joints.astype(np.float32)).all()
    assert sightings.seen().any()
    assert sightings.frames.max() < ntu_text.MAX_FRAMES


@settings(max_examples=100)
@given(text=st.binary(max_size=400) | st.text("0123456789 \n.-naif", max_size=400).map(str.encode))
def test_any_bytes_are_read_or_rejected(text: bytes) -> None:
    parse_or_reject(text)


@settings(max_examples=100)
@given(
    start=st.integers(0, len(VALID)),
    length=st.integers(0, 60) | st.integers(0, len(VALID)),
    new=st.binary(max_size=12) | st.sampled_from([b"", b"0", b" 1e39 ", b" nan ", b"\n25\n", b"-1", b" 99999999 "]),
)
def test_any_damage_is_read_or_rejected(start: int, length: int, new: bytes) -> None:
    parse_or_reject(VALID[:start] + new + VALID[start + length :])
