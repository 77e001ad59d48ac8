"""Joint layouts: every one a tree with matching sides."""

import json
from dataclasses import replace
from typing import Any

import pytest

from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS, Layout, define, layout, plain

layouts = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=LAYOUTS)


def side(name: str) -> str:
    """`left`, `right` or nothing."""
    return name.split("_")[0] if name.startswith(("left_", "right_")) else ""


@layouts
def test_one_joint_has_no_parent_and_every_other_one(skeleton: Layout) -> None:
    children = [child for child, _ in skeleton.bones]
    assert len(children) == len(set(children)) == skeleton.num_joints - 1
    assert set(range(skeleton.num_joints)) - set(children) == {skeleton.root}


@layouts
def test_all_bones_lead_to_the_root(skeleton: Layout) -> None:
    for joint in range(skeleton.num_joints):
        walk = joint
        for _ in range(skeleton.num_joints):
            walk = skeleton.parents[walk]
        assert walk == skeleton.root


@layouts
def test_parents_are_the_bones_and_the_root_is_its_own(skeleton: Layout) -> None:
    pairs = set(enumerate(skeleton.parents))
    assert pairs == set(skeleton.bones) | {(skeleton.root, skeleton.root)}


@layouts
def test_every_left_joint_is_paired_with_its_right_one(skeleton: Layout) -> None:
    names = skeleton.joints
    assert len(set(names)) == len(names)
    pairs = {(names[left], names[right]) for left, right in skeleton.mirrored}
    lefts = [name for name in names if side(name) == "left"]
    assert pairs == {(name, name.replace("left_", "right_")) for name in lefts}
    assert len(pairs) == len(skeleton.mirrored) == sum(side(name) == "right" for name in names)


@layouts
def test_mirroring_maps_bones_to_bones(skeleton: Layout) -> None:
    mirror = dict(skeleton.mirrored) | {right: left for left, right in skeleton.mirrored}
    mirrored = {(mirror.get(child, child), mirror.get(parent, parent)) for child, parent in skeleton.bones}
    assert mirrored == set(skeleton.bones)


@layouts
def test_the_axes_of_the_body(skeleton: Layout) -> None:
    right, left = (skeleton.joints[joint] for joint in skeleton.shoulders)
    assert (right, left) == ("right_shoulder", "left_shoulder")
    assert 0 <= skeleton.centre < skeleton.num_joints
    lower, upper = skeleton.spine
    assert lower != upper
    assert any(word in skeleton.joints[lower] for word in ("base", "hip")) or lower == skeleton.root
    assert not side(skeleton.joints[upper])


@pytest.mark.parametrize(
    ("name", "joints", "root"),
    [
        *(("ntu25", 25, "spine_shoulder"), ("openpose18", 18, "neck")),
        *(("kinect20", 20, "hip_centre"), ("coco17", 17, "nose"), ("body25", 25, "mid_hip")),
        *(
            ("body25b", 25, "neck"),
            ("halpe26", 26, "mid_hip"),
            ("mediapipe33", 33, "nose"),
            ("h36m17", 17, "hip_centre"),
        ),
    ],
)
def test_layouts_are_the_published_ones(name: str, joints: int, root: str) -> None:
    skeleton = layout(name)
    assert skeleton.name == name
    assert skeleton.num_joints == joints
    assert skeleton.joints[skeleton.root] == root


@pytest.mark.parametrize(
    ("name", "child", "parent"),
    [
        ("ntu25", "left_hand_tip", "left_thumb"),  # as published: see the comment at the layout
        ("ntu25", "head", "neck"),
        ("ntu25", "left_shoulder", "spine_shoulder"),
        ("openpose18", "right_hip", "right_shoulder"),
        ("openpose18", "left_ear", "left_eye"),
        ("kinect20", "right_foot", "right_ankle"),
        ("coco17", "left_hip", "left_shoulder"),
        *(("body25b", "left_hip", "left_shoulder"), ("body25b", "right_heel", "right_ankle")),
        *(("body25", "right_big_toe", "right_ankle"), ("body25", "right_small_toe", "right_big_toe")),
        *(
            ("halpe26", "head", "neck"),
            ("halpe26", "right_heel", "right_ankle"),
            ("mediapipe33", "left_ear", "left_eye_outer"),
        ),
        *(("mediapipe33", "right_thumb", "right_wrist"), ("mediapipe33", "left_foot_index", "left_ankle")),
        *(("h36m17", "left_shoulder", "shoulder_centre"), ("h36m17", "right_foot", "right_knee")),
    ],
)
def test_some_bones(name: str, child: str, parent: str) -> None:
    skeleton = layout(name)
    assert skeleton.parents[skeleton.joints.index(child)] == skeleton.joints.index(parent)


