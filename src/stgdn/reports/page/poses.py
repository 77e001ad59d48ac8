"""Positions for drawing a skeleton in the plane; a run stores its graph, but no coordinates."""

import math
from collections.abc import Sequence

Point = tuple[float, float]

# A person who faces the viewer, so that the left side is on the right; metres, y up. By the names that layouts use.
MIDDLE: dict[str, Point] = {
    "spine_base": (0.0, 0.9),
    "hip_centre": (0.0, 0.9),
    "spine_mid": (0.0, 1.15),
    "spine": (0.0, 1.15),
    "spine_shoulder": (0.0, 1.4),
    "shoulder_centre": (0.0, 1.4),
    "neck": (0.0, 1.5),
    "nose": (0.0, 1.64),
    "head": (0.0, 1.7),
}
LEFT: dict[str, Point] = {
    "eye": (0.05, 1.7),
    "ear": (0.12, 1.67),
    "shoulder": (0.2, 1.38),
    "elbow": (0.4, 1.18),
    "wrist": (0.6, 1.0),
    "hand": (0.7, 0.92),
    "thumb": (0.66, 0.8),
    "hand_tip": (0.8, 0.78),
    "hip": (0.12, 0.85),
    "knee": (0.2, 0.48),
    "ankle": (0.25, 0.12),
    "foot": (0.37, 0.03),
}
POSE: dict[str, Point] = {
    **MIDDLE,
    **{f"left_{name}": point for name, point in LEFT.items()},
    **{f"right_{name}": (-x, y) for name, (x, y) in LEFT.items()},
}


def positions(joints: Sequence[str], parents: Sequence[int]) -> list[Point]:
    """Return a position for every joint, y up: a standing person if all names are known, else a radial tree.

    Args:
        joints: V names.
        parents: the parent of each; the root is its own.
    """
    if all(name in POSE for name in joints):
        return [POSE[name] for name in joints]
    return _tree(parents)


def _tree(parents: Sequence[int]) -> list[Point]:
    """Return a radial tree: distance from the root by depth, leaves at equal angles."""
    order, depth = _outward(parents)
    children = [[child for child in order if parents[child] == joint != child] for joint in range(len(parents))]
    angle = [0.0] * len(parents)
    ends = [joint for joint in _walk(children, order[0]) if not children[joint]]
    for number, joint in enumerate(ends):
        angle[joint] = 2 * math.pi * number / len(ends) + math.pi / 2
    for joint in reversed(order):
        if children[joint]:
            angle[joint] = sum(angle[child] for child in children[joint]) / len(children[joint])
    return [
        (depth[joint] * math.cos(angle[joint]), depth[joint] * math.sin(angle[joint])) for joint in range(len(parents))
    ]


def _outward(parents: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return joints ordered from the root outward, and their depth in bones by joint."""
    depth = [0] * len(parents)
    for joint in range(len(parents)):
        at = joint
        while parents[at] != at:
            depth[joint], at = depth[joint] + 1, parents[at]
    return sorted(range(len(parents)), key=lambda joint: depth[joint]), depth


def _walk(children: Sequence[Sequence[int]], root: int) -> list[int]:
    """Return all joints in depth-first order."""
    order, stack = [], [root]
    while stack:
        joint = stack.pop()
        order.append(joint)
        stack += reversed(children[joint])
    return order
