"""The input stream of `src/live.py`: frames of clips that are replayed, or lines of JSON from a pipe or a socket.

A line is a frame, `{"bodies": [{"id": 7, "joints": [[x, y, z], ...]}, ...]}`: V joints in metres, y up (in a picture x,
y and confidence, see docs/data.md). A person who is not listed is absent from the frame.
"""

import errno
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig

from stgdn.data.batches.gather import Float
from stgdn.data.clip import Clip
from stgdn.data.readers.find_clips import FoundClips, find_clips
from stgdn.data.store.checks import FARTHEST
from stgdn.errors import InputError, choose
from stgdn.inference.classifier import Classifier
from stgdn.inference.live.window import People
from stgdn.inference.predictions import expected_of, read_usable
from stgdn.skeleton import Layout

MAX_LINE_BYTES = 1 << 20  # bytes; a frame of two bodies has some 2,000
MAX_PEOPLE = 100
BLOCK = 1 << 16
PACES = ("real", "fast")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Stream:
    """Hold a stream of frames.

    Attributes:
        frames: the people of each frame.
        layout: of the joints.
        skipped: number of invalid lines by kind of mistake, updated while the stream is read.
        may_wait: whether frames may wait for decisions.
    """

    frames: Iterable[People]
    layout: Layout
    skipped: Counter[str]
    may_wait: bool


def open_stream(config: DictConfig, network: Classifier, layout: Layout | None, warn: Callable[[str], None]) -> Stream:
    """Open the stream of `config.input` or `config.listen`.

    Args:
        config: of `conf/live.yaml`.
        network: the network that will classify the stream.
        layout: joints of the input if it does not name them; None for those of the run's data.
        warn: called with each message for the user, one sentence.

    Raises:
        InputError: neither or both are given, or clips of several layouts.
    """
    if (config.input is None) == (config.listen is None):
        raise InputError("say either input=FILE, input=- for standard input, or listen=127.0.0.1:PORT")
    joints, pace = layout or network.layout, choose(config.pace, PACES, "pace")
    if config.listen is not None or config.input == "-":
        if config.listen is None:
            blocks = standard_input()
        else:
            blocks = listen(config.listen, lambda address: warn(f"listening at {address}"))
        frames = JsonFrames(blocks, joints)
        return Stream(frames, joints, frames.skipped, may_wait=False)
    found = find_clips(config.input, config.reader, expected_of(network, layout, config.picture))
    layouts = list(dict.fromkeys(source.reader.layout for source in found.sources))
    if len(layouts) != 1:
        raise InputError(f"{config.input} has clips of {len(layouts)} joint layouts: a stream is of one")
    fps = config.fps if pace == "real" else None
    return Stream(replay(_usable_clips(found, config.scale, warn), fps), layouts[0], Counter(), may_wait=fps is None)


def _usable_clips(found: FoundClips, scale: float, warn: Callable[[str], None]) -> Iterator[Clip]:
    """Yield the clips that can be used; call `warn` for the others.

    Raises:
        InputError: there are none.
    """

    def left_out(name: str, reason: str) -> None:
        warn(f"left out: {name}: {reason}")

    for name, reason in found.left_out:
        left_out(name, reason)
    some = False
    for _, _, clip in read_usable(found, scale, left_out):
        some = True
        yield clip
    if not some:
        raise InputError("no clip can be used, see above")


def replay(clips: Iterable[Clip], fps: float | None) -> Iterator[People]:
    """Yield the frames of clips, one clip after the other; `fps` per second, or as fast as they are read if None."""
    began, count = time.perf_counter(), 0
    for number, clip in enumerate(clips):
        for frame in range(clip.present.shape[1]):
            if fps is not None:
                time.sleep(max(began + count / fps - time.perf_counter(), 0))
            count += 1
            yield {(number, body): joints for body, joints in enumerate(clip.joints[:, frame])}


class BadLineError(Exception):
    """A line is not a frame; the message is the kind of mistake."""


