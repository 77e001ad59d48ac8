"""Every step from the store to the network's input, and all of them, against loops in float64."""

from pathlib import Path

import numpy as np
import pytest
from tests.data.clips import SCENES, clip, clips, write
from tests.data.literal import (
    all_packed,
    in_order,
    literal_batch,
    literal_box,
    literal_stream,
    near,
    packed,
    padded,
    seen_in,
)

from stgdn.data.batches.settings import STREAMS, ClipSettings
from stgdn.data.batches.transforms import batch, bones, fit_box, motion, origin
from stgdn.data.batches.views import rotations
from stgdn.data.clip import Clip
from stgdn.data.store.store import Store
from stgdn.skeleton import LAYOUTS, OPENPOSE18, Layout

SEED = np.random.default_rng(0)
ALL = np.arange(len(SCENES))
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """One store a layout."""
    folder = tmp_path_factory.mktemp("stores")
    return {layout.name: write(folder / layout.name, clips(layout), layout) for layout in LAYOUTS.values()}


@pytest.fixture(scope="module")
def extremes(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A clip of 1 and one of 100,000 frames."""
    made = [clip("a", 1, [(0, 1)], OPENPOSE18), clip("b", 100_000, [(0, 100_000)], OPENPOSE18)]
    return write(tmp_path_factory.mktemp("extremes") / "store", made, OPENPOSE18)


@every_layout
def test_the_centre_of_the_first_pose_becomes_the_origin(layout: Layout) -> None:
    pose = SEED.normal(size=(4, layout.num_joints, 3)).astype(np.float32)
    np.testing.assert_array_equal(origin(pose, layout), pose[:, layout.centre] * (not layout.planar))


class TestBox:
    @every_layout
    def test_equals_the_loops(self, layout: Layout) -> None:
        joints, poses = all_packed(layout)
        fit_box(poses)
        assert poses.to_dense().dtype == np.float32
        near(poses.to_dense(), [literal_box(clip.astype(float)) for clip in joints])

    def test_reaches_both_sides_over_the_seen(self) -> None:
        seen = seen_in(in_order())
        poses = packed(np.stack([padded(one) for one in in_order()]) + np.float32(5), seen)
        fit_box(poses)
        for boxed, where in zip(poses.to_dense(), seen, strict=True):
            near(boxed[where].min(axis=(0, 1)), [-1] * 3)
            near(boxed[where].max(axis=(0, 1)), [1] * 3)
            assert not boxed[~where].any()

    def test_flat_axes_become_zero(self) -> None:
        joints = SEED.normal(size=(2, 2, 5, 25, 3)).astype(np.float32)
        joints[0, ..., 1] = 0.7
        joints[1] = 0.3
        poses = packed(joints, np.ones((2, 2, 5), bool))
        fit_box(poses)
        near(poses.to_dense()[0], literal_box(joints[0].astype(float)))
        assert not poses.to_dense()[0, ..., 1].any()
        assert not poses.to_dense()[1].any()

    def test_of_nobody_is_nothing(self) -> None:
        poses = packed(np.zeros((3, 2, 5, 25, 3), np.float32), np.zeros((3, 2, 5), bool))
        fit_box(poses)
        assert not poses.to_dense().any()


class TestStream:
    @every_layout
    @pytest.mark.parametrize("stream", STREAMS)
    def test_equals_the_loops(self, layout: Layout, stream: str) -> None:
        joints, poses = all_packed(layout)
        if "bone" in stream:
            poses.joints = bones(poses.joints, layout)
        found = poses.to_dense()
        if "motion" in stream:
            found = motion(found, seen_in(in_order(layout)))
        near(found, [literal_stream(clip.astype(float), layout, stream) for clip in joints])

    @every_layout
    def test_the_root_has_no_bone_and_the_last_frame_no_motion(self, layout: Layout) -> None:
        joints, _ = all_packed(layout)
        assert not bones(joints.reshape(-1, layout.num_joints, 3), layout)[:, layout.root].any()
        moved = motion(joints, seen_in(in_order(layout)))
        for n, one in enumerate(in_order(layout)):
            for m, seen in enumerate(one.present):
                first, last = np.flatnonzero(seen)[[0, -1]]
                assert moved[n, m, first:last].any(axis=(1, 2)).all()
                assert not moved[n, m, last:].any()
                assert not moved[n, m, :first].any()


PIPELINES = [
    ClipSettings(frames=30),
    ClipSettings(frames=8, stream="bone", bodies=1),
    ClipSettings(frames=17, sampling="resize", align="turn", stream="joint_motion"),
    ClipSettings(frames=16, sampling="resize", crop=0.6, align="body", box=True, rotate=(30, 20, 10), bodies=3),
    ClipSettings(frames=13, sampling="resize", crop=0.6, rotate=(0, 90, 0), stream="bone_motion", bodies=4),
    ClipSettings(frames=15, sampling="window", moving_camera=True, stream="joint_motion", bodies=3),
    ClipSettings(frames=6, sampling="window", moving_camera=True, box=True, bodies=1),
    ClipSettings(frames=26, moving_camera=True, rotate=(0, 0, 30), stream="bone"),
]


class TestBatch:
    @every_layout
    @pytest.mark.parametrize("how", PIPELINES, ids=str)
    @pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
    def test_equals_all_steps_of_one_clip(
        self, stores: dict[str, Store], layout: Layout, how: ClipSettings, training: bool
    ) -> None:
        random_numbers = np.random.default_rng(1).random((len(ALL), 6)) if training else None
        found = batch(stores[layout.name], ALL, how, random_numbers)
        assert found.shape == (len(ALL), 3, how.frames, layout.num_joints, how.bodies)
        assert found.dtype == np.float32
        assert found.transpose(0, 4, 2, 3, 1).flags.c_contiguous
        expected = [
            literal_batch(one, layout, how, None if random_numbers is None else random_numbers[n])
            for n, one in enumerate(in_order(layout))
        ]
        near(found, expected, atol=2e-5)

    @pytest.mark.parametrize("how", PIPELINES, ids=str)
    def test_a_clip_does_not_depend_on_its_neighbours(self, stores: dict[str, Store], how: ClipSettings) -> None:
        random_numbers = np.random.default_rng(1).random((len(ALL), 6))
        together = batch(stores["ntu25"], ALL, how, random_numbers)
        for n in ALL[::-1]:
            alone = batch(stores["ntu25"], np.array([n]), how, random_numbers[[n]])
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
        how = ClipSettings(frames=23, bodies=3, rotate=(0, 0, 60), moving_camera=True)
        found = batch(stores["openpose18"], ALL, how, SEED.random((7, 6)))
        for n, one in enumerate(in_order(OPENPOSE18)):
            M, T = one.present.shape
            np.testing.assert_array_equal(found[n, 2, :T, :, :M].transpose(2, 0, 1), one.joints[..., 2])

    def test_the_store_is_not_changed(self, stores: dict[str, Store]) -> None:
        batch(stores["ntu25"], ALL, ClipSettings(frames=20, box=True, align="body", sampling="resize", bodies=3))
        batch(stores["ntu25"], ALL, ClipSettings(frames=20, stream="bone_motion"))
        stores["ntu25"].verify()
        for index, one in enumerate(in_order()):
            np.testing.assert_array_equal(stores["ntu25"].joints(index)[: len(one.joints)], one.joints)

    @pytest.mark.parametrize("sampling", ["loop", "resize", "window"])
    @pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
    def test_the_shortest_and_the_longest_clip(self, extremes: Store, sampling: str, training: bool) -> None:
        how = ClipSettings(frames=40, sampling=sampling, moving_camera=True)
        random_numbers = SEED.random((2, 6)) if training else None
        found = batch(extremes, np.array([0, 1]), how, random_numbers)
        for n, frames in enumerate((1, 100_000)):
            one = clip("ab"[n], frames, [(0, frames)], OPENPOSE18)
            near(
                found[n],
                literal_batch(one, OPENPOSE18, how, None if random_numbers is None else random_numbers[n]),
                atol=1e-5,
            )
