"""Positions of joints as seen by a viewer."""

import numpy as np
from tests.player.conftest import joints_of

from stgdn.data.clip import Clip
from stgdn.player.view import positions, rotate_view
from stgdn.skeleton import COCO17, NTU25


def clip_of(joints: np.ndarray) -> Clip:
    return Clip("", 0, joints, np.asarray(joints.any(axis=(2, 3))))


def test_a_clip_is_seen_as_its_camera_saw_it() -> None:
    joints = joints_of(NTU25, 1, 40)
    found = positions(clip_of(joints), NTU25)
    assert np.abs((np.nanmax(found, axis=(0, 1, 2)) + np.nanmin(found, axis=(0, 1, 2))) / 2).max() < 0.02
    differences = np.diff(joints.astype(np.float64), axis=2)
    np.testing.assert_allclose(np.diff(found, axis=2), differences * (-1, 1, 1), atol=1e-12)


def test_pictures_are_upright_and_wide() -> None:
    joints = joints_of(COCO17, 1, 5)
    joints[0, 2, 4] = 0  # a joint that was not found
    found = positions(clip_of(joints), COCO17)
    assert np.isnan(found[0, 2, 4]).all()
    assert np.isnan(found).sum() == 3
    across = found[0, 0, 1] - found[0, 0, 0]
    given = joints[0, 0, 1].astype(np.float64) - joints[0, 0, 0]
    np.testing.assert_allclose(across, (given[0] * 16 / 9, -given[1], 0), atol=1e-12)


def test_a_joint_at_the_origin_is_there_and_an_absent_body_is_not() -> None:
    joints = joints_of(NTU25, 2, 4)
    joints[0, :, 0] = 0
    joints[1, :2] = 0
    found = positions(clip_of(joints), NTU25)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1, :2]).all()
    assert np.isfinite(found[1, 2:]).all()


def test_turning() -> None:
    right, up, away = np.eye(3)
    # From the right what was away lies to the right, and what was to the right is nearer.
    np.testing.assert_allclose(rotate_view(away, 90, 0), right, atol=1e-12)
    np.testing.assert_allclose(rotate_view(right, 90, 0), -away, atol=1e-12)
    # From above what was away lies higher, and what was up is nearer.
    np.testing.assert_allclose(rotate_view(away, 0, 90), up, atol=1e-12)
    np.testing.assert_allclose(rotate_view(up, 0, 90), -away, atol=1e-12)
    some = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(np.linalg.norm(rotate_view(some, 20, 8), axis=1), np.linalg.norm(some, axis=1))
