"""The published preparations, against literal loops and on clips in which they differ from one another.

A literal reference gives (bodies, T, 25, 3) with zeros where it has nobody, as the published functions do.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.data.recordings import Frame, literal, raw

from stgdn.data.clip import ClipError
from stgdn.data.readers.ntu.denoise_published import agcn, ctr_gcn
from stgdn.data.readers.ntu.ntu_reader import DENOISINGS
from stgdn.data.readers.ntu.ntu_text import parse
from stgdn.data.synthetic.demo_set import write_demo

Array = NDArray[np.float64]


class LiteralBody:
    """A body of CTR-GCN's reader: joints pose by pose, and the numbers of their frames."""

    def __init__(self) -> None:
        self.poses: list[Array] = []
        self.interval: list[int] = []
        self.motion = 0.0

    def wide_poses(self) -> list[bool]:
        return [bool(np.ptp(pose[:, 0]) > 0.8 * np.ptp(pose[:, 1])) for pose in self.poses]


def variance(poses: list[Array]) -> float:
    total = 0.0
    for axis in range(3):
        values = [float(joint[axis]) for pose in poses for joint in pose]
        mean = sum(values) / len(values)
        total += sum((value - mean) ** 2 for value in values) / len(values)
    return total


def literal_ctr_gcn(frames: list[Frame]) -> Array | None:
    """CTR-GCN's preparation up to its cleaned skeletons; None where it fails for want of a body."""
    bodies: dict[str, LiteralBody] = {}
    valid = -1
    for frame in frames:
        if not frame:
            continue
        valid += 1
        for name, pose in frame:
            body = bodies.setdefault(name, LiteralBody())
            body.interval.append(body.interval[-1] + 1 if body.interval else valid)
            body.poses.append(pose)
    clip = np.zeros((2, valid + 1, 25, 3))
    if len(bodies) > 1:
        for name in list(bodies):
            bodies[name].motion = variance(bodies[name].poses)
            if len(bodies[name].interval) <= 11:
                del bodies[name]
        if not bodies:
            return None
        literal_spread(bodies)
    (first, *others) = sorted(bodies.values(), key=lambda body: body.motion, reverse=True)
    clip[0, first.interval] = first.poses
    start_1, end_1 = first.interval[0], first.interval[-1]
    start_2, end_2 = 0, 0
    for body in others:
        start, end = body.interval[0], body.interval[-1]
        if min(end_1, end) - max(start_1, start) <= 0:
            clip[0, body.interval] = body.poses
            start_1, end_1 = min(start, start_1), max(end, end_1)
        elif min(end_2, end) - max(start_2, start) <= 0:
            clip[1, body.interval] = body.poses
            start_2, end_2 = min(start, start_2), max(end, end_2)
    return clip[:, [t for t in range(valid + 1) if clip[:, t].any()]]


def literal_spread(bodies: dict[str, LiteralBody]) -> None:
    for name in list(bodies):
        if len(bodies) == 1:
            return
        wide = bodies[name].wide_poses()
        if sum(wide) / len(wide) >= 0.69754:
            del bodies[name]
        elif any(wide):
            upright = [pose for pose, is_wide in zip(bodies[name].poses, wide, strict=True) if not is_wide]
            bodies[name].motion = min(bodies[name].motion, variance(upright))


def literal_agcn(frames: list[Frame]) -> Array | None:
    """2s-AGCN's preparation up to where it fills 300 frames; None where there is nobody."""
    data = np.zeros((4, len(frames), 25, 3))
    for t, frame in enumerate(frames):
        for m, (_, pose) in enumerate(frame):
            if m < 4:
                data[m, t] = pose
    energy = []
    for body in data:
        poses = [pose for pose in body if pose.any()]
        energy.append(sum(float(np.std([pose[:, axis] for pose in poses])) for axis in range(3)) if poses else 0.0)
    first, second = sorted(range(4), key=lambda m: (energy[m], m), reverse=True)[:2]
    clip = data[[first, second]]
    for body in clip:
        if not body[0].any():
            poses = [pose.copy() for pose in body if pose.any()]
            body[:] = 0
            for t, pose in enumerate(poses):
                body[t] = pose
    last = max((t for t in range(len(frames)) if clip[:, t].any()), default=-1)
    return clip[:, : last + 1] if last >= 0 else None


