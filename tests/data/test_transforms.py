"""Every step from the store to the network's input against loops over clips, bodies, frames and joints in float64."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stgdn.data.clip import Clip
from stgdn.data.store import Store
from stgdn.data.transforms import (
    STREAMS,
    ClipSettings,
    alignment,
    batch,
    centre,
    fit_box,
    gather,
    jittered,
    loop_positions,
    moments,
    present,
    resize_positions,
    rotations,
    to_stream,
)
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20, LAYOUTS, NTU25, OPENPOSE18, Layout

from .clips import SCENES, clips, write

Array = NDArray[np.float64]
SEED = np.random.default_rng(0)
ALL = np.arange(len(SCENES))
LENGTHS = np.array([frames for frames, _ in SCENES])
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """One store a layout."""
    folder = tmp_path_factory.mktemp("stores")
    return {layout.name: write(folder / layout.name, clips(layout), layout) for layout in LAYOUTS.values()}


def in_order(layout: Layout = NTU25) -> list[Clip]:
    """The clips in the order of the store."""
    return sorted(clips(layout), key=lambda one: one.name)


def near(found: NDArray, expected: Any, atol: float = 2e-6) -> None:  # noqa: ANN401
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=atol)


def literal_gather(one: Clip, positions: Array, bodies: int) -> Array:
    """Joints (M, T, V, C) of one clip: a body is seen where the nearest frame is in its run, and never leaves it."""
    joints = np.zeros((bodies, len(positions), *one.joints.shape[2:]))
    for m in range(min(bodies, len(one.joints))):
        run = [frame for frame, seen in enumerate(one.present[m]) if seen]
        for t, moment in enumerate(positions):
            if round(moment) in run:
                before = max(math.floor(moment), run[0])
                after = min(math.ceil(moment), run[-1])
                weight = min(max(moment - before, 0), 1)
                joints[m, t] = (1 - weight) * one.joints[m, before].astype(float) + weight * one.joints[m, after]
    return joints


def literal_box(joints: Array) -> Array:
    """One clip (M, T, V, C), each axis from its least to its greatest value of bodies that are seen."""
    boxed = np.zeros_like(joints)
    seen = [(m, t) for m in range(joints.shape[0]) for t in range(joints.shape[1]) if joints[m, t].any()]
    for c in range(joints.shape[3]):
        values = [value for m, t in seen for value in joints[m, t, :, c]]
        low, high = min(values), max(values)
        for m, t in seen:
            for v in range(joints.shape[2]):
                if high > low:
                    boxed[m, t, v, c] = 2 * (joints[m, t, v, c] - low) / (high - low) - 1
    return boxed


def literal_stream(joints: Array, layout: Layout, stream: str) -> Array:
    """One clip (M, T, V, C) as bones, motion, or the motion of bones."""
    parent = dict(layout.bones)
    if "bone" in stream:
        bones = np.zeros_like(joints)
        for child, of in parent.items():
            bones[:, :, child] = joints[:, :, child] - joints[:, :, of]
        joints = bones
    if "motion" not in stream:
        return joints
    motion = np.zeros_like(joints)
    for m in range(joints.shape[0]):
        for t in range(joints.shape[1] - 1):
            if joints[m, t].any() and joints[m, t + 1].any():
                motion[m, t] = joints[m, t + 1] - joints[m, t]
    return motion


def turn_about(axis: int, degrees: float) -> Array:
    """The textbook matrix of a right-handed turn, for columns."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array(
        [
            [[1, 0, 0], [0, c, -s], [0, s, c]],
            [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        ][axis]
    )


