"""The last frames of a stream, what is seen of each id, and the decisions on them: when they come, what they are."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stgdn
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.live.window import People, SlidingClassifier, Window, tracks_by_id


@pytest.fixture
def network(run: Path) -> TrainedNetwork:
    return stgdn.load(run)


def body(seed: int, V: int = 25) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 0.3, (V, 3)).astype(np.float32)


@given(st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=20), st.integers(1, 6))
@settings(max_examples=60)
def test_holds_what_was_seen_last(there: list[set[str]], frames: int) -> None:
    window = Window(frames, 2)
    history = [{name: body(10 * t + ord(name)) for name in names} for t, names in enumerate(there)]
    for people in history:
        window.push(people)
    kept = history[-frames:]
    found = window.frames()
    assert [people.keys() for people in found] == [people.keys() for people in kept]
    assert window.pushed == len(history)
    assert window.crowded == sum(len(names) > 2 for names in there)
    tracks = {track.joints.tobytes(): track.frames.tolist() for track in tracks_by_id(found)}
    for name in set().union(*kept):
        seen = [t for t, people in enumerate(kept) if name in people]
        assert tracks.pop(np.stack([kept[t][name] for t in seen]).astype(np.float64).tobytes()) == seen
    assert not tracks


def test_frames_are_its_own() -> None:
    window, joints = Window(3, 1), body(0)
    window.push({"a": joints})
    joints[:] = 0  # as a sensor does that has one place for what it sees
    (frame,) = window.frames()
    np.testing.assert_array_equal(frame["a"], body(0))


@pytest.mark.parametrize("people", [{}, {"a": np.zeros((25, 3), np.float32)}])
def test_a_frame_without_anybody(people: dict[str, np.ndarray]) -> None:
    window = Window(3, 2)
    window.push(people)
    assert window.frames() == ({},)
    assert tracks_by_id(window.frames()) == []


def frames(store: Store, index: int) -> list[People]:
    """The frames of a stored clip."""
    joints = store.joints(index)
    return [dict(enumerate(joints[:, frame])) for frame in range(joints.shape[1])]


def test_a_window_as_long_as_a_clip_decides_as_for_the_clip(network: TrainedNetwork, tiny_store: Store) -> None:
    for index in (0, 40, 80, 160):
        people = frames(tiny_store, index)
        live = SlidingClassifier(network, fps=1, window=len(people), every=len(people))
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
    live = SlidingClassifier(network, fps=20, window=0.5, every=0.25)
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
    live = SlidingClassifier(network, fps=20, window=1, every=1)
    decision = None
    for frame in range(20):
        decision = live({"a": both[0, frame]} | ({"b": both[1, frame]} if frame < 8 else {}))
    assert decision is not None
    assert decision.probabilities is not None
    assert decision.people == 2
    ways = [network.probabilities([order])[0] for order in (both, both[::-1])]
    assert any(np.allclose(decision.probabilities, way, atol=1e-5) for way in ways)


def test_nobody(network: TrainedNetwork) -> None:
    decision = SlidingClassifier(network, every=1 / 30)({})
    assert decision is not None
    assert (decision.label, decision.confidence, decision.people, decision.probabilities) == (None, 0.0, 0, None)


@pytest.mark.parametrize("option", ["fps", "window", "every"])
@pytest.mark.parametrize("value", [0, -1, np.inf, np.nan])
def test_numbers_that_make_no_sense(network: TrainedNetwork, option: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{option}=.* must be a positive number"):
        SlidingClassifier(network, **{option: value})  # pyright: ignore[reportArgumentType]