def assert_equal(found: tuple[NDArray[np.float32], NDArray[np.bool_]], expected: Array) -> None:
    """The same bodies in the same frames; what is zero between two frames of a body is bridged."""
    joints, present = found
    bodies = [body for body in expected if body.any()]
    assert joints.shape == (len(bodies), *expected.shape[1:])
    for body, there, published in zip(joints, present, bodies, strict=True):
        seen = [t for t in range(len(published)) if published[t].any()]
        assert np.flatnonzero(there).tolist() == list(range(seen[0], seen[-1] + 1))
        np.testing.assert_allclose(body[seen], published[seen], rtol=1e-6, atol=1e-6)
        assert (body[there] >= published[seen].min(axis=0) - 1e-5).all()
        assert (body[there] <= published[seen].max(axis=0) + 1e-5).all()


def assert_literal(frames: list[Frame]) -> None:
    sightings = parse(raw(frames))
    frames = literal(raw(frames))
    for select, reference in ((ctr_gcn, literal_ctr_gcn), (agcn, literal_agcn)):
        expected = reference(frames)
        if expected is None:
            with pytest.raises(ClipError, match="several bodies, none"):
                select(sightings, 2)
        else:
            assert_equal(select(sightings, 2), expected)


class Actor(NamedTuple):
    """Somebody of a made-up clip: when, where, how restless, upright or from some frame on lying."""

    first: int
    length: int
    place: float = 0.0
    swing: float = 0.1
    lies_from: int = 10_000
    missing: tuple[int, ...] = ()

    def pose(self, t: int) -> Array:
        joints = np.arange(25)
        figure = np.stack([0.25 * np.cos(joints), np.linspace(0.1, 1.8, 25), 3 + 0.1 * np.sin(joints)], axis=-1)
        figure = figure[:, [1, 0, 2]] if t >= self.lies_from else figure
        return figure + np.array([self.place + self.swing * np.sin(t), 0.02 * self.place, 0])

    def there(self, t: int) -> bool:
        return self.first <= t < self.first + self.length and t not in self.missing


def scene(*actors: Actor, frames: int | None = None, swaps: tuple[int, ...] = ()) -> list[Frame]:
    """A frame lists actors in the order given, and in the frames `swaps` in reverse; ids are a, b, ..."""
    frames = max(actor.first + actor.length for actor in actors) if frames is None else frames
    listed = [[(chr(97 + m), a.pose(t)) for m, a in enumerate(actors) if a.there(t)] for t in range(frames)]
    return [frame[::-1] if t in swaps else frame for t, frame in enumerate(listed)]


