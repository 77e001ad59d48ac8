"""Joint layouts: which joints a skeleton has and how bones connect them.

The shared vocabulary of data and models. A layout is data: adjacencies, bone streams, centring and mirroring are all
made from it, so a new kind of skeleton is one more entry in `LAYOUTS`, or a definition that a data set brings along.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeGuard

from stgdn.errors import InputError, choose


@dataclass(frozen=True)
class Layout:
    """Describes the joints of a skeleton; joints are counted from 0.

    Attributes:
        name: how configs call it.
        joints: V joint names.
        bones: (child, parent) pairs, one for every joint but the root; the parent is nearer to the trunk.
        mirrored: (left, right) pairs of joints.
        centre: the joint that stands for the body's place (clips are centred on it).
        spine: (lower, upper) joint of the trunk, `shoulders`: (right, left); they span the body's own axes. A pair of
            one joint twice says that there are none.
        channels: numbers a joint has: 3 (x, y, z in metres, y up) or 3 (x, y, confidence in the picture).
        planar: the third channel is a confidence, not a coordinate.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    mirrored: tuple[tuple[int, int], ...]
    centre: int
    spine: tuple[int, int]
    shoulders: tuple[int, int]
    channels: int = 3
    planar: bool = False

    @property
    def num_joints(self) -> int:
        """Return V, the number of joints."""
        return len(self.joints)

    @property
    def has_axes(self) -> bool:
        """Return whether spine and shoulders are known, so that a body can be turned to the front."""
        return len(set(self.spine)) == len(set(self.shoulders)) == 2

    @property
    def root(self) -> int:
        """Return the joint without a parent."""
        return next(iter(set(range(self.num_joints)) - {child for child, _ in self.bones}))

    @property
    def parents(self) -> tuple[int, ...]:
        """Return the parent of every joint; the root is its own parent."""
        parent = dict(self.bones)
        return tuple(parent.get(joint, joint) for joint in range(self.num_joints))


_Trunk = tuple[int, tuple[int, int], tuple[int, int]]  # centre, spine, shoulders, as in `Layout`


def _known(name: str, joints: tuple[str, ...], parents: Sequence[int], trunk: _Trunk, planar: bool = False) -> Layout:
    """Return a layout by the parents of all joints, -1 for the root."""
    bones = tuple((child, parent) for child, parent in enumerate(parents) if parent >= 0)
    left = [joint for joint in joints if joint.startswith("left_")]
    sides = tuple((joints.index(joint), joints.index(joint.replace("left", "right", 1))) for joint in left)
    return Layout(name, joints, bones, sides, *trunk, planar=planar)


