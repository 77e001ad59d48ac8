"""Every step from the store to the network's input, and all of them, against loops in float64."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data.clips import SCENES, clip, clips, write
from tests.data.literal import (
    all_packed,
    in_order,
    literal_batch,
    literal_box,
    literal_camera,
    literal_stream,
    near,
    packed,
    padded,
    seen_in,
    turn_about,
)

from stgdn.data.batches.settings import STREAMS, ClipSettings
from stgdn.data.batches.transforms import (
    CAMERA,
    alignment,
    batch,
    bones,
    camera_path,
    centre_and_rotate,
    fit_box,
    motion,
    move_camera,
    origin,
    rotations,
)
from stgdn.data.clip import Clip
from stgdn.data.store.store import Store
from stgdn.skeleton import KINECT20, LAYOUTS, NTU25, OPENPOSE18, Layout

SEED = np.random.default_rng(0)
ALL = np.arange(len(SCENES))
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """One store a layout."""
    folder = tmp_path_factory.mktemp("stores")
    return {layout.name: write(folder / layout.name, clips(layout), layout) for layout in LAYOUTS.values()}


@pytest.fixture(scope="module")
def extremes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A clip of 1 and one of 100,000 frames."""
    made = [clip("a", 1, [(0, 1)], OPENPOSE18), clip("b", 100_000, [(0, 100_000)], OPENPOSE18)]
    return write(tmp_path_factory.mktemp("extremes") / "store", made, OPENPOSE18)


@every_layout
def test_the_centre_of_the_first_pose_becomes_the_origin(layout: Layout) -> None:
    pose = SEED.normal(size=(4, layout.num_joints, 3)).astype(np.float32)
    np.testing.assert_array_equal(origin(pose, layout), pose[:, layout.centre] * (not layout.planar))


class TestBox:
    @every_layout
    def test_equals_the_loops(self, layout: Layout) -> None:
        joints, poses = all_packed(layout)
        fit_box(poses)
        assert poses.to_dense().dtype == np.float32
        near(poses.to_dense(), [literal_box(clip.astype(float)) for clip in joints])

    def test_reaches_both_sides_over_the_seen(self) -> None:
        seen = seen_in(in_order())
        poses = packed(np.stack([padded(one) for one in in_order()]) + np.float32(5), seen)
        fit_box(poses)
        for boxed, where in zip(poses.to_dense(), seen, strict=True):
            near(boxed[where].min(axis=(0, 1)), [-1] * 3)
            near(boxed[where].max(axis=(0, 1)), [1] * 3)
            assert not boxed[~where].any()

    def test_flat_axes_become_zero(self) -> None:
        joints = SEED.normal(size=(2, 2, 5, 25, 3)).astype(np.float32)
        joints[0, ..., 1] = 0.7
        joints[1] = 0.3
        poses = packed(joints, np.ones((2, 2, 5), bool))
        fit_box(poses)
        near(poses.to_dense()[0], literal_box(joints[0].astype(float)))
        assert not poses.to_dense()[0, ..., 1].any()
        assert not poses.to_dense()[1].any()

    def test_of_nobody_is_nothing(self) -> None:
        poses = packed(np.zeros((3, 2, 5, 25, 3), np.float32), np.zeros((3, 2, 5), bool))
        fit_box(poses)
        assert not poses.to_dense().any()


class TestStream:
    @every_layout
    @pytest.mark.parametrize("stream", STREAMS)
    def test_equals_the_loops(self, layout: Layout, stream: str) -> None:
        joints, poses = all_packed(layout)
        if "bone" in stream:
            poses.joints = bones(poses.joints, layout)
        found = poses.to_dense()
        if "motion" in stream:
            found = motion(found, seen_in(in_order(layout)))
        near(found, [literal_stream(clip.astype(float), layout, stream) for clip in joints])

    @every_layout
    def test_the_root_has_no_bone_and_the_last_frame_no_motion(self, layout: Layout) -> None:
        joints, _ = all_packed(layout)
        assert not bones(joints.reshape(-1, layout.num_joints, 3), layout)[:, layout.root].any()
        moved = motion(joints, seen_in(in_order(layout)))
        for n, one in enumerate(in_order(layout)):
            for m, seen in enumerate(one.present):
                first, last = np.flatnonzero(seen)[[0, -1]]
                assert moved[n, m, first:last].any(axis=(1, 2)).all()
                assert not moved[n, m, last:].any()
                assert not moved[n, m, :first].any()


