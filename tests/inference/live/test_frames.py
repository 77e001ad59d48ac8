"""Lines of JSON as frames, however they are cut up; the mistakes that they may have; a socket of this machine."""

import json
import socket
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stgdn.data.clip import Clip
from stgdn.errors import InputError
from stgdn.inference.live import frames
from stgdn.inference.live.frames import JsonFrames, lines, listen, parse_frame, replay
from stgdn.skeleton import NTU25, layout

STICK = layout({"name": "stick", "joints": ["a", "b"], "bones": [["b", "a"]]})
GOOD = [[0.1, 0.2, 0.3], [1, 2, 3]]


@given(st.lists(st.binary(max_size=6).filter(lambda line: b"\n" not in line), max_size=8), st.integers(1, 9))
def test_lines_are_the_same_however_they_come(whole: list[bytes], size: int) -> None:
    content = b"\n".join(whole)
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    expected = content.split(b"\n")
    assert list(lines(blocks)) == (expected if expected[-1] else expected[:-1])


def test_lines_that_are_too_long_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_LINE_BYTES", 5)
    assert list(lines([b"12345\n123", b"456\n12\n1234567", b"89", b"0", b"1\nab"])) == [
        b"12345",
        None,
        b"12",
        None,
        b"ab",
    ]
    assert list(lines([b"1234567"])) == [None]


def test_a_frame() -> None:
    text = json.dumps({"bodies": [{"id": 7, "joints": GOOD}, {"id": "x", "joints": [[0, 0, 0], [0, 0, 0]]}], "more": 1})
    people = parse_frame(text.encode(), STICK)
    assert set(people) == {7, "x"}
    np.testing.assert_array_equal(people[7], np.array(GOOD, np.float32))
    assert parse_frame(b'{"bodies": []}', STICK) == {}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('{"bodies": [', "not JSON"),
        ("\ud800", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "no list 'bodies'"),
        ('{"bodies": {"id": 1}}', "no list 'bodies'"),
        (json.dumps({"bodies": [0] * 101}), "more than 100 bodies"),
        (json.dumps({"bodies": [{"joints": GOOD}]}), "a body without an 'id', a whole number or a word"),
        (json.dumps({"bodies": [{"id": True, "joints": GOOD}]}), "a body without an 'id', a whole number or a word"),
        (json.dumps({"bodies": [{"id": 1, "joints": GOOD}] * 2}), "an 'id' twice"),
        (json.dumps({"bodies": [{"id": 1, "joints": [GOOD[0]]}]}), "a body of 1 joints, stick has 2"),
        (json.dumps({"bodies": [{"id": 1, "joints": [[1, 2], [3, 4]]}]}), "not a list of 3 numbers each"),
        (json.dumps({"bodies": [{"id": 1, "joints": [[1, 2, 3], [4]]}]}), "not lists of numbers"),
        (json.dumps({"bodies": [{"id": 1, "joints": "joints"}]}), "not lists of numbers"),
        (json.dumps({"bodies": [{"id": 1}]}), "not a list of 3 numbers each"),
        ('{"bodies": [{"id": 1, "joints": [[1, 2, NaN], [1, 2, 3]]}]}', "not finite"),
        ('{"bodies": [{"id": 1, "joints": [[1, 2, 1e300], [1, 2, 3]]}]}', "beyond 60,000"),
    ],
)
def test_lines_that_are_no_frames_are_counted(line: str, kind: str) -> None:
    good = json.dumps({"bodies": [{"id": 1, "joints": GOOD}]}).encode()
    bad = line.encode("utf-8", "surrogatepass")
    stream = JsonFrames([good + b"\n", bad + b"\n\n" + bad + b"\n", good], STICK)
    assert len(list(stream)) == 2
    ((reason, count),) = stream.skipped.items()
    assert kind in reason
    assert count == 2


def test_replaying_gives_the_frames_of_clips() -> None:
    rng = np.random.default_rng(0)
    made = [Clip("", 0, rng.normal(size=(M, 3, 25, 3)).astype("f"), np.ones((M, 3), bool)) for M in (2, 1)]
    seen = list(replay(made, None))
    assert [list(people) for people in seen] == [[(0, 0), (0, 1)]] * 3 + [[(1, 0)]] * 3
    np.testing.assert_array_equal(seen[1][0, 1], made[0].joints[1, 1])
    np.testing.assert_array_equal(seen[5][1, 0], made[1].joints[0, 2])


class TestSocket:
    def test_takes_what_one_program_sends(self) -> None:
        announced: list[str] = []
        blocks = listen("127.0.0.1:0", announced.append)
        host, _, port = announced[0].rpartition(":")

        def send() -> None:
            with socket.create_connection((host, int(port))) as connection:
                for _ in range(3):
                    connection.sendall(json.dumps({"bodies": [{"id": 1, "joints": GOOD}]}).encode() + b"\n")

        sender = Thread(target=send)
        sender.start()
        assert len(list(JsonFrames(blocks, STICK))) == 3
        sender.join()

    def test_a_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 is in use by another program"):
                listen(f"127.0.0.1:{port}", print)

    @pytest.mark.parametrize(
        "address", ["0.0.0.0:80", "5005", "127.0.0.1:", "127.0.0.1:70000", "example.org:80", ":80"]
    )
    def test_only_this_machine(self, address: str) -> None:
        with pytest.raises(InputError, match=r"is not 127\.0\.0\.1:PORT"):
            listen(address, print)


def test_standard_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: Iterator[bytes] = iter([b"a\n", b"b", b""])
    monkeypatch.setattr(frames.os, "read", lambda *_: next(pieces))
    assert list(lines(frames.standard_input())) == [b"a", b"b"]


def test_layout_of_the_message_is_that_of_the_input() -> None:
    stream = JsonFrames([json.dumps({"bodies": [{"id": 1, "joints": GOOD}]}).encode()], NTU25)
    assert list(stream) == []
    assert dict(stream.skipped) == {"a body of 2 joints, ntu25 has 25": 1}
