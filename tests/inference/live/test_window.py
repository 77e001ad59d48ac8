"""The last frames of a stream against all of them, and what is seen of each id."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgdn.inference.live.window import Window, tracks_by_id


def body(seed: int, V: int = 25) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 0.3, (V, 3)).astype(np.float32)


@given(st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=20), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
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
def test_nobody(people: dict[str, np.ndarray]) -> None:
    window = Window(3, 2)
    window.push(people)
    assert window.frames() == ({},)
    assert tracks_by_id(window.frames()) == []
