"""Body selection on constructed bodies: a person is 1.7 m high and 0.5 m wide, and stands where `place` says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stgdn.data.readers.bodies import merge_tracks, motion
from stgdn.data.readers.ntu import denoise
from stgdn.data.readers.ntu.denoise import Sightings, identify, select_bodies
from stgdn.data.readers.tracks import Track
from stgdn.skeleton import NTU25

FIGURE = np.stack([0.25 * np.cos(np.arange(25)), np.linspace(0, 1.7, 25), 0.1 * np.sin(np.arange(25))], axis=-1)


def person(first: int, length: int, place: float = 0.0, swing: float = 0.1, *, lying: bool = False) -> Track:
    """A person seen in `length` frames from `first` on, moving by `swing` metres about x = `place`."""
    frames = np.arange(first, first + length)
    figure = FIGURE[:, [1, 0, 2]] if lying else FIGURE
    shift = np.zeros((length, 1, 3))
    shift[:, 0, 0] = place + swing * np.sin(frames)
    return Track(frames, figure + shift)


def without(track: Track, *missing: int) -> Track:
    keep = ~np.isin(track.frames, missing)
    return Track(track.frames[keep], track.joints[keep])


def sighted(*tracks: Track) -> Sightings:
    """The tracks as a sensor lists them, in every frame in the order given, each with an id of its own."""
    listed = sorted((int(frame), number) for number, track in enumerate(tracks) for frame in track.frames)
    frames, numbers = np.array(listed).T
    joints = [tracks[number].joints[list(tracks[number].frames).index(frame)] for frame, number in listed]
    places = np.arange(len(frames)) - np.searchsorted(frames, frames)
    return Sightings(frames, places, [b"%d" % number for number in numbers], np.array(joints))


def place(track: Track) -> float:
    return float(np.median(track.joints[:, NTU25.centre, 0]))


def test_identify_follows_ids_and_leaves_out_nobody() -> None:
    """An id listed twice in a frame counts once, the first time; a body of zeros is nobody."""
    joints = np.arange(1.0, 8)[:, None, None] * np.ones((25, 3))
    joints[[2, 6]] = 0
    frames, ids = np.array([0, 0, 0, 2, 2, 2, 3]), [b"1", b"2", b"3", b"2", b"1", b"2", b"1"]
    one, two = identify(Sightings(frames, np.array([0, 1, 2, 0, 1, 2, 0]), ids, joints))
    assert (one.frames.tolist(), one.joints[:, 0, 0].tolist()) == ([0, 2], [1, 5])
    assert (two.frames.tolist(), two.joints[:, 0, 0].tolist()) == ([0, 2], [2, 4])


def test_merge_joins_an_id_that_goes_on_where_another_ended() -> None:
    whole = person(0, 40)
    parts = [
        Track(whole.frames[20:], whole.joints[20:]),
        person(0, 40, place=3),
        Track(whole.frames[:18], whole.joints[:18]),
    ]
    merged = merge_tracks(parts, NTU25)
    assert len(merged) == 2
    joined = merged[1] if place(merged[0]) > 1 else merged[0]
    np.testing.assert_array_equal(joined.frames, [*range(18), *range(20, 40)])
    np.testing.assert_array_equal(joined.joints, without(whole, 18, 19).joints)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (person(20, 20, place=0.9), "begins elsewhere"),
        (person(19, 20), "both seen in frame 19"),
        (person(5, 5), "both seen in frames 5 to 9"),
    ],
)
def test_merge_leaves_different_persons_apart(second: Track, why: str) -> None:
    assert len(merge_tracks([person(0, 20), second], NTU25)) == 2, why


def test_merge_takes_the_nearest_and_each_end_only_once() -> None:
    ended = [person(0, 20, place=0.0, swing=0), person(0, 20, place=0.4, swing=0)]
    begun = [person(25, 5, place=0.3, swing=0), person(26, 5, place=0.35, swing=0)]
    merged = merge_tracks([*ended, *begun], NTU25)
    assert [len(track.frames) for track in merged] == [25, 25]
    np.testing.assert_array_equal(merged[1].frames, [*range(20), *range(25, 30)])


@pytest.mark.parametrize(
    ("lengths", "kept"),
    [
        ([50, 10, 11], [50, 11]),
        ([8, 8], [8, 8]),  # a short clip: both are there all the time
        ([8, 4, 5], [8, 5]),
        ([1], [1]),
    ],
)
def test_drop_short(lengths: list[int], kept: list[int]) -> None:
    tracks = [person(0, length, place=index) for index, length in enumerate(lengths)]
    assert [len(track.frames) for track in denoise.drop_short(tracks)] == kept


def test_drop_short_keeps_the_longest_if_all_are_short() -> None:
    tracks = [person(10 * index, length) for index, length in enumerate([6, 9, 9, 3, 5, 5])]
    assert [len(track.frames) for track in denoise.drop_short(tracks)] == [9, 9]


def test_wide_is_wider_than_high() -> None:
    x = np.array([0.79, 0.8, 0.81, 2.0])
    joints = np.zeros((4, 25, 3))
    joints[:, 3, 0], joints[:, 7, 1], joints[:, 9, 2] = x, 1.0, 9.0
    assert denoise.wide(joints).tolist() == [False, False, True, True]


def test_drop_wide_drops_furniture_and_keeps_a_lone_person_lying() -> None:
    standing, chair = person(0, 30), person(0, 30, place=2, lying=True)
    assert denoise.drop_wide([chair, standing]) == [standing]
    assert denoise.drop_wide([chair]) == [chair]


@pytest.mark.parametrize(("lying", "kept"), [(20, 2), (21, 1)])
def test_drop_wide_allows_two_thirds_of_a_body_s_frames(lying: int, kept: int) -> None:
    up, down = person(lying, 30 - lying, place=2), person(0, lying, place=2, lying=True)
    falling = Track(np.arange(30), np.concatenate([down.joints, up.joints]))
    assert len(denoise.drop_wide([falling, person(0, 30)])) == kept


def test_drop_wide_keeps_the_narrowest_of_wide_ones() -> None:
    lying = person(0, 30, lying=True)
    sits_up = Track(lying.frames, np.concatenate([lying.joints[:25], person(0, 5).joints]))
    assert denoise.drop_wide([lying, sits_up]) == [sits_up]


def test_motion_is_the_variance_of_every_joint_over_time() -> None:
    joints = np.random.default_rng(0).normal(size=(12, 25, 3))
    literal = 0.0
    for joint in range(25):
        for axis in range(3):
            values = [float(joints[t, joint, axis]) for t in range(12)]
            mean = sum(values) / 12
            literal += sum((value - mean) ** 2 for value in values) / 12
    assert motion(joints) == pytest.approx(literal)
    assert motion(np.repeat(joints[:1], 12, axis=0)) == pytest.approx(0)


def test_most_active_first() -> None:
    calm, lively, still = (person(0, 30, place=2 * k, swing=s) for k, s in enumerate([0.1, 0.4, 0.0]))
    assert denoise.most_active([calm, lively, still], 2) == [lively, calm]
    assert denoise.most_active([calm], 2) == [calm]


def test_assemble_fills_gaps_and_drops_frames_without_anybody() -> None:
    first = without(person(0, 20), 5, 6, 7, 12)
    second = without(person(3, 10, place=2), 6, 7)
    joints, present = denoise.assemble([first, second])
    times = [t for t in range(20) if t != 6 and t != 7]  # in 6 and 7 nobody is seen; 5 and 12 show the second body
    assert joints.shape == (2, len(times), 25, 3)
    assert joints.dtype == np.float32
    assert present[0].all()
    assert [times[t] for t in np.flatnonzero(present[1])] == [3, 4, 5, 8, 9, 10, 11, 12]
    assert not joints[1][~present[1]].any()
    for body, track in enumerate([first, second]):
        for joint, axis in np.ndindex(25, 3):
            literal = np.interp(times, track.frames, track.joints[:, joint, axis])
            found = joints[body, present[body], joint, axis]
            np.testing.assert_allclose(found, literal[present[body]], rtol=1e-6, atol=1e-6)


def test_select_bodies_in_a_crowd() -> None:
    """Two persons, one of whom changes id, a chair, a flicker and a third, calmer person."""
    actor, partner = person(0, 60, swing=0.3), person(0, 60, place=1.5, swing=0.2)
    tracks = [
        person(0, 60, place=5, swing=0.9, lying=True),
        Track(actor.frames[:30], actor.joints[:30]),
        person(20, 7, place=4, swing=0.9),
        partner,
        Track(actor.frames[32:], actor.joints[32:]),
        person(0, 60, place=3, swing=0.05),
    ]
    joints, present = select_bodies(sighted(*tracks), 2)
    assert present.all()
    assert present.shape == (2, 60)
    seen = np.r_[0:30, 32:60]
    np.testing.assert_allclose(joints[0, seen], actor.joints[seen], rtol=1e-6)
    np.testing.assert_allclose(joints[1], partner.joints, rtol=1e-6)
    assert select_bodies(sighted(*tracks), 3)[0].shape[0] == 3


@st.composite
def crowds(draw: st.DrawFn) -> list[Track]:
    def one() -> Track:
        frames = sorted(draw(st.sets(st.integers(0, 40), min_size=1)))
        noise = np.random.default_rng(draw(st.integers(0, 9))).normal(size=(len(frames), 25, 3))
        joints: NDArray[np.float64] = FIGURE + draw(st.floats(0, 2)) * noise
        return Track(np.array(frames), joints)

    return [one() for _ in range(draw(st.integers(1, 6)))]


@settings(max_examples=100)
@given(crowds(), st.integers(1, 3))
def test_every_crowd_gives_unbroken_bodies_and_no_empty_frame(tracks: list[Track], max_bodies: int) -> None:
    joints, present = select_bodies(sighted(*tracks), max_bodies)
    assert 1 <= len(joints) <= max_bodies
    assert present.any(axis=0).all()
    for body in present:
        frames = np.flatnonzero(body)
        assert len(frames) == frames[-1] - frames[0] + 1
    assert np.isfinite(joints).all()
    assert not joints[~present].any()
