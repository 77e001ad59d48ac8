"""A trained network on a stream of frames: at regular steps it classifies the last seconds."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition, Thread

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.inference.fused import Recogniser
from stgdn.inference.live.window import People, Window, tracks_by_id
from stgdn.inference.trained import TrainedNetwork
from stgdn.skeleton import Layout


@dataclass(frozen=True)
class Due:
    """Hold the frames of a window that is due for a decision.

    Attributes:
        time: seconds of input before it.
        frames: the people of every frame of the window.
        arrived: when its last frame came, by `time.perf_counter`.
    """

    time: float
    frames: tuple[People, ...]
    arrived: float


@dataclass(frozen=True)
class Decision:
    """Hold the result for one window: the likeliest class and its probability.

    Attributes:
        time: seconds of input before it.
        label: the likeliest class; None if no body was seen.
        confidence: its probability.
        latency: seconds from the window's last frame to the decision.
        people: number of bodies given to the network, at most as many as it takes.
        probabilities: (classes,), None if no body was seen.
    """

    time: float
    label: str | None
    confidence: float
    latency: float
    people: int
    probabilities: NDArray[np.float32] | None


class SlidingRecogniser:
    """Classifies the last `window` seconds, every `every` seconds of input.

    Call it with the people of every frame; it returns a decision where one is due, else None.

    Args:
        network: one trained network, or several fused.
        fps: frames of the input in a second.
        window: seconds of input for a decision; about as long as the clips that the network was trained on.
        every: seconds from one decision to the next.
        layout: joints of the input; None for those of the run's data.

    Raises:
        InputError: a number that is not positive, or joints that cannot be mapped to the network's.
    """

    def __init__(
        self,
        network: Recogniser,
        *,
        fps: float = 30.0,
        window: float = 2.5,
        every: float = 0.5,
        layout: Layout | None = None,
    ) -> None:
        for name, value in (("fps", fps), ("window", window), ("every", every)):
            if not (0 < value < np.inf):
                raise InputError(f"{name}={value} must be a positive number")
        members = [network] if isinstance(network, TrainedNetwork) else network.members
        self.network, self.fps, self.layout = network, fps, layout or network.layout
        for member in members:
            member.preprocessing.mapping(self.layout)
        self.preprocessing = max((member.preprocessing for member in members), key=lambda made: made.settings.bodies)
        self.window = Window(max(round(window * fps), 2), self.preprocessing.settings.bodies)
        self.stride = max(round(every * fps), 1)

    def __call__(self, people: People) -> Decision | None:
        """Add a frame; return a decision if one is due."""
        due = self.push(people)
        return None if due is None else self.decide(due)

    def push(self, people: People) -> Due | None:
        """Add a frame, which takes microseconds; return the input of `decide` if a decision is due."""
        arrived = time.perf_counter()
        self.window.push(people)
        if self.window.pushed % self.stride:
            return None
        return Due(self.window.pushed / self.fps, self.window.frames(), arrived)

    def decide(self, due: Due) -> Decision:
        """Classify a window, which becomes a clip as a file does."""
        tracks = tracks_by_id(due.frames)
        if not tracks:
            return Decision(due.time, None, 0.0, time.perf_counter() - due.arrived, 0, None)
        clip = self.preprocessing.select(tracks, len(due.frames), self.layout)
        probabilities = self.network.probabilities([clip], self.layout)[0]
        best = int(probabilities.argmax())
        latency = time.perf_counter() - due.arrived
        return Decision(
            due.time, self.network.classes[best], float(probabilities[best]), latency, len(clip.joints), probabilities
        )


@dataclass
class StreamStatistics:
    """Hold statistics of a stream.

    Attributes:
        frames: number of frames.
        seconds: from the first frame to the last decision.
        began: time of the first frame, by `time.perf_counter`.
        latencies: of the decisions, in seconds.
        dropped: decisions that were not made, as the next one was due before.
    """

    frames: int = 0
    seconds: float = 0.0
    began: float = 0.0
    latencies: list[float] = field(default_factory=list)
    dropped: int = 0


class _Slot:
    """Hands the newest due decision from one thread to another; an older one that was not taken yet is dropped."""

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = Condition()
        self._due: Due | None = None
        self._ended: BaseException | bool = False

    def put(self, due: Due) -> None:
        with self._changed:
            self.dropped += self._due is not None
            self._due = due
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        with self._changed:
            self._ended = error or True
            self._changed.notify_all()

    def take(self) -> Due | None:
        """Return the next due decision; None after the last.

        Raises:
            BaseException: what ended the other thread.
        """
        with self._changed:
            while self._due is None and not self._ended:
                self._changed.wait()
            due, self._due = self._due, None
            if due is None and isinstance(self._ended, BaseException):
                raise self._ended
            return due


def follow(
    frames: Iterable[People], recogniser: SlidingRecogniser, emit: Callable[[Decision, int], None], wait: bool = False
) -> StreamStatistics:
    """Decide on a stream until it ends or is interrupted.

    Args:
        frames: the people of every frame, as they come.
        recogniser: makes the decisions.
        emit: called with every decision and the number dropped so far.
        wait: let the frames wait while the network computes; else they are taken in meanwhile, and where decisions are
            due faster than they are made, the oldest are dropped.
    """
    statistics = StreamStatistics()

    def decide(due: Due) -> None:
        decision = recogniser.decide(due)
        statistics.latencies.append(decision.latency)
        statistics.seconds = time.perf_counter() - statistics.began
        emit(decision, statistics.dropped)

    with suppress(KeyboardInterrupt):
        (_decide_in_turn if wait else _decide_in_parallel)(frames, recogniser, decide, statistics)
    return statistics


def _decide_in_turn(
    frames: Iterable[People], recogniser: SlidingRecogniser, decide: Callable[[Due], None], statistics: StreamStatistics
) -> None:
    for people in frames:
        if not statistics.frames:
            statistics.began = time.perf_counter()
        statistics.frames += 1
        if (due := recogniser.push(people)) is not None:
            decide(due)


def _decide_in_parallel(
    frames: Iterable[People], recogniser: SlidingRecogniser, decide: Callable[[Due], None], statistics: StreamStatistics
) -> None:
    slot = _Slot()

    def take_in() -> None:
        error = None
        try:
            _decide_in_turn(frames, recogniser, slot.put, statistics)
        except BaseException as stopped:
            error = stopped
        slot.end(error)

    Thread(target=take_in, daemon=True).start()  # a daemon: it may wait for input for ever
    while (due := slot.take()) is not None:
        statistics.dropped = slot.dropped
        decide(due)