class TestSettings:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({"stream": "joints"}, "unknown stream 'joints', allowed: joint, bone, .*did you mean 'joint'"),
            ({"sampling": "crop"}, "unknown sampling 'crop', allowed: loop, resize"),
            ({"align": "front"}, "unknown alignment 'front', allowed: none, turn, body"),
            ({"frames": 0}, r"data\.frames=0 must be a whole number from 1 up"),
            ({"frames": 32.5}, r"data\.frames=32\.5 must be a whole number"),
            ({"frames": "many"}, r"data\.frames=many must be a whole number"),
            ({"frames": True}, r"data\.frames=True must be a whole number"),
            ({"bodies": -1}, r"data\.bodies=-1 must be a whole number"),
            ({"crop": 0.0}, r"data\.crop=0\.0 is out of range"),
            ({"crop": 1.1}, r"data\.crop=1\.1 is out of range"),
            ({"crop": math.nan}, r"data\.crop=nan is out of range"),
            ({"crop": "half"}, r"data\.crop=half is out of range"),
            ({"crop": 0.5}, r"data\.crop and data\.jitter need data\.sampling=resize"),
            ({"jitter": True}, r"data\.crop and data\.jitter need data\.sampling=resize"),
            ({"jitter": "no", "sampling": "resize"}, r"data\.jitter=no must be true or false"),
            ({"box": "yes"}, r"data\.box=yes must be true or false"),
            ({"rotate": (30, 30)}, r"data\.rotate=\[30, 30\] must be three angles"),
            ({"rotate": (0, math.inf, 0)}, r"data\.rotate=.* must be three angles"),
            ({"rotate": ("a", "b", "c")}, r"data\.rotate=.* must be three angles"),
        ],
    )
    def test_that_make_no_sense(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            ClipSettings(**options)


class TestPositions:
    @pytest.mark.parametrize("frames", [1, 2, 7, 30])
    def test_loop_repeats_or_resamples(self, frames: int) -> None:
        positions = loop_positions(LENGTHS, frames)
        for n, length in enumerate(LENGTHS):
            if length > frames:
                expected = [t * (length - 1) / max(frames - 1, 1) for t in range(frames)]
            else:
                expected = [t % length for t in range(frames)]
            near(positions[n], expected)

    @pytest.mark.parametrize("frames", [1, 2, 7, 30])
    @pytest.mark.parametrize(("share", "place"), [(1.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.3, 0.25), (0.01, 0.99)])
    def test_resize_spreads_evenly_over_the_share(self, frames: int, share: float, place: float) -> None:
        positions = resize_positions(LENGTHS, frames, np.full(len(LENGTHS), share), np.full(len(LENGTHS), place))
        for n, length in enumerate(LENGTHS):
            kept = max(share * length, min(length, 2))  # frames, but no fewer than two where there are two
            first = place * (length - kept)
            near(positions[n], [first + t * (kept - 1) / max(frames - 1, 1) for t in range(frames)])

    def test_resize_takes_the_whole_clip_from_first_to_last(self) -> None:
        positions = resize_positions(LENGTHS, 16)
        assert not positions[:, 0].any()
        near(positions[:, -1], LENGTHS - 1)

    @given(st.integers(1, 400), st.integers(1, 300), st.floats(0.01, 1), st.floats(0, 1), st.integers(0, 2**32))
    def test_crop_and_jitter_stay_ordered_in_the_clip(
        self, length: int, frames: int, share: float, place: float, seed: int
    ) -> None:
        crop = resize_positions(np.array([length]), frames, np.array([share]), np.array([place]))
        drawn = jittered(crop, np.array([seed / 2**32]))
        for positions in (crop, drawn):
            assert positions.shape == (1, frames)
            assert (np.diff(positions) >= -1e-9).all()
            assert positions.min() >= -1e-9
            assert positions.max() <= length - 1 + 1e-9
        assert drawn.min() >= crop.min() - 1e-9
        assert drawn.max() <= crop.max() + 1e-9

    def test_crop_keeps_at_least_its_share(self) -> None:
        draws = SEED.random((500, 6))
        lengths = SEED.integers(2, 200, 500)
        positions = moments(lengths, ClipSettings(frames=20, sampling="resize", crop=0.7), draws)
        share = (positions[:, -1] - positions[:, 0] + 1) / lengths
        assert share.min() >= 0.7 - 1e-9
        assert share.max() <= 1 + 1e-9
        assert np.ptp(share) > 0.25
        left, right = positions[:, 0], lengths - 1 - positions[:, -1]
        assert (left > right).mean() == pytest.approx(0.5, abs=0.1)

    def test_jitter_is_uneven_and_differs_between_clips(self) -> None:
        drawn = jittered(np.tile(np.linspace(0, 40, 1000), (2, 1)), np.array([0.1, 0.2]))
        assert np.diff(drawn).std() == pytest.approx(0.04, rel=0.2)  # the gaps of uniform numbers are exponential
        assert (drawn[0] != drawn[1]).all()

    @pytest.mark.parametrize("sampling", ["loop", "resize"])
    def test_evaluation_sees_the_whole_clip(self, sampling: str) -> None:
        augmented = {"crop": 0.5, "jitter": True} if sampling == "resize" else {}
        positions = moments(LENGTHS, ClipSettings(frames=8, sampling=sampling, **augmented), None)
        np.testing.assert_array_equal(positions, moments(LENGTHS, ClipSettings(frames=8, sampling=sampling), None))
        assert not positions[:, 0].any()


class TestGather:
    @every_layout
    @pytest.mark.parametrize("bodies", [1, 2, 3, 5])
    def test_whole_moments_are_the_stored_frames(self, stores: dict[str, Store], layout: Layout, bodies: int) -> None:
        for index, one in enumerate(in_order(layout)):
            positions = np.arange(one.joints.shape[1], dtype=float)
            joints = gather(stores[layout.name], np.array([index]), positions[None], bodies)[0]
            assert joints.dtype == np.float32
            stored = min(bodies, len(one.joints))
            np.testing.assert_array_equal(joints[:stored], one.joints[:stored])
            assert joints.shape[0] == bodies
            assert not joints[stored:].any()

    @settings(max_examples=60, deadline=None)
    @given(data=st.data(), bodies=st.integers(1, 4), frames=st.integers(1, 12))
    def test_between_frames_is_linear(
        self, stores: dict[str, Store], data: st.DataObject, bodies: int, frames: int
    ) -> None:
        made = in_order()
        indices = np.array(data.draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=5)))
        # thirds: never half-way between two frames, where either may be the nearest
        positions = np.array(
            [[data.draw(st.integers(0, 3 * (made[n].joints.shape[1] - 1))) / 3 for _ in range(frames)] for n in indices]
        )
        joints = gather(stores["ntu25"], indices, positions, bodies)
        near(joints, [literal_gather(made[n], at, bodies) for n, at in zip(indices, positions, strict=True)])

    def test_somebody_is_seen_at_every_moment(self, stores: dict[str, Store]) -> None:
        store = stores["ntu25"]
        joints = gather(store, ALL, resize_positions(store.clips["length"], 200), 3)
        assert present(joints).any(axis=1).all()

    def test_the_store_is_not_changed(self, stores: dict[str, Store]) -> None:
        batch(stores["ntu25"], ALL, ClipSettings(frames=20, box=True, align="body", sampling="resize", bodies=3))
        stores["ntu25"].verify()
        for index, one in enumerate(in_order()):
            np.testing.assert_array_equal(stores["ntu25"].joints(index)[: len(one.joints)], one.joints)


