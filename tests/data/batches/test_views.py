"""Alignment, turns, placing and the moving camera against textbook matrices and loops."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data.literal import all_packed, in_order, literal_camera, near, packed, seen_in, turn_about

from stgdn.data.batches.views import CAMERA, alignment, camera_path, centre_and_rotate, move_camera, rotations
from stgdn.skeleton import KINECT20, LAYOUTS, NTU25, Layout

SEED = np.random.default_rng(0)
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


def assert_turns(matrices: NDArray) -> None:
    """Orthonormal, and no mirror images."""
    near(matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), matrices.shape))
    near(np.linalg.det(matrices.astype(float)), np.ones(len(matrices)))


class TestAlignment:
    @pytest.mark.parametrize("layout", [NTU25, KINECT20], ids=lambda layout: layout.name)
    @pytest.mark.parametrize("align", ["turn", "body"])
    def test_brings_the_shoulders_along_x(self, layout: Layout, align: str) -> None:
        pose = SEED.normal(size=(50, layout.num_joints, 3)).astype(np.float32)
        matrices = alignment(pose, layout, align)
        assert_turns(matrices)
        (right, left), (low, high) = layout.shoulders, layout.spine
        for n in range(len(pose)):
            across = matrices[n].T.astype(float) @ (pose[n, left] - pose[n, right])
            up = matrices[n].T.astype(float) @ (pose[n, high] - pose[n, low])
            assert across[0] > 0
            assert across[2] == pytest.approx(0, abs=1e-5)
            if align == "body":
                near(up, [0, np.linalg.norm(pose[n, high] - pose[n, low]), 0], atol=1e-5)
            else:
                near((pose[n] @ matrices[n])[:, 1], pose[n, :, 1])

    def test_a_person_facing_the_camera_is_turned_half_round_or_not_at_all(self) -> None:
        pose = np.zeros((2, 25, 3), np.float32)
        pose[:, NTU25.spine[1], 1] = 0.3
        pose[0, NTU25.shoulders[1], 0] = pose[1, NTU25.shoulders[0], 0] = 0.4
        for align in ("turn", "body"):
            near(alignment(pose, NTU25, align), [np.eye(3), np.diag([-1, 1, -1])])

    @pytest.mark.parametrize("align", ["turn", "body"])
    def test_of_a_degenerate_pose_is_no_turn(self, align: str) -> None:
        right, left = NTU25.shoulders
        low, high = NTU25.spine
        pose = np.tile(SEED.normal(size=(25, 3)), (4, 1, 1)).astype(np.float32)
        pose[0] = 0
        pose[1, left] = pose[1, right]
        pose[2, high] = pose[2, low] + np.array([0, 0.5, 0])  # shoulders along the spine, and this one upright
        pose[2, left] = pose[2, right] + np.array([0, 0.25, 0])
        pose[3, high] = pose[3, low] + np.array([0, 0.5, 0])
        pose[3, left] = pose[3, right] + np.array([0, 0.25, 5e-4])  # half a millimetre says nothing about the front
        np.testing.assert_array_equal(alignment(pose, NTU25, align), np.broadcast_to(np.eye(3), (4, 3, 3)))

    def test_body_without_a_spine_is_no_turn(self) -> None:
        pose = SEED.normal(size=(1, 25, 3)).astype(np.float32)
        pose[:, NTU25.spine[1]] = pose[:, NTU25.spine[0]]
        np.testing.assert_array_equal(alignment(pose, NTU25, "body"), np.eye(3)[None])


class TestRotations:
    def test_is_about_x_then_y_then_z(self) -> None:
        angles = SEED.uniform(-180, 180, (20, 3))
        matrices = rotations(angles)
        assert_turns(matrices)
        points = SEED.normal(size=(20, 7, 3))
        for n, (x, y, z) in enumerate(angles):
            turn = turn_about(2, z) @ turn_about(1, y) @ turn_about(0, x)
            near(points[n] @ matrices[n], [turn @ point for point in points[n]])

    @pytest.mark.parametrize(
        ("angles", "images"),
        [
            ((90, 0, 0), ([1, 0, 0], [0, 0, 1], [0, -1, 0])),
            ((0, 90, 0), ([0, 0, -1], [0, 1, 0], [1, 0, 0])),
            ((0, 0, 90), ([0, 1, 0], [-1, 0, 0], [0, 0, 1])),
            ((90, 90, 0), ([0, 0, -1], [1, 0, 0], [0, -1, 0])),
        ],
    )
    def test_by_right_angles(self, angles: tuple[int, ...], images: tuple[list[int], ...]) -> None:
        near(np.eye(3) @ rotations(np.array([angles]))[0], images)


class TestPlace:
    @every_layout
    @pytest.mark.parametrize("turned", [False, True])
    def test_equals_the_loops(self, layout: Layout, turned: bool) -> None:
        joints, poses = all_packed(layout)
        origin = SEED.normal(size=(len(joints), 3)).astype(np.float32)
        turn = rotations(SEED.uniform(-180, 180, (len(joints), 3))) if turned else None
        centre_and_rotate(poses, origin, turn)
        found = poses.to_dense()
        for n, one in enumerate(in_order(layout)):
            matrix = np.eye(3) if turn is None else turn[n].astype(float)
            for m, t in np.argwhere(one.present):
                near(found[n, m, t], [(joint - origin[n]).astype(float) @ matrix for joint in joints[n, m, t]], 5e-6)
        assert not found[~seen_in(in_order(layout))].any()

    def test_a_body_on_the_origin_stays_seen(self) -> None:
        joints = SEED.normal(size=(1, 1, 4, 25, 3)).astype(np.float32)
        joints[..., NTU25.centre, :] = joints[:, 0, 0, NTU25.centre]
        poses = packed(joints, np.ones((1, 1, 4), bool))
        centre_and_rotate(poses, joints[:, 0, 0, NTU25.centre], None)
        assert not poses.to_dense()[..., NTU25.centre, :].any()
        assert poses.to_dense().any(axis=(3, 4)).all()


class TestMovingCamera:
    @every_layout
    def test_equals_the_loops(self, layout: Layout) -> None:
        joints, _ = all_packed(layout)
        joints[:, :, :, 2] = 0  # a joint that was not found; in space a place like any other
        poses = packed(joints, seen_in(in_order(layout)))
        random_numbers = SEED.random((len(joints), 6))
        move_camera(poses, random_numbers, layout)
        expected = [literal_camera(joints[n].astype(float), random_numbers[n], layout) for n in range(len(joints))]
        near(poses.to_dense(), expected, atol=5e-6)
        assert poses.to_dense()[..., 2, :].any() != layout.planar
        np.testing.assert_array_equal(poses.to_dense()[..., 2], joints[..., 2])

    def test_goes_from_one_drawn_end_to_the_other(self) -> None:
        path = camera_path(SEED.random((3000, 6)), 30)
        assert path.shape == (4, 3000, 30)
        np.testing.assert_allclose(np.diff(path, n=2, axis=2), 0, atol=1e-12)
        for key, choices in enumerate(CAMERA):
            for end in (0, -1):
                values, counts = np.unique(path[key, :, end], return_counts=True)
                assert values.tolist() == list(choices)
                np.testing.assert_allclose(counts / 3000, 1 / len(choices), atol=0.05)
        assert abs(np.corrcoef(np.concatenate([path[..., 0], path[..., -1]])) - np.eye(8)).max() < 0.1

    def test_of_a_single_frame_is_its_beginning(self) -> None:
        random_numbers = SEED.random((5, 6))
        np.testing.assert_array_equal(camera_path(random_numbers, 1)[..., 0], camera_path(random_numbers, 7)[..., 0])