@st.composite
def scenes(draw: st.DrawFn) -> list[Frame]:
    def actor(place: int) -> Actor:
        first, length = draw(st.integers(0, 30)), draw(st.sampled_from([1, 11, 12, 13, 16, 25]))
        lies_from = draw(st.sampled_from([0, first + length // 4, first + length // 2, 10_000]))
        missing = draw(st.sets(st.integers(first, first + length), max_size=3))
        return Actor(first, length, place, draw(st.floats(0, 2)), lies_from, tuple(missing))

    actors = [actor(place) for place in range(draw(st.integers(1, 6)))]
    return scene(*actors, frames=56, swaps=tuple(draw(st.sets(st.integers(0, 55)))))


@settings(max_examples=50)
@given(scenes().filter(any))
def test_made_up_clips_equal_the_literal_preparations(frames: list[Frame]) -> None:
    assert_literal(frames)


def test_synthetic_clips_equal_the_literal_preparations(tmp_path: Path) -> None:
    write_demo(tmp_path / "demo", subjects=(1, 3), replications=1, actions=(9, 50))
    files = sorted((tmp_path / "demo").glob("*.skeleton"))
    assert len(files) == 12
    for file in files:
        assert_literal(literal(file.read_bytes()))


def select(frames: list[Frame]) -> dict[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Return the result of each method for a clip."""
    return {name: choice(parse(raw(frames)), 2) for name, choice in DENOISINGS.items()}


def shapes(frames: list[Frame]) -> dict[str, tuple[int, ...]]:
    return {name: present.shape for name, (_, present) in select(frames).items()}


def test_one_leaves_and_another_enters() -> None:
    frames = scene(Actor(0, 30), Actor(30, 30, place=2))
    assert shapes(frames) == {"stgdn": (2, 60), "ctr_gcn": (1, 60), "agcn": (1, 60)}


def test_an_id_changes_beside_another_person() -> None:
    """2s-AGCN, which has no ids, exchanges the two where their order in the frame does."""
    other = Actor(0, 60, place=2, swing=0.6)
    frames = scene(Actor(0, 30, swing=0.2), Actor(30, 30), other, swaps=tuple(range(40, 60)))
    found = select(frames)
    for name in ("stgdn", "ctr_gcn"):
        joints, present = found[name]
        assert present.shape == (2, 60)
        assert present.all()
        np.testing.assert_allclose(joints[0], [other.pose(t) for t in range(60)], rtol=1e-6)
    jump = np.abs(np.diff(found["agcn"][0][:, :, 0, 0], axis=1)) > 1.2
    assert [np.flatnonzero(body).tolist() for body in jump] == [[39], [39]]


def test_a_chair() -> None:
    frames = scene(Actor(0, 40), Actor(0, 40, place=2, swing=0, lies_from=0))
    assert shapes(frames) == {"stgdn": (1, 40), "ctr_gcn": (1, 40), "agcn": (2, 40)}


@pytest.mark.parametrize(("length", "kept"), [(10, (1, 1, 2)), (11, (2, 1, 2)), (12, (2, 2, 2))])
def test_a_short_body(length: int, kept: tuple[int, int, int]) -> None:
    found = select(scene(Actor(0, 40), Actor(5, length, place=2)))
    assert tuple(len(present) for _, present in found.values()) == kept


def test_a_gap() -> None:
    """CTR-GCN closes it, so that the body's time is not the clip's any more."""
    still, restless = Actor(0, 40, swing=0), Actor(0, 40, place=2, swing=1, missing=tuple(range(10, 20)))
    found = select(scene(still, restless))
    assert [present.sum(axis=1).tolist() for _, present in found.values()] == [[40, 40], [30, 40], [40, 40]]
    np.testing.assert_allclose(found["ctr_gcn"][0][0, 10], restless.pose(20), rtol=1e-6)
    np.testing.assert_allclose(found["stgdn"][0][0, 20], restless.pose(20), rtol=1e-6)
    np.testing.assert_allclose(found["agcn"][0][0, 20], restless.pose(20), rtol=1e-6)


def test_frames_without_anybody() -> None:
    """2s-AGCN lets the clip begin where the body does and keeps a gap's time."""
    alone = Actor(0, 40, missing=(20, 21, 22))
    assert shapes(scene(alone, frames=45)) == {"stgdn": (1, 37), "ctr_gcn": (1, 37), "agcn": (1, 40)}
    late = Actor(5, 35, missing=(20, 21, 22))
    assert shapes(scene(late)) == {"stgdn": (1, 32), "ctr_gcn": (1, 32), "agcn": (1, 32)}


def test_one_who_comes_late_begins_with_the_clip_in_2s_agcn() -> None:
    first, late = Actor(0, 40, swing=0), Actor(15, 25, place=2, swing=0.9)
    found = select(scene(first, late))
    assert [np.flatnonzero(present[0])[0] for _, present in found.values()] == [15, 15, 0]
    np.testing.assert_allclose(found["agcn"][0][0, 0], late.pose(15), rtol=1e-6)


def test_a_fifth_body_does_not_count_in_2s_agcn() -> None:
    five = [Actor(0, 20, place=m, swing=0.1 * (m + 1)) for m in range(5)]
    found = select(scene(*five))
    for name, (main, second) in {"stgdn": (4, 3), "ctr_gcn": (4, 3), "agcn": (3, 2)}.items():
        np.testing.assert_allclose(found[name][0][:, 7], [five[main].pose(7), five[second].pose(7)], rtol=1e-6)


def test_ctr_gcn_keeps_the_last_of_wide_bodies() -> None:
    """The default keeps the narrowest, here the first, who sits up for some frames."""
    frames = scene(Actor(0, 40, lies_from=8), Actor(5, 35, place=2, lies_from=0))
    assert_literal(frames)
    assert shapes(frames) == {"stgdn": (1, 40), "ctr_gcn": (1, 35), "agcn": (2, 40)}


@pytest.mark.parametrize(("swing", "first"), [(0.85, 1), (1.2, 0)])
def test_ctr_gcn_takes_the_lesser_of_two_spreads(swing: float, first: int) -> None:
    """Someone lies still for half of the clip: the spread of the other half is greater and does not count."""
    frames = scene(Actor(0, 40, swing=swing), Actor(0, 40, place=2, swing=0.8))
    for frame in frames[:20]:
        frame[0] = ("a", Actor(0, 40, lies_from=0, swing=0).pose(0) + np.array([-0.9, 0.9, 0]))
    assert_literal(frames)
    joints, _ = ctr_gcn(parse(raw(frames)), 2)
    np.testing.assert_allclose(joints[0, 30], frames[30][first][1], rtol=1e-6)


def test_2s_agcn_puts_the_later_of_equals_first() -> None:
    frames = scene(Actor(0, 20))
    mirrored = [[*frame, ("b", frame[0][1] * [-1, 1, 1])] for frame in frames]
    assert_literal(mirrored)
    np.testing.assert_allclose(agcn(parse(raw(mirrored)), 2)[0][0, 5], mirrored[5][1][1], rtol=1e-6)


def test_ctr_gcn_gives_a_shared_frame_to_the_one_that_joins_later() -> None:
    """Bodies that share one frame count as one after the other; the restless one is the first actor."""
    before, after = Actor(0, 21, swing=0.9), Actor(20, 20, place=1, swing=0.1)
    joints, present = ctr_gcn(parse(raw(scene(before, after))), 2)
    assert present.shape == (1, 40)
    np.testing.assert_allclose(joints[0, 19], before.pose(19), rtol=1e-6)
    np.testing.assert_allclose(joints[0, 20], after.pose(20), rtol=1e-6)


def test_ctr_gcn_s_second_actor_is_there_from_the_start() -> None:
    """Someone before the second actor therefore has no place."""
    main, second = Actor(0, 60, swing=2), Actor(30, 30, place=2, swing=1)
    joints, present = ctr_gcn(parse(raw(scene(main, second, Actor(0, 20, place=4)))), 2)
    assert np.flatnonzero(present[1]).tolist() == list(range(30, 60))
    assert ctr_gcn(parse(raw(scene(main, second))), 1)[0].shape[0] == 1
    np.testing.assert_allclose(joints[0, 5], main.pose(5), rtol=1e-6)


def test_bodies_of_zeros_are_nobody() -> None:
    zeros = [("z", np.zeros((25, 3)))]
    frames = [zeros + frame for frame in scene(Actor(0, 20))]
    assert shapes(frames) == {"stgdn": (1, 20), "ctr_gcn": (1, 20), "agcn": (1, 20)}
    with pytest.raises(ClipError, match=r"no body among the first 4 bodies of any frame"):
        agcn(parse(raw([4 * zeros + frame for frame in scene(Actor(0, 20))])), 2)
    with pytest.raises(ClipError, match="several bodies, none of them seen in more than 11 frames"):
        ctr_gcn(parse(raw([zeros + frame for frame in scene(Actor(0, 5))])), 2)