# Bones as 2s-AGCN and ST-GCN publish them. The tip of a hand hangs on its thumb there, not on the hand; kept, so that
# `agcn` and `st_gcn` are the published functions.
NTU25 = _known(
    "ntu25",
    (
        *("spine_base", "spine_mid", "neck", "head"),
        *("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
        *("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
        *("left_hip", "left_knee", "left_ankle", "left_foot"),
        *("right_hip", "right_knee", "right_ankle", "right_foot"),
        *("spine_shoulder", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb"),
    ),
    (1, 20, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, -1, 22, 7, 24, 11),
    (1, (0, 1), (8, 4)),
)
OPENPOSE18 = _known(
    "openpose18",
    (
        *("nose", "neck"),
        *("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
        *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
    ),
    (1, -1, 1, 2, 3, 1, 5, 6, 2, 8, 9, 5, 11, 12, 0, 0, 14, 15),
    (1, (8, 1), (2, 5)),
    planar=True,
)
KINECT20 = _known(
    "kinect20",
    (
        *("hip_centre", "spine", "shoulder_centre", "head"),
        *("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
        *("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
        *("left_hip", "left_knee", "left_ankle", "left_foot"),
        *("right_hip", "right_knee", "right_ankle", "right_foot"),
    ),
    (-1, 0, 1, 2, 2, 4, 5, 6, 2, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18),
    (1, (0, 2), (8, 4)),
)
# OpenNI's tracker. The neck is the middle of the shoulders; what it calls torso is named as Kinect's spine.
SBU15 = _known(
    "sbu15",
    (
        *("head", "neck", "spine"),
        *("left_shoulder", "left_elbow", "left_hand", "right_shoulder", "right_elbow", "right_hand"),
        *("left_hip", "left_knee", "left_foot", "right_hip", "right_knee", "right_foot"),
    ),
    (1, 2, -1, 1, 3, 4, 1, 6, 7, 2, 9, 10, 2, 12, 13),
    (2, (2, 1), (6, 3)),
)
# Bones as PYSKL has them: without a neck, shoulders hang on the nose and hips on shoulders.
COCO17 = _known(
    "coco17",
    (
        *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
        *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    ),
    (-1, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    (0, (12, 0), (6, 5)),
    planar=True,
)


def _both(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts for side in ("left", "right"))


# OpenPose's BODY_25: order and bones of its doc/02_output.md.
FEET = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel"))
BODY25 = _known(
    "body25",
    (*OPENPOSE18.joints[:8], "mid_hip", *OPENPOSE18.joints[8:], *FEET),
    (1, 8, 1, 2, 3, 1, 5, 6, -1, 8, 9, 10, 8, 12, 13, 0, 0, 15, 16, 14, 19, 14, 11, 22, 11),
    (8, (8, 1), (2, 5)),
    planar=True,
)
# Its BODY_25B, of openpose_train's experimental models: the same feet, and COCO's joints before a neck and a head.
BODY25B = _known(
    "body25b",
    (*COCO17.joints, "neck", "head", *FEET),
    (18, 0, 0, 1, 2, 17, 17, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14, -1, 17, 15, 19, 15, 16, 22, 16),
    (17, (12, 17), (6, 5)),
    planar=True,
)
# The first 26 joints of Halpe-FullBody (AlphaPose, RTMPose); its `Hip` is between the hips.
HALPE26 = _known(
    "halpe26",
    (*COCO17.joints, "head", "neck", "mid_hip", *_both("big_toe", "small_toe", "heel")),
    (17, 0, 0, 1, 2, 18, 18, 5, 6, 7, 8, 19, 19, 11, 12, 13, 14, 18, 19, -1, 15, 16, 15, 16, 15, 16),
    (19, (19, 18), (6, 5)),
    planar=True,
)
# MediaPipe's pose landmarks, in the picture; without a neck, as in COCO17. Its world landmarks are `mediapipe33_3d`.
_EYES = tuple(f"{side}_eye{part}" for side in ("left", "right") for part in ("_inner", "", "_outer"))
_ARM, _LEG = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb"), ("hip", "knee", "ankle", "heel", "foot_index")
MEDIAPIPE33 = _known(
    "mediapipe33",
    ("nose", *_EYES, *_both("ear", "mouth", *_ARM, *_LEG)),
    (-1, 0, 1, 2, 0, 4, 5, 3, 6, 0, 0, 0, 0, *(11, 12, 13, 14), *(15, 16) * 3, *range(11, 13), *range(23, 29), 27, 28),
    (0, (24, 0), (12, 11)),
    planar=True,
)
MEDIAPIPE33_3D = replace(MEDIAPIPE33, name="mediapipe33_3d", planar=False)
# Human3.6M's 17 joints in the order of VideoPose3D, which 3D estimators (MMPose's lifters, MotionBERT) share.
_LEGS = tuple(f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "foot"))
_ARMS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "elbow", "wrist"))
H36M17 = _known(
    "h36m17",
    ("hip_centre", *_LEGS, "spine", "shoulder_centre", "neck", "head", *_ARMS),
    (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    (7, (0, 8), (14, 11)),
)

_ALL = (NTU25, OPENPOSE18, KINECT20, COCO17, SBU15, BODY25, BODY25B, HALPE26, MEDIAPIPE33, MEDIAPIPE33_3D, H36M17)
LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in _ALL}


def layout(given: str | Mapping[str, Any] | Layout) -> Layout:
    """Return the layout of that name, the one that a mapping defines, see `define`, or the given one itself.

    Raises:
        InputError: no such layout (the sentence lists those there are), or a definition that is not a skeleton.
    """
    if isinstance(given, Layout):
        return given
    return define(given) if isinstance(given, Mapping) else LAYOUTS[choose(given, LAYOUTS, "joint layout")]


def plain(skeleton: Layout) -> str | dict[str, Any]:
    """Return what `layout` takes for this skeleton: its name if it is one of `LAYOUTS`, else its definition."""
    return skeleton.name if LAYOUTS.get(skeleton.name) == skeleton else asdict(skeleton)


def define(definition: Mapping[str, Any]) -> Layout:
    """Make a layout from plain data, as `dataclasses.asdict` gives it or as a person writes it.

    Args:
        definition: the attributes of `Layout`; only `joints` and `bones` are needed. A joint may be given by its name
            or by its number, bones in any order. `centre` is else the root.

    Raises:
        InputError: an unknown key or joint, a joint twice, bones that go around in a circle or give a joint two
            parents, or a name that another layout has.
    """
    name = str(definition.get("name", "own"))
    if name in LAYOUTS:
        raise InputError(f"joint layout '{name}' is known already: give the name alone, or another name")
    for key in definition:
        choose(str(key), [field.name for field in fields(Layout)], f"key of joint layout '{name}'")
    joints = _names(definition.get("joints"), name)
    bones = _outward(_pairs(definition.get("bones", ()), joints, f"'bones' of joint layout '{name}'"), joints, name)
    root = next(iter(set(range(len(joints))) - {child for child, _ in bones}))
    centre = _joint(definition.get("centre", root), joints, f"'centre' of joint layout '{name}'")
    axes = {}
    for key in ("spine", "shoulders"):
        pair = definition.get(key, (centre, centre))
        axes[key] = _pairs([pair], joints, f"'{key}' of joint layout '{name}'")[0]
    planar = definition.get("planar", False)
    if not isinstance(planar, bool) or definition.get("channels", 3) != 3:
        raise InputError(f"joint layout '{name}': 'planar' must be true or false and 'channels', if given, 3")
    mirrored = _pairs(definition.get("mirrored", ()), joints, f"'mirrored' of joint layout '{name}'")
    return Layout(name, joints, bones, mirrored, centre, **axes, planar=planar)


def _listed(given: object) -> TypeGuard[Sequence[object]]:
    return isinstance(given, Sequence) and not isinstance(given, str | bytes)


def _names(given: object, layout_name: str) -> tuple[str, ...]:
    names = [name for name in given if isinstance(name, str) and name] if _listed(given) else []
    if not _listed(given) or not names or len(names) < len(given):
        raise InputError(f"joint layout '{layout_name}' needs 'joints', a list of names")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"joint layout '{layout_name}' has two joints called '{twice[0]}'")
    return tuple(names)


def _joint(given: object, joints: tuple[str, ...], what: str) -> int:
    if type(given) is int and not 0 <= given < len(joints):
        raise InputError(f"joint {given} in {what} is not one of the {len(joints)} joints, counted from 0")
    return given if type(given) is int else joints.index(choose(str(given), joints, f"joint in {what}"))


def _pairs(given: object, joints: tuple[str, ...], what: str) -> tuple[tuple[int, int], ...]:
    pairs = [pair for pair in given if _listed(pair) and len(pair) == 2] if _listed(given) else []
    if not _listed(given) or len(pairs) < len(given):
        raise InputError(f"{what} must be pairs of joints, such as [{joints[-1]}, {joints[0]}]")
    return tuple((_joint(pair[0], joints, what), _joint(pair[1], joints, what)) for pair in pairs)


def _outward(bones: tuple[tuple[int, int], ...], joints: tuple[str, ...], name: str) -> tuple[tuple[int, int], ...]:
    """Sort bones so that every parent comes before its children; those that are sorted already keep their order.

    Of several trees (two hands and a face) the roots hang on that of the largest one, by bones that are added.

    Raises:
        InputError: a joint with two parents, or a cycle.
    """
    parents = dict(bones)
    if len(parents) < len(bones):
        child = next(child for child, _ in bones if sum(child == other for other, _ in bones) > 1)
        raise InputError(f"joint layout '{name}': '{joints[child]}' has two parents, bones are (child, parent)")
    roots = [joint for joint in range(len(joints)) if joint not in parents]
    if not roots:
        raise InputError(f"joint layout '{name}': every joint but the root needs one parent, every joint has one")
    tops = list(range(len(joints)))
    for _ in joints:
        tops = [parents.get(joint, joint) for joint in tops]
    root = max(roots, key=tops.count)
    reached, ordered = {root}, []
    left = [*bones, *((other, root) for other in roots if other != root)]
    while left:
        before = len(left)
        for bone in tuple(left):
            if bone[1] in reached:
                reached.add(bone[0])
                ordered.append(bone)
                left.remove(bone)
        if len(left) == before:
            lost = joints[left[0][0]]
            raise InputError(f"joint layout '{name}': the bones from joint '{lost}' go around in a circle")
    return tuple(ordered)
