"""Joints in the plane: a person where names are known, a tree where they are not."""

import math

import pytest

from stgdn.reports.page.poses import positions
from stgdn.skeleton import LAYOUTS, Layout


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_stands_like_a_person(layout: Layout) -> None:
    places = positions(layout.joints, layout.parents)
    assert len(set(places)) == layout.num_joints
    for left, right in layout.mirrored:
        assert places[left] == (-places[right][0], places[right][1])
        assert places[left][0] > 0
    height = dict(zip(layout.joints, (y for _, y in places), strict=True))
    top = height["head"] if "head" in height else height["nose"]
    lowest = height["left_ankle"] if "left_ankle" in height else height["left_foot"]
    assert top > height["left_shoulder"] > height["left_hip"] > height["left_knee"] > lowest


def test_unknown_joints_make_a_tree() -> None:
    parents = (2, 0, 2, 2, 3, 3)
    places = positions([f"marker {number}" for number in range(6)], parents)
    assert len({(round(x, 6), round(y, 6)) for x, y in places}) == 6
    assert [round(math.hypot(*place), 6) for place in places] == [1, 2, 0, 1, 2, 2]


def test_a_long_chain_can_be_drawn() -> None:
    parents = [max(joint - 1, 0) for joint in range(600)]
    assert math.hypot(*positions(["segment"] * 600, parents)[-1]) == pytest.approx(599)


def test_a_single_joint() -> None:
    assert positions(["marker"], [0]) == [(0.0, 0.0)]
