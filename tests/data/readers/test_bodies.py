"""Linking of tracks, choice of bodies, and the frames of a clip."""

import numpy as np
import pytest

from stgdn.data.clip import Clip, ClipError
from stgdn.data.readers.bodies import clip_bodies, drop_empty_frames, keeps_empty_frames, tracks_by_person
from stgdn.data.readers.pose_tracking import GAP, GATE
from stgdn.data.readers.tracks import Track, tracks_of
from stgdn.skeleton import NTU25, OPENPOSE18, Layout


def track(first: int, length: int, place: float, layout: Layout, moving: float = 0.0) -> Track:
    """A body whose joints are spread about a place on the x axis, each found with confidence 0.5."""
    rng = np.random.default_rng(first)
    joints = np.zeros((length, layout.num_joints, 3)) + rng.normal(0, 0.01, (layout.num_joints, 3))
    joints -= joints[:, layout.centre : layout.centre + 1] if not layout.planar else joints.mean(axis=1, keepdims=True)
    joints[..., 0] += place + moving * np.arange(length)[:, None]
    if layout.planar:
        joints[..., 2] = 0.5
    return Track(np.arange(first, first + length), joints)


@pytest.mark.parametrize(
    ("layout", "second", "same"),
    [
        (NTU25, (10, 5, 0.49), True),
        (NTU25, (500, 5, 0.49), True),  # as in NTU RGB+D, where only the place counts
        (NTU25, (10, 5, 0.51), False),
        (NTU25, (9, 5, 0.0), False),  # seen together in a frame
        (OPENPOSE18, (10, 5, 0.99 * GATE), True),
        (OPENPOSE18, (10, 5, 1.01 * GATE), False),
        (OPENPOSE18, (10 + GAP, 5, 0.0), True),
        (OPENPOSE18, (11 + GAP, 5, 0.0), False),
        (OPENPOSE18, (9, 5, 0.0), False),
    ],
)
def test_a_track_goes_on_where_another_ended(layout: Layout, second: tuple[int, int, float], same: bool) -> None:
    tracks = [track(0, 10, 0.0, layout), track(*second, layout)]
    assert tracks_by_person(tracks, layout) == ([[0, 1]] if same else [[0], [1]])
    assert tracks_by_person(tracks[::-1], layout) == ([[1, 0]] if same else [[1], [0]])


def test_joints_that_are_not_found_are_nowhere() -> None:
    one, other = track(0, 10, 0.3, OPENPOSE18), track(10, 5, 0.3, OPENPOSE18)
    one.joints[-1, :12] = 0
    assert tracks_by_person([one, other], OPENPOSE18) == [[0, 1]]
    one.joints[:, :, 2] = 0
    other.joints[:, :, 2] = 0  # all joints moved through a gap
    one.joints[-1] = one.joints[0]
    assert tracks_by_person([one, other], OPENPOSE18) == [[0, 1]]


def test_frames_count_in_which_a_kept_body_is_seen() -> None:
    tracks = [track(2, 4, 0, NTU25, 0.1), track(9, 3, 5, NTU25, 0.3), track(20, 9, -5, NTU25, 0.01)]
    joints, present = clip_bodies(tracks, 2, NTU25)
    assert present.tolist() == [[False] * 4 + [True] * 3, [True] * 4 + [False] * 3]
    np.testing.assert_array_equal(joints[0, 4:], tracks[1].joints.astype(np.float32))
    _, whole = clip_bodies(tracks, 2, NTU25, length=30)
    assert whole.shape == (2, 30)
    assert whole[:, [9, 10, 11]].all(axis=1).tolist() == [True, False]
    assert whole.any(axis=0).sum() == 7


def test_gaps_in_a_picture_have_no_confidence() -> None:
    person = track(0, 6, 0.1, OPENPOSE18, 0.02)
    seen = [0, 1, 4, 5]
    other = track(0, 6, -0.4, OPENPOSE18)
    gappy = Track(np.array(seen), person.joints[seen])
    joints, _ = clip_bodies([other, gappy], 2, OPENPOSE18)
    np.testing.assert_allclose(joints[1, :, :, :2], person.joints[..., :2], atol=1e-6)
    assert (joints[1, :, :, 2] > 0).all(axis=1).tolist() == [True, True, False, False, True, True]


def test_bodies_of_arrays() -> None:
    array = np.zeros((3, 6, 25, 3), np.float32)
    array[0, 2:], array[2, [1, 4]] = 1, 2
    assert [found.frames.tolist() for found in tracks_of(array)] == [[2, 3, 4, 5], [1, 4]]
    with pytest.raises(ClipError, match="no body in any frame"):
        tracks_of(np.zeros((1, 5, 25, 3), np.float32))


def test_empty_frames_of_a_clip() -> None:
    present = np.array([[0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0]], np.bool_)
    joints = np.arange(14, dtype=np.float32).reshape(2, 7, 1, 1) * np.ones((25, 3), np.float32)
    clip = drop_empty_frames(Clip("a", 3, joints, present, subject=5))
    assert clip.present.tolist() == [[True, True, False], [False, False, True]]
    np.testing.assert_array_equal(clip.joints[:, :, 0, 0], [[2, 3, 5], [9, 10, 12]])
    assert (clip.label, clip.subject) == (3, 5)
    assert drop_empty_frames(clip) is clip


def test_only_clips_of_kinetics_hold_empty_frames() -> None:
    readers = "stgdn.data.readers."
    assert keeps_empty_frames({"_target_": f"{readers}kinetics.KineticsReader", "tracking": False})
    assert not keeps_empty_frames({"_target_": f"{readers}ntu.NTUReader", "tracking": True})
    for target in (f"{readers}gone.Reader", f"{readers}ntu.Gone", "os.system", None):
        assert not keeps_empty_frames({"_target_": target})
