"""Joint layouts: every one a tree with matching sides."""

import pytest

from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS, Layout, layout

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
    assert any(word in skeleton.joints[lower] for word in ("base", "hip"))
    assert not side(skeleton.joints[upper])


@pytest.mark.parametrize(
    ("name", "joints", "root"),
    [
        *(("ntu25", 25, "spine_shoulder"), ("openpose18", 18, "neck")),
        *(("kinect20", 20, "hip_centre"), ("coco17", 17, "nose")),
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
    ],
)
def test_some_bones(name: str, child: str, parent: str) -> None:
    skeleton = layout(name)
    assert skeleton.parents[skeleton.joints.index(child)] == skeleton.joints.index(parent)


def test_unknown_layout_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown joint layout 'ntu-25', allowed: .*did you mean 'ntu25'"):
        layout("ntu-25")
