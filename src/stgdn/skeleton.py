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


def _from_one(*bones: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple((child - 1, parent - 1) for child, parent in bones)


# Bones as 2s-AGCN and ST-GCN publish them (there counted from 1). The tip of a hand hangs on its thumb there, not on
# the hand; kept, so that `agcn` and `st_gcn` are the published functions.
NTU25 = Layout(
    name="ntu25",
    joints=(
        *("spine_base", "spine_mid", "neck", "head"),
        *("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
        *("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
        *("left_hip", "left_knee", "left_ankle", "left_foot"),
        *("right_hip", "right_knee", "right_ankle", "right_foot"),
        *("spine_shoulder", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb"),
    ),
    bones=_from_one(
        *((1, 2), (2, 21), (3, 21), (4, 3)),
        *((5, 21), (6, 5), (7, 6), (8, 7), (22, 23), (23, 8)),
        *((9, 21), (10, 9), (11, 10), (12, 11), (24, 25), (25, 12)),
        *((13, 1), (14, 13), (15, 14), (16, 15)),
        *((17, 1), (18, 17), (19, 18), (20, 19)),
    ),
    mirrored=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23), (22, 24)),
    centre=1,
    spine=(0, 1),
    shoulders=(8, 4),
)

OPENPOSE18 = Layout(
    name="openpose18",
    joints=(
        *("nose", "neck"),
        *("right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
        *("right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
    ),
    bones=(
        *((0, 1), (14, 0), (15, 0), (16, 14), (17, 15)),
        *((2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6)),
        *((8, 2), (9, 8), (10, 9), (11, 5), (12, 11), (13, 12)),
    ),
    mirrored=((5, 2), (6, 3), (7, 4), (11, 8), (12, 9), (13, 10), (15, 14), (17, 16)),
    centre=1,
    spine=(8, 1),
    shoulders=(2, 5),
    planar=True,
)

KINECT20 = Layout(
    name="kinect20",
    joints=(
        *("hip_centre", "spine", "shoulder_centre", "head"),
        *("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
        *("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
        *("left_hip", "left_knee", "left_ankle", "left_foot"),
        *("right_hip", "right_knee", "right_ankle", "right_foot"),
    ),
    bones=(
        *((1, 0), (2, 1), (3, 2)),
        *((4, 2), (5, 4), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9), (11, 10)),
        *((12, 0), (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18)),
    ),
    mirrored=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
    centre=1,
    spine=(0, 2),
    shoulders=(8, 4),
)

# OpenNI's tracker. The neck is the middle of the shoulders; what it calls torso is named as Kinect's spine.
SBU15 = Layout(
    name="sbu15",
    joints=(
        *("head", "neck", "spine"),
        *("left_shoulder", "left_elbow", "left_hand", "right_shoulder", "right_elbow", "right_hand"),
        *("left_hip", "left_knee", "left_foot", "right_hip", "right_knee", "right_foot"),
    ),
    bones=(
        *((1, 2), (0, 1)),
        *((3, 1), (4, 3), (5, 4), (6, 1), (7, 6), (8, 7)),
        *((9, 2), (10, 9), (11, 10), (12, 2), (13, 12), (14, 13)),
    ),
    mirrored=((3, 6), (4, 7), (5, 8), (9, 12), (10, 13), (11, 14)),
    centre=2,
    spine=(2, 1),
    shoulders=(6, 3),
)

# Bones as PYSKL has them: without a neck, shoulders hang on the nose and hips on shoulders.
COCO17 = Layout(
    name="coco17",
    joints=(
        *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
        *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    ),
    bones=(
        *((15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6)),
        *((9, 7), (7, 5), (10, 8), (8, 6), (5, 0), (6, 0)),
        *((1, 0), (3, 1), (2, 0), (4, 2)),
    ),
    mirrored=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    centre=0,
    spine=(12, 0),
    shoulders=(6, 5),
    planar=True,
)


def _known(name: str, joints: tuple[str, ...], parents: Sequence[int], **more: Any) -> Layout:  # noqa: ANN401
    """Return a layout in the picture from the parent of every joint; that of the root is -1."""
    bones = tuple((child, parent) for child, parent in enumerate(parents) if parent >= 0)
    left = [joint for joint in joints if joint.startswith("left_")]
    sides = tuple((joints.index(joint), joints.index(joint.replace("left", "right", 1))) for joint in left)
    return Layout(name, joints, bones, sides, **{"planar": True, **more})


def _both(*parts: str) -> tuple[str, ...]:
    return tuple(f"{side}_{part}" for part in parts for side in ("left", "right"))


# OpenPose's BODY_25: order and bones of its doc/02_output.md.
FEET = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel"))
BODY25 = _known(
    "body25",
    (*OPENPOSE18.joints[:8], "mid_hip", *OPENPOSE18.joints[8:], *FEET),
    (1, 8, 1, 2, 3, 1, 5, 6, -1, 8, 9, 10, 8, 12, 13, 0, 0, 15, 16, 14, 19, 14, 11, 22, 11),
    **{"centre": 8, "spine": (8, 1), "shoulders": (2, 5)},
)
# The first 26 joints of Halpe-FullBody (AlphaPose, RTMPose); its `Hip` is between the hips.
HALPE26 = _known(
    "halpe26",
    (*COCO17.joints, "head", "neck", "mid_hip", *_both("big_toe", "small_toe", "heel")),
    (17, 0, 0, 1, 2, 18, 18, 5, 6, 7, 8, 19, 19, 11, 12, 13, 14, 18, 19, -1, 15, 16, 15, 16, 15, 16),
    **{"centre": 19, "spine": (19, 18), "shoulders": (6, 5)},
)
# MediaPipe's pose landmarks, in the picture; without a neck, as in COCO17. Its world landmarks are `mediapipe33_3d`.
_EYES = tuple(f"{side}_eye{part}" for side in ("left", "right") for part in ("_inner", "", "_outer"))
_ARM, _LEG = ("shoulder", "elbow", "wrist", "pinky", "index", "thumb"), ("hip", "knee", "ankle", "heel", "foot_index")
MEDIAPIPE33 = _known(
    "mediapipe33",
    ("nose", *_EYES, *_both("ear", "mouth", *_ARM, *_LEG)),
    (-1, 0, 1, 2, 0, 4, 5, 3, 6, 0, 0, 0, 0, *(11, 12, 13, 14), *(15, 16) * 3, *range(11, 13), *range(23, 29), 27, 28),
    **{"centre": 0, "spine": (24, 0), "shoulders": (12, 11)},
)
MEDIAPIPE33_3D = replace(MEDIAPIPE33, name="mediapipe33_3d", planar=False)
# Human3.6M's 17 joints in the order of VideoPose3D, which 3D estimators (MMPose's lifters, MotionBERT) share.
_LEGS = tuple(f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "foot"))
_ARMS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "elbow", "wrist"))
H36M17 = _known(
    "h36m17",
    ("hip_centre", *_LEGS, "spine", "shoulder_centre", "neck", "head", *_ARMS),
    (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    **{"centre": 7, "spine": (0, 8), "shoulders": (14, 11), "planar": False},
)

_ALL = (NTU25, OPENPOSE18, KINECT20, COCO17, SBU15, BODY25, HALPE26, MEDIAPIPE33, MEDIAPIPE33_3D, H36M17)
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
