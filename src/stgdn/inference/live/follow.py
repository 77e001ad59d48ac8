"""Decide on a stream of frames until it ends, in turn with its frames or beside them in a thread."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread

from stgdn.inference.live.window import Decision, Due, People, SlidingClassifier


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


def follow(
    frames: Iterable[People], classifier: SlidingClassifier, emit: Callable[[Decision, int], None], wait: bool = False
) -> StreamStatistics:
    """Decide on a stream until it ends or is interrupted.

    Args:
        frames: the people of every frame, as they come.
        classifier: makes the decisions.
        emit: called with every decision and the number dropped before it.
        wait: let the frames wait while the network computes; else they are taken in meanwhile, and where decisions are
            due faster than they are made, the oldest are dropped.
    """
    statistics = StreamStatistics()

    def decide(due: Due, dropped: int = 0) -> None:
        decision = classifier.decide(due)
        statistics.latencies.append(decision.latency)
        statistics.seconds = time.perf_counter() - statistics.began
        emit(decision, dropped)

    with suppress(KeyboardInterrupt):
        if wait:
            _take_frames(frames, classifier, decide, statistics)
        else:
            _decide_in_parallel(frames, classifier, decide, statistics)
    return statistics


def _take_frames(
    frames: Iterable[People], classifier: SlidingClassifier, due: Callable[[Due], None], statistics: StreamStatistics
) -> None:
    """Take in all frames; `due` is called with each window that is due for a decision."""
    for people in frames:
        if not statistics.frames:
            statistics.began = time.perf_counter()
        statistics.frames += 1
        if (window := classifier.push(people)) is not None:
            due(window)


def _decide_in_parallel(
    frames: Iterable[People],
    classifier: SlidingClassifier,
    decide: Callable[[Due, int], None],
    statistics: StreamStatistics,
) -> None:
    """Take in frames in a thread, and decide on the newest window that is due; `decide` also gets the number dropped.

    An error of the frames is raised here, after the decisions before it.
    """
    queue: Queue[tuple[Due, int] | BaseException | None] = Queue()  # holds one window at most, then the end

    def replace_newest(window: Due) -> None:
        with suppress(Empty):  # it was taken
            queue.get_nowait()
            statistics.dropped += 1
        queue.put((window, statistics.dropped))

    def take_in() -> None:
        try:
            _take_frames(frames, classifier, replace_newest, statistics)
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    Thread(target=take_in, daemon=True).start()  # a daemon: it may wait for input for ever
    while (taken := queue.get()) is not None:
        if isinstance(taken, BaseException):
            raise taken
        decide(*taken)
