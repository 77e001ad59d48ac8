"""The typical pose and its height, against people put up by hand."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from stgdn.data.store.body_pose import stature, typical_pose
from stgdn.skeleton import COCO17, KINECT20, Layout

# A person seen from the front, across (their left is positive) and up, in metres from the joint `spine`.
STANDING = np.array(
    [
        *((0, -0.1), (0, 0), (0, 0.4), (0, 0.6)),
        *((0.2, 0.4), (0.25, 0.1), (0.25, -0.2), (0.25, -0.3)),
        *((-0.2, 0.4), (-0.25, 0.1), (-0.25, -0.2), (-0.25, -0.3)),
        *((0.1, -0.1), (0.1, -0.5), (0.1, -0.9), (0.1, -1.0)),
        *((-0.1, -0.1), (-0.1, -0.6), (-0.1, -1.1), (-0.1, -1.2)),
    ]
)


def people(count: int = 40) -> NDArray[np.float32]:
    """STANDING anywhere, turned anyhow about the vertical: (count, 20, 3)."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, count)
    across, up = STANDING.T
    joints = np.stack(
        (np.outer(np.cos(angles), across), np.tile(up, (count, 1)), np.outer(np.sin(angles), across)), axis=-1
    )
    return (joints + rng.normal(0, 2, (count, 1, 3))).astype(np.float32)


def test_people_who_face_anywhere_stand_to_the_front() -> None:
    np.testing.assert_allclose(typical_pose(people(), KINECT20), STANDING, atol=1e-5)


def test_missing_joints_and_lost_shoulders_do_not_count() -> None:
    joints = people()
    joints[:5, 4] = np.nan  # no shoulder: this body cannot be turned
    joints[5:30, 7] = np.nan
    joints[:, 15] = np.nan
    pose = typical_pose(joints, KINECT20)
    expected = STANDING.copy()
    expected[15] = np.nan
    np.testing.assert_allclose(pose, expected, atol=1e-5)


def test_a_layout_without_shoulders_is_only_centred() -> None:
    layout = dataclasses.replace(KINECT20, spine=(1, 1), shoulders=(1, 1))
    joints = np.tile(people(1), (3, 1, 1))
    np.testing.assert_allclose(typical_pose(joints, layout), (joints[0] - joints[0, 1])[:, :2], atol=1e-6)


def test_planar_people_are_upright_of_one_size_and_show_their_front() -> None:
    rng = np.random.default_rng(0)
    layout = dataclasses.replace(KINECT20, planar=True)
    front = STANDING * (1, -1)  # in the picture y points down
    sizes = rng.uniform(0.1, 2, 30)[:, None, None]
    backs = np.where(np.arange(30) % 3 == 0, -1, 1)[:, None]
    joints = np.ones((30, 20, 3), np.float32)
    joints[..., :2] = front * sizes + rng.normal(0, 1, (30, 1, 2))
    joints[..., 0] *= backs
    trunk = 0.5  # from joint 0 to joint 2
    np.testing.assert_allclose(typical_pose(joints, layout), STANDING / trunk, atol=1e-3)


def test_bodies_in_one_point_have_no_pose_and_no_warning() -> None:
    pose = typical_pose(np.ones((4, 17, 3), np.float32), COCO17)
    assert np.isnan(pose).all()
    assert np.isnan(stature(np.ones(16), pose, COCO17))


@pytest.mark.parametrize("lengths", [np.ones(19), np.arange(1.0, 20)])
def test_height_goes_from_the_highest_tip_to_the_lowest(lengths: NDArray[np.float64]) -> None:
    bones = dict(zip(KINECT20.bones, lengths.tolist(), strict=True))
    head_to_right_foot = [(3, 2), (2, 1), (1, 0), (16, 0), (17, 16), (18, 17), (19, 18)]
    expected = sum(bones[bone] for bone in head_to_right_foot)
    assert stature(lengths, STANDING, KINECT20) == pytest.approx(expected)


def test_height_needs_two_tips_and_every_bone_between() -> None:
    lengths = np.ones(19)
    lengths[KINECT20.bones.index((17, 16))] = np.nan
    assert np.isnan(stature(lengths, STANDING, KINECT20))
    alone = Layout("alone", ("all",), (), (), 0, (0, 0), (0, 0))
    assert np.isnan(stature([], np.zeros((1, 2)), alone))