PIPELINES = [
    ClipSettings(frames=30),
    ClipSettings(frames=8, stream="bone", bodies=1),
    ClipSettings(frames=17, sampling="resize", align="turn", stream="joint_motion"),
    ClipSettings(frames=16, sampling="resize", crop=0.6, align="body", box=True, rotate=(30, 20, 10), bodies=3),
    ClipSettings(frames=13, sampling="resize", crop=0.6, rotate=(0, 90, 0), stream="bone_motion", bodies=4),
    ClipSettings(frames=15, sampling="window", moving_camera=True, stream="joint_motion", bodies=3),
    ClipSettings(frames=6, sampling="window", moving_camera=True, box=True, bodies=1),
    ClipSettings(frames=12, sampling="resize", mirror=0.5, rotate=(0, 30, 0), bodies=3),
    ClipSettings(frames=14, mirror=1.0, moving_camera=True, stream="bone_motion", box=True),
    ClipSettings(frames=26, moving_camera=True, rotate=(0, 0, 30), stream="bone"),
]


class TestBatch:
    @every_layout
    @pytest.mark.parametrize("how", PIPELINES, ids=str)
    @pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
    def test_equals_all_steps_of_one_clip(
        self, stores: dict[str, Store], layout: Layout, how: ClipSettings, training: bool
    ) -> None:
        random_numbers = np.random.default_rng(1).random((len(ALL), 6)) if training else None
        found = batch(stores[layout.name], ALL, how, random_numbers)
        assert found.shape == (len(ALL), 3, how.frames, layout.num_joints, how.bodies)
        assert found.dtype == np.float32
        assert found.transpose(0, 4, 2, 3, 1).flags.c_contiguous
        expected = [
            literal_batch(one, layout, how, None if random_numbers is None else random_numbers[n])
            for n, one in enumerate(in_order(layout))
        ]
        near(found, expected, atol=2e-5)

    @pytest.mark.parametrize("how", PIPELINES, ids=str)
    def test_a_clip_does_not_depend_on_its_neighbours(self, stores: dict[str, Store], how: ClipSettings) -> None:
        random_numbers = np.random.default_rng(1).random((len(ALL), 6))
        together = batch(stores["ntu25"], ALL, how, random_numbers)
        for n in ALL[::-1]:
            alone = batch(stores["ntu25"], np.array([n]), how, random_numbers[[n]])
            np.testing.assert_allclose(alone[0], together[n], atol=1e-6)

    def test_of_no_clips(self, stores: dict[str, Store]) -> None:
        for how in PIPELINES:
            assert batch(stores["ntu25"], np.array([], int), how).shape == (0, 3, how.frames, 25, how.bodies)

    def test_alignment_undoes_the_camera(self, tmp_path: Path) -> None:
        made = in_order()
        turned = rotations(np.array([[20, -50, 10]]))[0]
        seen_from_elsewhere = [
            Clip(one.name, 0, (one.joints @ turned - 3) * one.present[..., None, None], one.present) for one in made
        ]
        how = ClipSettings(frames=20, align="body", sampling="resize", bodies=3)
        here, there = (write(tmp_path / str(n), view) for n, view in enumerate((made, seen_from_elsewhere)))
        near(batch(here, ALL, how), batch(there, ALL, how), atol=1e-4)

    def test_a_flat_layout_keeps_its_confidence(self, stores: dict[str, Store]) -> None:
        how = ClipSettings(frames=23, bodies=3, rotate=(0, 0, 60), moving_camera=True)
        found = batch(stores["openpose18"], ALL, how, SEED.random((7, 6)))
        for n, one in enumerate(in_order(OPENPOSE18)):
            M, T = one.present.shape
            np.testing.assert_array_equal(found[n, 2, :T, :, :M].transpose(2, 0, 1), one.joints[..., 2])

    def test_the_store_is_not_changed(self, stores: dict[str, Store]) -> None:
        batch(stores["ntu25"], ALL, ClipSettings(frames=20, box=True, align="body", sampling="resize", bodies=3))
        batch(stores["ntu25"], ALL, ClipSettings(frames=20, stream="bone_motion"))
        stores["ntu25"].verify()
        for index, one in enumerate(in_order()):
            np.testing.assert_array_equal(stores["ntu25"].joints(index)[: len(one.joints)], one.joints)

    @pytest.mark.parametrize("sampling", ["loop", "resize", "window"])
    @pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
    def test_the_shortest_and_the_longest_clip(self, extremes: Store, sampling: str, training: bool) -> None:
        how = ClipSettings(frames=40, sampling=sampling, moving_camera=True)
        random_numbers = SEED.random((2, 6)) if training else None
        found = batch(extremes, np.array([0, 1]), how, random_numbers)
        for n, frames in enumerate((1, 100_000)):
            one = clip("ab"[n], frames, [(0, frames)], OPENPOSE18)
            near(
                found[n],
                literal_batch(one, OPENPOSE18, how, None if random_numbers is None else random_numbers[n]),
                atol=1e-5,
            )


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
