"""Following a stream: which decisions are dropped, what ends it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import stgdn
from stgdn.errors import InputError
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.live.follow import follow
from stgdn.inference.live.window import Decision, Due, People, SlidingClassifier


@pytest.fixture
def network(run: Path) -> TrainedNetwork:
    return stgdn.load(run)


class Slow(SlidingClassifier):
    """Decides only when it is let to."""

    def __init__(self, network: TrainedNetwork) -> None:
        super().__init__(network, fps=1, window=4, every=1)
        self.begun, self.let = threading.Event(), threading.Event()

    def decide(self, due: Due) -> Decision:
        self.begun.set()
        assert self.let.wait(30)
        return Decision(due.time, None, 0.0, 0.0, 0, None)


def test_late_decisions_are_dropped_the_oldest_first(network: TrainedNetwork) -> None:
    live = Slow(network)

    def stream() -> Iterator[People]:
        yield {}
        assert live.begun.wait(30)  # the first is being decided on
        yield from [{}] * 5
        live.let.set()

    made: list[tuple[float, int]] = []
    course = follow(stream(), live, lambda decision, dropped: made.append((decision.time, dropped)))
    assert made == [(1.0, 0), (6.0, 4)]
    assert (course.frames, course.dropped, len(course.latencies)) == (6, 4, 2)


def test_where_frames_wait_nothing_is_dropped(network: TrainedNetwork) -> None:
    live = Slow(network)
    live.let.set()
    made: list[float] = []
    course = follow([{}] * 6, live, lambda decision, _: made.append(decision.time), wait=True)
    assert made == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert course.dropped == 0


@pytest.mark.parametrize("wait", [True, False])
def test_what_goes_wrong_with_the_input_is_told(network: TrainedNetwork, wait: bool) -> None:
    def broken() -> Iterator[People]:
        yield {}
        raise InputError("the cable is out")

    with pytest.raises(InputError, match="the cable is out"):
        follow(broken(), SlidingClassifier(network), lambda *_: None, wait=wait)


def test_an_interruption_ends_it(network: TrainedNetwork) -> None:
    def stop(decision: Decision, dropped: int) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    course = follow([{}] * 40, SlidingClassifier(network), stop, wait=True)
    assert len(course.latencies) == 1
    assert course.frames == 15
