"""Positions for drawing a skeleton in the plane; a run stores its graph, but no coordinates."""

import math
from collections.abc import Sequence

Point = tuple[float, float]

# A person who faces the viewer, so that the left side is on the right; metres, y up. By the names that layouts use.
MIDDLE: dict[str, Point] = {
    "spine_base": (0.0, 0.9),
    "hip_centre": (0.0, 0.9),
    "mid_hip": (0.0, 0.9),
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
    **{"eye_inner": (0.03, 1.71), "eye_outer": (0.08, 1.71), "mouth": (0.03, 1.57), "pinky": (0.74, 0.96)},
    **{"index": (0.78, 0.9), "heel": (0.23, 0.04), "big_toe": (0.36, 0.02), "small_toe": (0.42, 0.03)},
    "foot_index": (0.38, 0.02),
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
    """Return a radial tree: distance from the root by depth, leaves at equal angles, others between their children."""
    order = depth_first(parents)
    children = [[child for child in order if parents[child] == joint != child] for joint in range(len(parents))]
    depth, angle = [0] * len(parents), [0.0] * len(parents)
    for joint in order:
        for child in children[joint]:
            depth[child] = depth[joint] + 1
    leaves = [joint for joint in order if not children[joint]]
    for number, joint in enumerate(leaves):
        angle[joint] = 2 * math.pi * number / len(leaves) + math.pi / 2
    for joint in reversed(order):
        if children[joint]:
            angle[joint] = sum(angle[child] for child in children[joint]) / len(children[joint])
    return [(radius * math.cos(turn), radius * math.sin(turn)) for radius, turn in zip(depth, angle, strict=True)]


def depth_first(parents: Sequence[int]) -> list[int]:
    """Return all joints, each after its parent, one branch after the other."""
    order: list[int] = []
    waiting = [joint for joint, parent in enumerate(parents) if joint == parent]
    while waiting:
        order.append(joint := waiting.pop())
        waiting += [child for child in reversed(range(len(parents))) if parents[child] == joint != child]
    return order