class TestCentre:
    @every_layout
    def test_moves_the_first_pose_to_the_origin(self, layout: Layout) -> None:
        joints = np.stack([padded(one) for one in in_order(layout)])
        pose = np.stack([one.joints[0][one.present[0]][0] for one in in_order(layout)])
        moved = centre(joints, pose, layout)
        for n, one in enumerate(in_order(layout)):
            origin = pose[n, layout.centre].astype(float) * (not layout.planar)
            for m, t in np.argwhere(one.present):
                near(moved[n, m, t], joints[n, m, t] - origin)
        assert not moved[~seen_in(in_order(layout))].any()

    def test_a_body_on_the_origin_stays_seen(self) -> None:
        joints = SEED.normal(size=(1, 1, 4, 25, 3)).astype(np.float32)
        joints[..., NTU25.centre, :] = joints[:, 0, 0, NTU25.centre]
        moved = centre(joints, joints[:, 0, 0], NTU25)
        assert not moved[..., NTU25.centre, :].any()
        assert present(moved).all()


def padded(one: Clip) -> NDArray[np.float32]:
    """Joints with 3 bodies and 23 frames."""
    joints = np.zeros((3, 23, *one.joints.shape[2:]), np.float32)
    joints[: one.joints.shape[0], : one.joints.shape[1]] = one.joints
    return joints


