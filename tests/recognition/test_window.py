"""The ring buffer against one that keeps everything; people who come and go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgdn.recognition.window import Window
from stgdn.skeleton import NTU25, OPENPOSE18


def body(seed: int, V: int = 25) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 0.3, (V, 3)).astype(np.float32)


@given(st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=20), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_holds_what_was_seen_last(there: list[set[str]], frames: int) -> None:
    window = Window(frames, 3, NTU25)
    history = [{name: body(10 * t + ord(name)) for name in names} for t, names in enumerate(there)]
    for people in history:
        window.push(people)
    kept, zeros = history[-frames:], np.zeros((25, 3), np.float32)
    expected = [np.stack([people.get(name, zeros) for people in kept]) for name in "abc"]
    expected = [track for track in expected if track.any()]
    found = window.joints()
    assert found.shape == (len(expected), len(kept), 25, 3)
    assert {track.tobytes() for track in found} == {track.tobytes() for track in expected}
    assert window.aside == 0


def test_the_most_active_body_is_first() -> None:
    still, moving = body(0), body(1)
    window = Window(10, 2, NTU25)
    for t in range(10):
        people = {"still": still + np.float32(0.01 * (t % 2)), "moving": moving + np.float32(0.2 * t)}
        window.push(people if t < 8 else {"still": still})
    first, second = window.joints()
    np.testing.assert_array_equal(first[0], moving)
    assert not first[8:].any()
    np.testing.assert_array_equal(second[8], still)


def test_in_a_picture_the_surest_body_is_first() -> None:
    window = Window(4, 2, OPENPOSE18)
    for confidence in ((0.2, 0.9), (0.3, 0.8)):
        people = {number: body(number, 18) for number in range(2)}
        for number, joints in people.items():
            joints[:, 2] = confidence[number]
        window.push(people)
    np.testing.assert_array_equal(window.joints()[0][0, :, :2], body(1, 18)[:, :2])


def test_a_newcomer_takes_the_slot_of_who_is_away_longest() -> None:
    window = Window(20, 2, NTU25)
    for names in (["a", "b"], ["b"], [], ["c"]):
        window.push({name: body(ord(name)) for name in names})
    tracks = window.joints()
    assert {track.tobytes() for track in tracks[:, 3:]} == {
        body(ord("c"))[None].tobytes(),
        np.zeros((1, 25, 3), np.float32).tobytes(),
    }
    kept = next(track for track in tracks if not track[3].any())
    np.testing.assert_array_equal(kept[0], body(ord("b")))
    assert window.aside == 0
    window.push({name: body(ord(name)) for name in "bcd"})
    assert window.aside == 1
    assert len(window.joints()) == 2


@pytest.mark.parametrize("people", [{}, {"a": np.zeros((25, 3), np.float32)}])
def test_nobody(people: dict[str, np.ndarray]) -> None:
    window = Window(3, 2, NTU25)
    window.push(people)  # pyright: ignore[reportArgumentType]
    assert window.joints().shape == (0, 1, 25, 3)
