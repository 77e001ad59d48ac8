"""Map clips of one joint layout to another, so that a network trained on one can be tested on the other.

Joints are matched by name; where the other layout has no such joint, it is the mean of those that `SUBSTITUTES` names.
Between space and picture, which no mapping can do without a loss:

- to a flat layout, joints are seen by a camera like that of Kinect v2, whose colour picture is 1,920 x 1,080 pixels at
  a focal length of 1,060; confidence is 1. Clips that are not in a camera's coordinates (the main body less than
  `NEAREST` metres in front of it) are moved to `DISTANCE` metres first;
- from a flat layout, joints are put into the plane z = 0 of a picture of 16 : 9, y up, scaled so that the main body's
  trunk has `TRUNK` metres in its first frame. A joint not found is put where its parent is.

Kinect's x grows to the camera's left and a picture's to the right, so that x changes its sign: a person who faces the
camera has the left shoulder at the right of the picture, as pose estimators name it.

Axes: joints (R, V, 3) of R bodies in single frames, and the pose (N, V, 3) of each clip's main body in its first frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.skeleton import Layout

Float = NDArray[np.float32]

FOCAL = np.array([1060 / 1920, 1060 / 1080], np.float32)  # shares of width and height, at 1 m for 1 m
ASPECT = 16 / 9
NEAREST, DISTANCE = 1.0, 3.0
TRUNK = 0.5

HIPS, SHOULDERS = ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")
EARS, EYES = ("left_ear", "right_ear"), ("left_eye", "right_eye")
# For each joint, what may stand for it, the best first; a name twice counts twice.
SUBSTITUTES: dict[str, tuple[tuple[str, ...], ...]] = {
    "spine_base": (("hip_centre",), ("mid_hip",), HIPS),
    "hip_centre": (("spine_base",), ("mid_hip",), HIPS),
    "mid_hip": (("spine_base",), ("hip_centre",), HIPS),
    "spine_mid": (("spine",), (*HIPS, *SHOULDERS)),
    "spine": (("spine_mid",), (*HIPS, *SHOULDERS)),
    "spine_shoulder": (("shoulder_centre",), SHOULDERS, ("neck",)),
    "shoulder_centre": (("spine_shoulder",), SHOULDERS, ("neck",)),
    "neck": (("spine_shoulder", "spine_shoulder", "head"), ("shoulder_centre", "shoulder_centre", "head"), SHOULDERS),
    "head": (EARS, ("nose",), EYES, ("neck",)),
    "nose": (("head",), EYES, EARS, ("neck",)),
    "eye": (("nose",), ("head",)),
    "eye_inner": (("eye",), ("nose",), ("head",)),
    "eye_outer": (("eye",), ("nose",), ("head",)),
    "mouth": (("nose",), ("head",)),
    "ear": (("eye",), ("nose",), ("head",)),
    "hand": (("wrist",),),
    "hand_tip": (("hand",), ("index",), ("wrist",)),
    "thumb": (("hand",), ("wrist",)),
    "pinky": (("hand",), ("wrist",)),
    "index": (("hand_tip",), ("hand",), ("wrist",)),
    "wrist": (("hand",),),
    "foot": (("big_toe",), ("foot_index",), ("ankle",)),
    "big_toe": (("foot_index",), ("foot",), ("ankle",)),
    "small_toe": (("foot_index",), ("foot",), ("ankle",)),
    "foot_index": (("big_toe",), ("foot",), ("ankle",)),
    "heel": (("ankle",), ("foot",)),
    "ankle": (("foot",),),
}
# Of the same name, but not the same place: these necks are between the shoulders, Kinect's is above.
# With the joint above them.
LOW_NECKS = {"openpose18": "nose", "sbu15": "head", "body25": "nose", "body25b": "head", "halpe26": "head"}
OTHERWISE: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    **{(kinect, low): {"neck": SHOULDERS} for kinect in ("ntu25", "kinect20") for low in LOW_NECKS},
    **{(low, "ntu25"): {"neck": ("neck", "neck", above)} for low, above in LOW_NECKS.items()},
}


def substitutes(name: str) -> Iterator[tuple[str, ...]]:
    """Yield the joints whose mean may replace a joint, the joint itself first; `left_hand` for `left_hand_tip`, ..."""
    yield (name,)
    side, _, part = name.partition("_")
    if name in SUBSTITUTES:
        yield from SUBSTITUTES[name]
    elif side in ("left", "right"):
        for parts in SUBSTITUTES.get(part, ()):
            yield tuple(part if part in ("nose", "head") else f"{side}_{part}" for part in parts)


def weights(source: Layout, target: Layout) -> Float:
    """Return the weight of each joint of `source` in each joint of `target`, (V of target, V of source); rows sum to 1.

    Raises:
        InputError: a joint of `target` for which `source` has nothing; the sentence names both.
    """
    table = np.zeros((target.num_joints, source.num_joints), np.float32)
    special = OTHERWISE.get((source.name, target.name), {})
    for row, name in zip(table, target.joints, strict=True):
        choices = [special[name]] if name in special else substitutes(name)
        parts = next((parts for parts in choices if set(parts) <= set(source.joints)), None)
        if parts is None:
            raise InputError(
                f"layout {source.name} has no joint for '{name}' of {target.name}, so that its clips cannot be mapped: "
                f"name its joints as {target.name} does ({', '.join(target.joints[:4])}, ...)"
            )
        for part in parts:
            row[source.joints.index(part)] += 1 / len(parts)
    return table


@dataclass(frozen=True)
class JointMap:
    """Map clips of the layout `source` to the layout `target`."""

    source: Layout
    target: Layout

    def __post_init__(self) -> None:
        object.__setattr__(self, "_weights", weights(self.source, self.target))

    def __call__(self, joints: Float, pose: Float, clip: NDArray[np.integer]) -> tuple[Float, Float]:
        """Map joints (R, V, 3), whose clips are `clip` (R,) from 0, and the poses (N, V, 3) of all clips alike.

        Bodies and, in a picture, joints of zeros stay zeros.
        """
        joints, pose = self._combined(joints), self._combined(pose)
        if self.source.planar and not self.target.planar:
            scale = _scale(pose, self.target)
            return _upright(self._completed(joints), scale[clip]), _upright(self._completed(pose), scale)
        if self.target.planar and not self.source.planar:
            depth = pose[:, self.target.centre, 2]
            closer = np.where(depth < NEAREST, DISTANCE - depth, 0).astype(np.float32)
            return _seen(joints, closer[clip]), _seen(pose, closer)
        return joints, pose

    def _combined(self, joints: Float) -> Float:
        """Return weighted means over the joints that were found."""
        table: Float = self.__dict__["_weights"]
        share = _found(joints).astype(np.float32) @ table.T
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(share[..., None] > 0, (table @ joints) / share[..., None], 0).astype(np.float32)

    def _completed(self, joints: Float) -> Float:
        """Put joints that were not found where their parents are, a root where the mean of the others is."""
        found = _found(joints)[..., None]
        count = found.sum(axis=-2, dtype=np.float32)
        completed, root = joints.copy(), self.target.root
        mean = joints.sum(axis=-2) / np.maximum(count, 1)
        completed[..., root, :] = np.where(found[..., root, :], joints[..., root, :], mean)
        for child, parent in _outward(self.target):
            completed[..., child, :] = np.where(found[..., child, :], joints[..., child, :], completed[..., parent, :])
        return completed * (count[..., None, :] > 0)


def _found(joints: Float) -> NDArray[np.bool_]:
    """Return (..., V), True where a joint was found."""
    return np.asarray((joints != 0).any(axis=-1))


def _outward(layout: Layout) -> list[tuple[int, int]]:
    """Return the bones, every parent before its children."""

    def depth(bone: tuple[int, int]) -> int:
        joint, steps = bone[0], 0
        while layout.parents[joint] != joint:
            joint, steps = layout.parents[joint], steps + 1
        return steps

    return sorted(layout.bones, key=depth)


def _seen(joints: Float, closer: Float) -> Float:
    """Project joints in space into a camera's picture: shares from the picture's middle, y down, confidence 1."""
    depth = np.maximum(joints[..., 2] + closer[:, None], NEAREST / 2)
    picture = np.ones_like(joints)
    picture[..., 0] = -FOCAL[0] * joints[..., 0] / depth
    picture[..., 1] = -FOCAL[1] * joints[..., 1] / depth
    return picture * _found(joints)[..., None]


def _scale(pose: Float, layout: Layout) -> Float:
    """Return metres for one height of the picture, (N,): from the trunk, or from the whole body without one."""
    positions = pose[..., :2] * np.array([ASPECT, 1], np.float32)
    low, high = layout.spine
    trunk = np.linalg.norm(positions[:, high] - positions[:, low], axis=-1)
    trunk_found = _found(pose)[:, [low, high]].all(axis=-1) & (trunk > 1e-3)
    found = _found(pose)[..., None]
    span = np.where(found, positions, -np.inf).max(axis=1) - np.where(found, positions, np.inf).min(axis=1)
    height = np.where(np.isfinite(span), span, 0).max(axis=-1)
    share = np.where(trunk_found, trunk / TRUNK, height / (3.2 * TRUNK))
    return np.where(share > 1e-3, 1 / np.maximum(share, 1e-3), 1).astype(np.float32)


def _upright(joints: Float, scale: Float) -> Float:
    """Convert positions in the picture to positions in space: metres in the plane z = 0, y up."""
    return joints * np.array([-ASPECT, -1, 0], np.float32) * scale[:, None, None]