def seen_in(made: list[Clip]) -> NDArray[np.bool_]:
    seen = np.zeros((len(made), 3, 23), np.bool_)
    for n, one in enumerate(made):
        seen[n, : one.present.shape[0], : one.present.shape[1]] = one.present
    return seen


def assert_turns(matrices: NDArray) -> None:
    """Orthonormal, and no mirror images."""
    near(matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), matrices.shape))
    near(np.linalg.det(matrices.astype(float)), np.ones(len(matrices)))


class TestAlignment:
    @pytest.mark.parametrize("layout", [NTU25, KINECT20], ids=lambda layout: layout.name)
    @pytest.mark.parametrize("align", ["turn", "body"])
    def test_brings_the_shoulders_along_x(self, layout: Layout, align: str) -> None:
        pose = SEED.normal(size=(50, layout.num_joints, 3)).astype(np.float32)
        matrices = alignment(pose, layout, align)
        assert_turns(matrices)
        (right, left), (low, high) = layout.shoulders, layout.spine
        for n in range(len(pose)):
            across = matrices[n].T.astype(float) @ (pose[n, left] - pose[n, right])
            up = matrices[n].T.astype(float) @ (pose[n, high] - pose[n, low])
            assert across[0] > 0
            assert across[2] == pytest.approx(0, abs=1e-5)
            if align == "body":
                near(up, [0, np.linalg.norm(pose[n, high] - pose[n, low]), 0], atol=1e-5)
            else:
                near((pose[n] @ matrices[n])[:, 1], pose[n, :, 1])

    def test_a_person_facing_the_camera_is_turned_half_round_or_not_at_all(self) -> None:
        pose = np.zeros((2, 25, 3), np.float32)
        pose[:, NTU25.spine[1], 1] = 0.3
        pose[0, NTU25.shoulders[1], 0] = pose[1, NTU25.shoulders[0], 0] = 0.4
        for align in ("turn", "body"):
            near(alignment(pose, NTU25, align), [np.eye(3), np.diag([-1, 1, -1])])

    @pytest.mark.parametrize("align", ["turn", "body"])
    def test_of_a_degenerate_pose_is_no_turn(self, align: str) -> None:
        right, left = NTU25.shoulders
        low, high = NTU25.spine
        pose = np.tile(SEED.normal(size=(25, 3)), (4, 1, 1)).astype(np.float32)
        pose[0] = 0
        pose[1, left] = pose[1, right]
        pose[2, high] = pose[2, low] + np.array([0, 0.5, 0])  # shoulders along the spine, and this one upright
        pose[2, left] = pose[2, right] + np.array([0, 0.25, 0])
        pose[3, high] = pose[3, low] + np.array([0, 0.5, 0])
        pose[3, left] = pose[3, right] + np.array([0, 0.25, 5e-4])  # half a millimetre says nothing about the front
        np.testing.assert_array_equal(alignment(pose, NTU25, align), np.broadcast_to(np.eye(3), (4, 3, 3)))

    def test_body_without_a_spine_is_no_turn(self) -> None:
        pose = SEED.normal(size=(1, 25, 3)).astype(np.float32)
        pose[:, NTU25.spine[1]] = pose[:, NTU25.spine[0]]
        np.testing.assert_array_equal(alignment(pose, NTU25, "body"), np.eye(3)[None])


