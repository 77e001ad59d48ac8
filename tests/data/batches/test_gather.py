"""Reading a batch from the store against loops over bodies, frames and joints."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.clips import SCENES, clip, clips, header, write
from tests.data.literal import in_order, literal_gather, near

from stgdn.data.batches.frame_times import FrameTimes, looped, resized
from stgdn.data.batches.gather import gather
from stgdn.data.clip import Clip
from stgdn.data.store.store import Store
from stgdn.data.store.writer import StoreWriter
from stgdn.skeleton import LAYOUTS, NTU25, OPENPOSE18, Layout

SEED = np.random.default_rng(0)
ALL = np.arange(len(SCENES))
every_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """One store a layout."""
    folder = tmp_path_factory.mktemp("stores")
    return {layout.name: write(folder / layout.name, clips(layout), layout) for layout in LAYOUTS.values()}


def at(times: np.ndarray) -> FrameTimes:
    return FrameTimes(times, np.full(len(times), times.shape[1]))


@every_layout
@pytest.mark.parametrize("bodies", [1, 2, 3, 5])
def test_whole_moments_are_the_stored_frames(stores: dict[str, Store], layout: Layout, bodies: int) -> None:
    for index, one in enumerate(in_order(layout)):
        positions = np.arange(one.joints.shape[1], dtype=float)
        joints = gather(stores[layout.name], np.array([index]), at(positions[None]), bodies).to_dense()[0]
        assert joints.dtype == np.float32
        stored = min(bodies, len(one.joints))
        np.testing.assert_array_equal(joints[:stored], one.joints[:stored])
        assert joints.shape[0] == bodies
        assert not joints[stored:].any()


@settings(max_examples=40)
@given(data=st.data(), bodies=st.integers(1, 4), frames=st.integers(1, 12))
@pytest.mark.parametrize("layout", [NTU25, OPENPOSE18], ids=lambda layout: layout.name)
def test_between_frames_is_linear(
    stores: dict[str, Store], layout: Layout, data: st.DataObject, bodies: int, frames: int
) -> None:
    made = in_order(layout)
    indices = np.array(data.draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=5)))
    positions = np.array(
        [[data.draw(st.integers(-6, 4 * made[n].joints.shape[1])) / 4 for _ in range(frames)] for n in indices]
    )
    joints = gather(stores[layout.name], indices, at(positions), bodies).to_dense()
    near(joints, [literal_gather(made[n], moment, bodies) for n, moment in zip(indices, positions, strict=True)])


def test_poses_know_their_clip_and_time(stores: dict[str, Store]) -> None:
    poses = gather(stores["ntu25"], ALL, looped(stores["ntu25"].clips["length"], 10), 2)
    joints = poses.to_dense()
    clip_of, step = poses.clip_index(), poses.time_step
    assert len(clip_of) == len(step) == len(poses.joints) - 1
    assert (np.diff(clip_of) >= 0).all()
    for row in range(len(step)):
        assert (joints[clip_of[row], :, step[row]] == poses.joints[row]).all(axis=(1, 2)).any()
    for n in range(len(ALL)):
        np.testing.assert_array_equal(poses.of_clip(n), poses.joints[:-1][clip_of == n])
    assert not poses.joints[-1].any()


def test_a_repeated_clip_is_read_once(stores: dict[str, Store]) -> None:
    store = stores["ntu25"]
    poses = gather(store, ALL, looped(store.clips["length"], 60), 3)
    assert len(poses.joints) - 1 == store.header.rows
    near(poses.to_dense(), [literal_gather(one, np.arange(60.0) % one.joints.shape[1], 3) for one in in_order()])


def test_somebody_is_seen_at_every_moment(stores: dict[str, Store]) -> None:
    store = stores["ntu25"]
    joints = gather(store, ALL, resized(store.clips["length"], 200), 3).to_dense()
    assert joints.any(axis=(1, 3, 4)).all()


def test_a_body_of_zeros_is_nobody(tmp_path: Path) -> None:
    one = clip("one", 6, ((0, 6), (1, 4)))
    one.joints[0, 2] = one.joints[1, 3] = 0
    one.joints[0, 4, 0] = 0  # one joint, which is none of the others' business
    poses = gather(write(tmp_path / "store", [one]), np.array([0]), at(np.arange(6.0)[None]), 2)
    assert len(poses.joints) - 1 == 8
    np.testing.assert_array_equal(poses.to_dense()[0], one.joints)
    assert (poses.pose_index[0, 0, 2], poses.pose_index[0, 1, 3]) == (8, 8)


class TestMissingJoints:
    """Between a planar joint and one that was not found, (0, 0, 0), the nearer frame counts."""

    @pytest.mark.parametrize("layout", [OPENPOSE18, NTU25], ids=["planar", "space"])
    def test_equals_the_loops(self, tmp_path: Path, layout: Layout) -> None:
        made = clips(layout)
        for one in made:
            one.joints[SEED.random(one.joints.shape[:3]) < 0.3] = 0
            one.joints[..., -1, :] += one.present[..., None]  # at least one joint, or it would be nobody
        store = write(tmp_path / "store", made, layout)
        times = resized(store.clips["length"], 40)
        found = gather(store, ALL, times, 3).to_dense()
        expected = [
            literal_gather(one, positions, 3, planar=layout.planar)
            for one, positions in zip(sorted(made, key=lambda one: one.name), times.times, strict=True)
        ]
        near(found, expected)

    @pytest.mark.parametrize(("moment", "place"), [(0.4, 0.6), (0.6, 0.0), (1.3, 0.0), (1.9, 0.2)])
    def test_nothing_is_made_up(self, tmp_path: Path, moment: float, place: float) -> None:
        joints = np.full((1, 3, 18, 3), 0.5, np.float32)
        joints[0, :, 4] = [[0.6, 0.6, 0.9], [0, 0, 0], [0.2, 0.2, 0.7]]
        store = write(tmp_path / "s", [Clip("one", 0, joints, np.ones((1, 3), bool))], OPENPOSE18)
        found = gather(store, np.array([0]), at(np.array([[moment]])), 1).to_dense()[0, 0, 0]
        near(found[4, :2], [place, place])
        near(found[5], [0.5] * 3)


def test_sixteen_bits_are_read_as_thirty_two(tmp_path: Path) -> None:
    halves = header()
    halves.precision = "float16"
    writer = StoreWriter(tmp_path / "half", halves)
    for one in clips():
        writer.add(one)
    store = writer.finish()
    assert store.coordinates.dtype == np.float16
    times = resized(store.clips["length"], 9)
    joints = gather(store, ALL, times, 3).to_dense()
    assert joints.dtype == np.float32
    rounded = in_order()
    for one in rounded:
        one.joints = one.joints.astype(np.float16).astype(np.float32)
    near(joints, [literal_gather(one, when, 3) for one, when in zip(rounded, times.times, strict=True)])
