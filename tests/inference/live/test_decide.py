"""Decisions on a stream: what a clip's own prediction is, when they come, and which are dropped."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import stgdn
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.inference.live.decide import Decision, Due, SlidingRecogniser, follow
from stgdn.inference.live.window import People
from stgdn.inference.trained import TrainedNetwork


@pytest.fixture
def network(run: Path) -> TrainedNetwork:
    return stgdn.load(run)


def frames(store: Store, index: int) -> list[People]:
    """The frames of a stored clip."""
    joints = store.joints(index)
    return [dict(enumerate(joints[:, frame])) for frame in range(joints.shape[1])]


def test_a_window_as_long_as_a_clip_decides_as_for_the_clip(network: TrainedNetwork, tiny_store: Store) -> None:
    for index in (0, 40, 80, 160):
        people = frames(tiny_store, index)
        live = SlidingRecogniser(network, fps=1, window=len(people), every=len(people))
        decisions = [live(each) for each in people]
        assert decisions[:-1] == [None] * (len(people) - 1)
        decision = decisions[-1]
        assert decision is not None
        assert decision.probabilities is not None
        expected = network.probabilities([tiny_store.joints(index)])[0]
        np.testing.assert_allclose(decision.probabilities, expected, atol=1e-5)
        assert decision.label == network.classes[int(expected.argmax())]
        assert decision.confidence == pytest.approx(expected.max(), abs=1e-5)
        assert decision.time == len(people)


def test_decisions_come_every_so_often_and_look_back_so_far(network: TrainedNetwork, tiny_store: Store) -> None:
    people = frames(tiny_store, 0)[:30]
    live = SlidingRecogniser(network, fps=20, window=0.5, every=0.25)
    decisions = [(number, made) for number, each in enumerate(people, 1) if (made := live(each))]
    assert [number for number, _ in decisions] == [5, 10, 15, 20, 25, 30]
    assert [made.time for _, made in decisions] == [0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    last = decisions[-1][1].probabilities
    assert last is not None
    np.testing.assert_allclose(last, network.probabilities([tiny_store.joints(0)[:, 20:30]])[0], atol=1e-5)


def test_an_absent_person_is_zeros(network: TrainedNetwork, tiny_store: Store) -> None:
    joints = tiny_store.joints(0)[:1, :20]
    both = np.concatenate([joints, joints + 0.5])
    both[1, 8:] = 0
    live = SlidingRecogniser(network, fps=20, window=1, every=1)
    decision = None
    for frame in range(20):
        decision = live({"a": both[0, frame]} | ({"b": both[1, frame]} if frame < 8 else {}))
    assert decision is not None
    assert decision.probabilities is not None
    assert decision.people == 2
    ways = [network.probabilities([order])[0] for order in (both, both[::-1])]
    assert any(np.allclose(decision.probabilities, way, atol=1e-5) for way in ways)


def test_nobody(network: TrainedNetwork) -> None:
    decision = SlidingRecogniser(network, every=1 / 30)({})
    assert decision is not None
    assert (decision.label, decision.confidence, decision.people, decision.probabilities) == (None, 0.0, 0, None)


@pytest.mark.parametrize("option", ["fps", "window", "every"])
@pytest.mark.parametrize("value", [0, -1, np.inf, np.nan])
def test_numbers_that_make_no_sense(network: TrainedNetwork, option: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{option}=.* must be a positive number"):
        SlidingRecogniser(network, **{option: value})  # pyright: ignore[reportArgumentType]


class Slow(SlidingRecogniser):
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
        follow(broken(), SlidingRecogniser(network), lambda *_: None, wait=wait)


def test_an_interruption_ends_it(network: TrainedNetwork) -> None:
    def stop(decision: Decision, dropped: int) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    course = follow([{}] * 40, SlidingRecogniser(network), stop, wait=True)
    assert len(course.latencies) == 1
    assert course.frames == 15