class TestRotations:
    def test_is_about_x_then_y_then_z(self) -> None:
        angles = SEED.uniform(-180, 180, (20, 3))
        matrices = rotations(angles)
        assert_turns(matrices)
        points = SEED.normal(size=(20, 7, 3))
        for n, (x, y, z) in enumerate(angles):
            turn = turn_about(2, z) @ turn_about(1, y) @ turn_about(0, x)
            near(points[n] @ matrices[n], [turn @ point for point in points[n]])

    @pytest.mark.parametrize(
        ("angles", "images"),
        [
            ((90, 0, 0), ([1, 0, 0], [0, 0, 1], [0, -1, 0])),
            ((0, 90, 0), ([0, 0, -1], [0, 1, 0], [1, 0, 0])),
            ((0, 0, 90), ([0, 1, 0], [-1, 0, 0], [0, 0, 1])),
            ((90, 90, 0), ([0, 0, -1], [1, 0, 0], [0, -1, 0])),
        ],
    )
    def test_by_right_angles(self, angles: tuple[int, ...], images: tuple[list[int], ...]) -> None:
        near(np.eye(3) @ rotations(np.array([angles]))[0], images)


class TestBox:
    @every_layout
    def test_equals_the_loops(self, layout: Layout) -> None:
        joints = np.stack([padded(one) for one in in_order(layout)])
        boxed = fit_box(joints)
        assert boxed.dtype == np.float32
        near(boxed, [literal_box(clip.astype(float)) for clip in joints])

    def test_reaches_both_sides_over_the_seen(self) -> None:
        made = in_order()
        boxed = fit_box(np.stack([padded(one) + 5 * padded(one).any((2, 3), keepdims=True) for one in made]))
        for clip, seen in zip(boxed, seen_in(made), strict=True):
            near(clip[seen].min(axis=(0, 1)), [-1] * 3)
            near(clip[seen].max(axis=(0, 1)), [1] * 3)
            assert not clip[~seen].any()

    def test_flat_axes_become_zero(self) -> None:
        joints = SEED.normal(size=(2, 2, 5, 25, 3)).astype(np.float32)
        joints[0, ..., 1] = 0.7
        joints[1] = 0.3
        boxed = fit_box(joints)
        near(boxed[0], literal_box(joints[0].astype(float)))
        assert not boxed[0, ..., 1].any()
        assert not boxed[1].any()

    def test_of_nobody_is_nothing(self) -> None:
        assert not fit_box(np.zeros((3, 2, 5, 25, 3), np.float32)).any()


class TestStream:
    @every_layout
    @pytest.mark.parametrize("stream", STREAMS)
    def test_equals_the_loops(self, layout: Layout, stream: str) -> None:
        joints = np.stack([padded(one) for one in in_order(layout)])
        before = joints.copy()
        found = to_stream(joints, layout, stream)
        assert found.shape == joints.shape
        near(found, [literal_stream(clip.astype(float), layout, stream) for clip in joints])
        np.testing.assert_array_equal(joints, before)

    @every_layout
    def test_the_root_has_no_bone_and_the_last_frame_no_motion(self, layout: Layout) -> None:
        joints = np.stack([padded(one) for one in in_order(layout)])
        assert not to_stream(joints, layout, "bone")[..., layout.root, :].any()
        for stream in ("joint_motion", "bone_motion"):
            motion = to_stream(joints, layout, stream)
            for n, one in enumerate(in_order(layout)):
                for m, seen in enumerate(one.present):
                    first, last = np.flatnonzero(seen)[[0, -1]]
                    assert motion[n, m, first:last].any(axis=(1, 2)).all()
                    assert not motion[n, m, last:].any()
                    assert not motion[n, m, :first].any()


def literal_turn(pose: Array, layout: Layout, align: str, angles: Array | None) -> Array:
    """What columns are multiplied by: alignment by cross products, then the random turn."""
    turn = np.eye(3)
    if align != "none":
        across = pose[layout.shoulders[1]] - pose[layout.shoulders[0]]
        up = pose[layout.spine[1]] - pose[layout.spine[0]] if align == "body" else np.array([0.0, 1.0, 0.0])
        front = np.cross(across, up)
        side = np.cross(up, front)
        turn = np.stack([axis / np.linalg.norm(axis) for axis in (side, up, front)])
    if angles is not None:
        turn = turn_about(2, angles[2]) @ turn_about(1, angles[1]) @ turn_about(0, angles[0]) @ turn
    return turn


