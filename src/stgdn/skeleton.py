"""Joint layouts: which joints a skeleton has and how bones connect them.

The shared vocabulary of data and models. A layout is data: adjacencies, bone streams, centring and mirroring are all
made from it, so a new kind of skeleton is one more entry in `LAYOUTS`.
"""

from dataclasses import dataclass

from stgdn.errors import choose


@dataclass(frozen=True)
class Layout:
    """The joints of one kind of skeleton; joints are counted from 0.

    Attributes:
        name: how configs call it.
        joints: V joint names.
        bones: (child, parent) pairs, one for every joint but the root; the parent is nearer to the trunk.
        mirrored: (left, right) pairs of joints.
        centre: the joint that stands for the body's place (clips are centred on it).
        spine: (lower, upper) joint of the trunk, `shoulders`: (right, left); they span the body's own axes.
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
        """V, the number of joints."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """The joint without a parent."""
        return next(iter(set(range(self.num_joints)) - {child for child, _ in self.bones}))

    @property
    def parents(self) -> tuple[int, ...]:
        """The parent of every joint; the root is its own."""
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

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (NTU25, OPENPOSE18, KINECT20, COCO17)}


def layout(name: str) -> Layout:
    """Return the layout called `name`.

    Raises:
        InputError: no such layout; the sentence lists those there are.
    """
    return LAYOUTS[choose(name, LAYOUTS, "joint layout")]
