"""Clips of one layout as clips of another: joints by name, into the picture and out of it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from stgdn.data.batches.joint_map import JointMap, weights
from stgdn.errors import InputError
from stgdn.skeleton import COCO17, KINECT20, LAYOUTS, NTU25, OPENPOSE18, SBU15, Layout, define

PAIRS = [(one, other) for one, other in product(LAYOUTS.values(), LAYOUTS.values()) if one != other]
pairs = pytest.mark.parametrize(("source", "target"), PAIRS, ids=[f"{a.name}-{b.name}" for a, b in PAIRS])
NOBODY = np.zeros(1, np.int64)


def standing(layout: Layout, left: float = -0.2) -> np.ndarray:
    """A person (1, V, 3) before the camera: height by the joint's part, side by its name, `left` is the left's x."""
    heights = {
        "foot": 0.0,
        "ankle": 0.1,
        "knee": 0.5,
        "hip": 0.9,
        "spine": 1.2,
        "shoulder": 1.45,
        "head": 1.7,
        "nose": 1.7,
    }
    heights |= {"wrist": 0.9, "hand": 0.8, "elbow": 1.2, "neck": 1.5, "eye": 1.75, "ear": 1.7, "thumb": 0.8}
    heights |= {"mouth": 1.65, "pinky": 0.8, "index": 0.8, "toe": 0.0, "heel": 0.0}
    pose = np.zeros((1, layout.num_joints, 3), np.float32)
    for joint, name in enumerate(layout.joints):
        part = next(part for part in heights if part in name)
        pose[0, joint] = (left * name.startswith("left") - left * name.startswith("right"), heights[part] - 1, 3)
    if layout.planar:
        pose = np.stack([-0.3 * pose[..., 0], -0.3 * pose[..., 1], np.full(pose.shape[:2], 0.9)], -1).astype(np.float32)
    return pose


def mapped(source: Layout, target: Layout, joints: np.ndarray) -> np.ndarray:
    """One body in one frame, (1, V, 3)."""
    return JointMap(source, target)(joints, joints, NOBODY)[0]


class TestWeights:
    @pairs
    def test_every_joint_is_a_mean_of_some(self, source: Layout, target: Layout) -> None:
        table = weights(source, target)
        assert table.shape == (target.num_joints, source.num_joints)
        np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-6)
        assert (table >= 0).all()

    @pairs
    def test_sides_are_kept(self, source: Layout, target: Layout) -> None:
        table = weights(source, target)
        for row, name in zip(table, target.joints, strict=True):
            sides = [source.joints[joint].split("_")[0] for joint in np.flatnonzero(row)]
            side = name.split("_")[0]
            if side in ("left", "right"):
                assert ({"left", "right"} - {side}).isdisjoint(sides)
            else:  # in the middle of the body: as much of the left as of the right
                assert sides.count("left") == sides.count("right")

    @pytest.mark.parametrize(
        ("source", "target", "joint", "parts"),
        [
            (NTU25, KINECT20, "hip_centre", {"spine_base": 1.0}),
            (NTU25, COCO17, "nose", {"head": 1.0}),
            (NTU25, OPENPOSE18, "neck", {"left_shoulder": 0.5, "right_shoulder": 0.5}),
            (KINECT20, NTU25, "left_hand_tip", {"left_hand": 1.0}),
            (KINECT20, NTU25, "neck", {"shoulder_centre": 2 / 3, "head": 1 / 3}),
            (COCO17, NTU25, "spine_base", {"left_hip": 0.5, "right_hip": 0.5}),
            (OPENPOSE18, COCO17, "left_ear", {"left_ear": 1.0}),
            (COCO17, KINECT20, "right_foot", {"right_ankle": 1.0}),
            (KINECT20, SBU15, "neck", {"left_shoulder": 0.5, "right_shoulder": 0.5}),
            (SBU15, NTU25, "neck", {"neck": 2 / 3, "head": 1 / 3}),
            (SBU15, KINECT20, "left_wrist", {"left_hand": 1.0}),
        ],
    )
    def test_known_ones(self, source: Layout, target: Layout, joint: str, parts: dict[str, float]) -> None:
        row = weights(source, target)[target.joints.index(joint)]
        found = {source.joints[index]: row[index] for index in np.flatnonzero(row)}
        assert found == pytest.approx(parts)

    def test_of_joints_that_are_nowhere(self) -> None:
        fish = define({"name": "fish", "joints": ["mouth", "tail"], "bones": [["tail", "mouth"]]})
        with pytest.raises(InputError, match=r"layout fish has no joint for 'spine_base' of ntu25.*name its joints as"):
            JointMap(fish, NTU25)

    def test_own_joints_are_found_by_name(self) -> None:
        own = replace(KINECT20, name="own")
        np.testing.assert_array_equal(weights(own, KINECT20), np.eye(20))


class TestInSpace:
    @pytest.mark.parametrize(("source", "target"), [(NTU25, KINECT20), (KINECT20, NTU25)])
    def test_equals_a_loop_over_joints(self, source: Layout, target: Layout) -> None:
        joints = np.random.default_rng(1).normal(size=(7, source.num_joints, 3)).astype(np.float32)
        clip = np.array([0, 0, 1, 1, 1, 2, 2])
        out, pose = JointMap(source, target)(joints, joints[[0, 2, 5]], clip)
        table = weights(source, target)
        for row, (v, name) in product(range(7), enumerate(target.joints)):
            expected = sum(table[v, u] * joints[row, u].astype(np.float64) for u in range(source.num_joints))
            np.testing.assert_allclose(out[row, v], expected, rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(pose, out[[0, 2, 5]])

    def test_nobody_stays_nobody(self) -> None:
        for source, target in PAIRS:
            joints = np.concatenate([standing(source), np.zeros((1, source.num_joints, 3), np.float32)])
            out, _ = JointMap(source, target)(joints, joints[:1], np.array([0, 0]))
            assert out[0].any()
            assert not out[1].any()


class TestIntoThePicture:
    def test_is_a_pinhole_camera(self) -> None:
        pose = np.random.default_rng(2).normal((0, 0, 4), 0.3, (1, 25, 3)).astype(np.float32)
        out = mapped(NTU25, COCO17, pose)[0]
        x, y, z = pose[0, NTU25.joints.index("left_knee")].astype(np.float64)
        knee = out[COCO17.joints.index("left_knee")]
        np.testing.assert_allclose(knee, (-1060 * x / z / 1920, -1060 * y / z / 1080, 1), rtol=1e-5)

    def test_who_faces_the_camera_has_the_left_at_the_right_of_the_picture(self) -> None:
        out = mapped(KINECT20, COCO17, standing(KINECT20))[0]
        names = COCO17.joints
        assert out[names.index("left_shoulder"), 0] > 0 > out[names.index("right_shoulder"), 0]
        assert out[names.index("nose"), 1] < out[names.index("left_ankle"), 1]  # y down

    def test_clips_around_the_origin_are_moved_before_the_camera(self) -> None:
        pose = standing(NTU25) - np.array([0, 0, 3], np.float32)
        np.testing.assert_allclose(
            mapped(NTU25, OPENPOSE18, pose), mapped(NTU25, OPENPOSE18, standing(NTU25)), atol=1e-6
        )

    def test_a_joint_beside_the_camera_does_not_fly_away(self) -> None:
        pose = standing(NTU25)
        pose[0, NTU25.joints.index("left_hand")] = (0.1, 0, 1e-6)
        assert np.abs(mapped(NTU25, COCO17, pose)).max() < 1.5


class TestOutOfThePicture:
    def test_stands_upright_with_a_trunk_of_half_a_metre(self) -> None:
        out = mapped(COCO17, KINECT20, standing(COCO17))[0]
        low, high = KINECT20.spine
        assert np.linalg.norm(out[high] - out[low]) == pytest.approx(0.5, rel=1e-5)
        assert out[high, 1] > out[low, 1]
        assert not out[:, 2].any()
        assert out[KINECT20.joints.index("left_shoulder"), 0] < out[KINECT20.joints.index("right_shoulder"), 0]

    def test_there_and_back(self) -> None:
        pose = standing(OPENPOSE18)
        back = mapped(KINECT20, OPENPOSE18, mapped(OPENPOSE18, KINECT20, pose))
        limbs = [OPENPOSE18.joints.index(f"{side}_{part}") for side in ("left", "right") for part in ("knee", "elbow")]
        before, after = pose[0, limbs, :2], back[0, limbs, :2]
        ratio = np.linalg.norm(after[0] - after[2], axis=-1) / np.linalg.norm(before[0] - before[2], axis=-1)
        moved = (after - after.mean(axis=0)) / (before - before.mean(axis=0))
        np.testing.assert_allclose(moved, ratio, rtol=1e-3)

    @pytest.mark.parametrize(("lost", "like"), [("left_wrist", "left_elbow"), ("left_ankle", "left_knee")])
    def test_a_joint_not_found_is_where_its_parent_is(self, lost: str, like: str) -> None:
        pose = standing(COCO17)
        pose[0, COCO17.joints.index(lost)] = 0
        out = mapped(COCO17, KINECT20, pose)[0]
        np.testing.assert_array_equal(out[KINECT20.joints.index(lost)], out[KINECT20.joints.index(like)])
        assert np.isfinite(out).all()

    def test_without_a_trunk_the_body_says_the_scale(self) -> None:
        pose = standing(COCO17)
        pose[0, [COCO17.joints.index(name) for name in ("left_hip", "right_hip")]] = 0
        out = mapped(COCO17, NTU25, pose)[0]
        height = np.ptp(out[:, 1])
        assert height == pytest.approx(1.6, rel=0.05)


def test_a_joint_of_several_is_the_mean_of_those_found() -> None:
    pose = standing(COCO17)
    names = COCO17.joints
    pose[0, names.index("left_hip")] = 0
    out = mapped(COCO17, OPENPOSE18, pose)
    np.testing.assert_array_equal(out[0, OPENPOSE18.joints.index("left_hip")], 0)
    pose = standing(COCO17)
    pose[0, names.index("left_shoulder")] = 0
    neck = mapped(COCO17, OPENPOSE18, pose)[0, OPENPOSE18.joints.index("neck")]
    np.testing.assert_allclose(neck, pose[0, names.index("right_shoulder")], rtol=1e-6)