def literal_batch(one: Clip, layout: Layout, how: ClipSettings, draws: Array | None) -> Array:
    """One clip (C, T, V, M) by all steps."""
    length = one.joints.shape[1]
    kept, first = float(length), 0.0
    if draws is not None:
        kept = max(length * (how.crop + (1 - how.crop) * draws[0]), min(length, 2))
        first = draws[1] * (length - kept)
    positions = [first + t * (kept - 1) / max(how.frames - 1, 1) for t in range(how.frames)]
    if how.sampling == "loop" and length <= how.frames:
        positions = [t % length for t in range(how.frames)]
    joints = literal_gather(one, np.array(positions), how.bodies)
    pose = one.joints[0][one.present[0]][0].astype(float)
    turn = literal_turn(pose, layout, how.align, None if draws is None else (2 * draws[2:5] - 1) * how.rotate)
    origin = pose[layout.centre] * (not layout.planar)
    for m in range(joints.shape[0]):
        for t in range(joints.shape[1]):
            if joints[m, t].any():
                joints[m, t] = [turn @ (joint - origin) for joint in joints[m, t]]
    if how.box:
        joints = literal_box(joints)
    return literal_stream(joints, layout, how.stream).transpose(3, 1, 2, 0)


PIPELINES = [
    ClipSettings(frames=30),
    ClipSettings(frames=8, stream="bone", bodies=1),
    ClipSettings(frames=17, sampling="resize", align="turn", stream="joint_motion"),
    ClipSettings(frames=16, sampling="resize", crop=0.6, align="body", box=True, rotate=(30, 20, 10), bodies=3),
    ClipSettings(frames=13, sampling="resize", crop=0.6, rotate=(0, 90, 0), stream="bone_motion", bodies=4),
]


class TestBatch:
    @every_layout
    @pytest.mark.parametrize("how", PIPELINES, ids=str)
    @pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
    def test_equals_all_steps_of_one_clip(
        self, stores: dict[str, Store], layout: Layout, how: ClipSettings, training: bool
    ) -> None:
        draws = np.random.default_rng(1).random((len(ALL), 6)) if training else None
        found = batch(stores[layout.name], ALL, how, draws)
        assert found.shape == (len(ALL), 3, how.frames, layout.num_joints, how.bodies)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        expected = [
            literal_batch(one, layout, how, None if draws is None else draws[n])
            for n, one in enumerate(in_order(layout))
        ]
        near(found, expected, atol=2e-5)

    @pytest.mark.parametrize("how", PIPELINES, ids=str)
    def test_a_clip_does_not_depend_on_its_neighbours(self, stores: dict[str, Store], how: ClipSettings) -> None:
        draws = np.random.default_rng(1).random((len(ALL), 6))
        together = batch(stores["ntu25"], ALL, how, draws)
        for n in ALL[::-1]:
            alone = batch(stores["ntu25"], np.array([n]), how, draws[[n]])
            np.testing.assert_allclose(alone[0], together[n], atol=1e-6)

    def test_of_no_clips(self, stores: dict[str, Store]) -> None:
        for how in PIPELINES:
            assert batch(stores["ntu25"], np.array([], int), how).shape == (0, 3, how.frames, 25, how.bodies)

    def test_alignment_undoes_the_camera(self, tmp_path: Path) -> None:
        made = in_order()
        turned = rotations(np.array([[20, -50, 10]]))[0]
        seen_from_elsewhere = [
            Clip(one.name, 0, (one.joints @ turned - 3) * one.present[..., None, None], one.present) for one in made
        ]
        how = ClipSettings(frames=20, align="body", sampling="resize", bodies=3)
        here, there = (write(tmp_path / str(n), view) for n, view in enumerate((made, seen_from_elsewhere)))
        near(batch(here, ALL, how), batch(there, ALL, how), atol=1e-4)

    def test_a_flat_layout_keeps_its_confidence(self, stores: dict[str, Store]) -> None:
        found = batch(
            stores["openpose18"], ALL, ClipSettings(frames=23, bodies=3, rotate=(0, 0, 60)), SEED.random((7, 6))
        )
        for n, one in enumerate(in_order(OPENPOSE18)):
            M, T = one.present.shape
            np.testing.assert_array_equal(found[n, 2, :T, :, :M].transpose(2, 0, 1), one.joints[..., 2])