def test_unknown_layout_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown joint layout 'ntu-25', allowed: .*did you mean 'ntu25'"):
        layout("ntu-25")


STICK = {
    "name": "stick",
    "joints": ["hip", "chest", "left_hand", "right_hand"],
    "bones": [["left_hand", "chest"], [3, 1], ["chest", "hip"]],
    "mirrored": [["left_hand", 3]],
}


def test_own_layout() -> None:
    own = define(STICK)
    assert own.joints == ("hip", "chest", "left_hand", "right_hand")
    assert own.bones == ((1, 0), (2, 1), (3, 1))  # outward, whatever the order they were given in
    assert (own.root, own.parents, own.mirrored, own.centre) == (0, (0, 0, 1, 1), ((2, 3),), 0)
    assert not own.has_axes
    assert not own.planar
    turned = define(STICK | {"centre": "chest", "spine": ["hip", 1], "shoulders": [3, 2], "planar": True})
    assert (turned.centre, turned.spine, turned.shoulders) == (1, (0, 1), (3, 2))
    assert turned.has_axes
    assert turned.planar
    assert define({"joints": ["nose"], "bones": []}).root == 0


def test_trees_hang_on_the_largest_one() -> None:
    """Two hands and a face: three trees, which no bone connects."""
    joints = ["nose", "chin", "left_wrist", "left_thumb", "left_index", "right_wrist"]
    bones = [["chin", "nose"], ["left_thumb", "left_wrist"], ["left_index", "left_wrist"]]
    own = define({"joints": joints, "bones": bones})
    assert (own.root, own.parents) == (2, (2, 0, 2, 2, 2, 2))
    assert define({"joints": ["a", "b"], "bones": []}).parents == (0, 0)


@layouts
def test_a_layout_comes_back_from_plain_data(skeleton: Layout) -> None:
    assert layout(plain(skeleton)) == layout(skeleton) == skeleton
    renamed = replace(skeleton, name="mine")
    again = layout(json.loads(json.dumps(plain(renamed))))
    assert set(again.bones) == set(renamed.bones)
    assert replace(again, bones=renamed.bones) == renamed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "ntu25"}, "joint layout 'ntu25' is known already"),
        ({"bone": []}, "unknown key of joint layout 'stick' 'bone', .*did you mean 'bones'"),
        ({"joints": None}, "needs 'joints', a list of names"),
        ({"joints": ["hip", 1]}, "needs 'joints', a list of names"),
        ({"joints": []}, "needs 'joints', a list of names"),
        ({"joints": ["hip", "chest", "hip", "a"]}, "has two joints called 'hip'"),
        ({"bones": ["hip"]}, r"'bones' of joint layout 'stick' must be pairs of joints, such as \[right_hand, hip\]"),
        ({"bones": [["hip", "chest"], ["hip", "left_hand"]]}, "'hip' has two parents"),
        ({"bones": [[0, 1], [1, 0], [2, 1], [3, 1]]}, "every joint has one"),
        ({"bones": [[1, 2], [2, 1], [3, 1]]}, "the bones from joint 'chest' go around in a circle"),
        ({"bones": [[0, 4]]}, "joint 4 in 'bones' .* is not one of the 4 joints"),
        ({"centre": "chst"}, "unknown joint in 'centre' .* 'chst', allowed: .*did you mean 'chest'"),
        ({"spine": ["hip"]}, "'spine' of joint layout 'stick' must be pairs"),
        ({"planar": "yes"}, "'planar' must be true or false"),
        ({"channels": 2}, "'channels', if given, 3"),
    ],
)
def test_definitions_that_are_no_skeleton(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        define(STICK | changes)