class JsonFrames:
    """Read frames from lines of JSON; invalid lines are skipped and counted.

    Args:
        blocks: bytes as they arrive; b"" ends them.
        layout: of the joints.

    Attributes:
        skipped: number of lines by kind of mistake.
    """

    def __init__(self, blocks: Iterable[bytes], layout: Layout) -> None:
        self.blocks, self.layout = blocks, layout
        self.skipped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[People]:
        """Yield the people of every line that is a frame."""
        for line in lines(self.blocks):
            try:
                if line is None:
                    raise BadLineError(f"more than {MAX_LINE_BYTES:,} bytes")
                if line.strip():
                    yield parse_frame(line, self.layout)
            except BadLineError as error:
                self.skipped[str(error)] += 1


def lines(blocks: Iterable[bytes]) -> Iterator[bytes | None]:
    """Yield the lines of blocks of bytes; None for a line of more than `MAX_LINE_BYTES` bytes, which is not kept."""
    begun, too_long = b"", False
    for block in blocks:
        *whole, begun = (begun + block).split(b"\n")
        for line in whole:
            yield None if too_long or len(line) > MAX_LINE_BYTES else line
            too_long = False
        if len(begun) > MAX_LINE_BYTES:
            begun, too_long = b"", True
    if begun or too_long:
        yield None if too_long else begun


def parse_frame(line: bytes, layout: Layout) -> dict[Hashable, Float]:
    """Parse a line into the joints (V, C) of each person, by id.

    Raises:
        BadLineError: the line is not a frame, or has other joints.
    """
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLineError("not JSON") from None
    bodies = content.get("bodies") if isinstance(content, dict) else None
    if not isinstance(bodies, list) or len(bodies) > MAX_PEOPLE:
        raise BadLineError("no list 'bodies'" if not isinstance(bodies, list) else f"more than {MAX_PEOPLE} bodies")
    people: dict[Hashable, Float] = {}
    for body in bodies:
        name = body.get("id") if isinstance(body, dict) else None
        if type(name) not in (int, str):
            raise BadLineError("a body without an 'id', a whole number or a word")
        if name in people:
            raise BadLineError("an 'id' twice")
        people[name] = _joints(body.get("joints"), layout)
    return people


def _joints(given: object, layout: Layout) -> Float:
    """Return the joints (V, C) of a body."""
    try:
        joints = np.array(given, np.float64)
    except (ValueError, TypeError, OverflowError):
        raise BadLineError("'joints' that are not lists of numbers") from None
    if joints.ndim != 2 or joints.shape[1] != layout.channels:
        raise BadLineError(f"'joints' that are not a list of {layout.channels} numbers each")
    if len(joints) != layout.num_joints:
        raise BadLineError(f"a body of {len(joints)} joints, {layout.name} has {layout.num_joints}")
    if not (np.abs(joints) <= FARTHEST).all():
        raise BadLineError(f"a coordinate that is not finite, or beyond {FARTHEST:,.0f}")
    return joints.astype(np.float32)


def standard_input() -> Iterator[bytes]:
    """Return blocks of standard input as they arrive; unlike `sys.stdin`, a read can be interrupted."""
    return iter(lambda: os.read(0, BLOCK), b"")


def listen(address: str, announce: Callable[[str], None]) -> Iterator[bytes]:
    """Yield what the first client that connects to a port of this machine sends, until it disconnects.

    Clients are not authenticated, so only this machine may connect.

    Args:
        address: `127.0.0.1:PORT`; port 0 is any that is free.
        announce: called with the address once clients can connect.

    Raises:
        InputError: not an address of this machine alone, or a port in use.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if host not in LOOPBACK or not port.isdigit() or int(port) > 65_535:
        raise InputError(
            f"listen={address} is not 127.0.0.1:PORT with a port from 0 to 65535: only this machine may connect"
        )
    try:
        server = socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        used = error.errno == errno.EADDRINUSE
        reason = "is in use by another program" if used else f"cannot be listened to ({error.strerror})"
        raise InputError(f"port {port} of {host} {reason}: give another one, or 0 for any that is free") from None
    announce(f"{host}:{server.getsockname()[1]}")
    return _received(server)


def _received(server: socket.socket) -> Iterator[bytes]:
    """Yield what the first client sends."""
    with server:
        connection, _ = server.accept()
    with connection, suppress(ConnectionError):
        yield from iter(lambda: connection.recv(BLOCK), b"")
