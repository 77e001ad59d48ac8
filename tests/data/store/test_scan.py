"""One pass over a store, against a loop over its rows; the typical pose against people put up by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data.clips import clips, header, write

from stgdn.data.clip import Clip
from stgdn.data.store import scan as scanning
from stgdn.data.store.scan import Runs, bone_lengths, scan, seen_planes, stature, typical_pose
from stgdn.data.store.store import Store
from stgdn.data.store.writer import StoreWriter
from stgdn.skeleton import COCO17, KINECT20, OPENPOSE18, Layout


def with_gaps(layout: Layout) -> list[Clip]:
    """Made-up clips in which some joints are exactly zero, one of them always, and one clip has a long bone."""
    rng = np.random.default_rng(1)
    made = clips(layout)
    for one in made:
        one.joints *= 0.2
        one.joints[rng.random(one.joints.shape[:3]) < 0.1] = 0
        one.joints[:, :, 7] = 0
    made[2].joints[0, 3, 5] = 100
    return made


def rows_of(store: Store) -> list[tuple[int, np.ndarray]]:
    """(clip, joints) of every row, one after the other."""
    found = []
    for index, clip in enumerate(store.clips):
        for row, frames in zip(clip["row"], clip["frames"], strict=True):
            found += [(index, np.asarray(store.coordinates[r], np.float32)) for r in range(row, row + frames)]
    return found


@pytest.mark.parametrize("layout", [KINECT20, OPENPOSE18])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 13])
def test_equals_a_loop_over_rows(layout: Layout, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "CHUNK", chunk)
    store = write(tmp_path / "store", with_gaps(layout), layout)
    found = scan(store)
    missing = np.zeros(layout.num_joints)
    lowest, highest = np.full(3, np.inf), np.full(3, -np.inf)
    longest: dict[tuple[int, int], tuple[float, int]] = dict.fromkeys(layout.bones, (0.0, -1))
    stretched = set()
    for index, joints in rows_of(store):
        seen = [bool(joint.any()) for joint in joints]
        for number, joint in enumerate(joints):
            missing[number] += not seen[number]
            if seen[number]:
                lowest, highest = np.minimum(lowest, joint), np.maximum(highest, joint)
        for child, parent in layout.bones:
            ends = joints[[child, parent], : 2 if layout.planar else 3].astype(np.float64)
            length = float(np.linalg.norm(ends[0] - ends[1]))
            if seen[child] and seen[parent]:
                longest[child, parent] = max(longest[child, parent], (length, index))
                stretched |= {index} if length > 3 else set()
    np.testing.assert_array_equal(found.missing, missing)
    np.testing.assert_array_equal(found.lowest, lowest)
    np.testing.assert_array_equal(found.highest, highest)
    assert np.flatnonzero(found.stretched).tolist() == sorted(stretched)
    assert 0 < len(stretched) < len(store)
    for bone, (length, index) in enumerate(longest.values()):
        if index == -1:
            assert np.isnan(found.longest[bone])
        else:
            assert found.longest[bone] == pytest.approx(length, rel=1e-6)
        assert found.longest_clip[bone] == index
    assert any(index == -1 for _, index in longest.values())


@pytest.mark.parametrize("sample", [1, 500, 4_000, 10**9])
@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_sample_is_every_step_th_row(
    sample: int, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "CHUNK", chunk)
    store = write(tmp_path / "store", with_gaps(KINECT20), KINECT20)
    found = scan(store, sample)
    expected = store.coordinates[:: found.step].copy()
    expected[(expected == 0).all(axis=-1)] = np.nan
    np.testing.assert_array_equal(found.sample, expected)
    assert found.sample.size <= max(sample, 60)
    assert (found.step == 1) == (sample >= store.coordinates.size)


def test_rows_find_their_clips_whatever_the_order_of_preparation(tmp_path: Path) -> None:
    store = write(tmp_path / "store", clips())
    assert not (np.diff(store.clips["row"][:, 0]) > 0).all()
    owners = {row: index for index, clip in enumerate(store.clips) for row in _rows(clip)}
    rows = range(store.header.rows)
    assert Runs(store.clips).clips(np.array(rows)).tolist() == [owners[row] for row in rows]


def _rows(clip: np.void) -> list[int]:
    return [r for row, frames in zip(clip["row"], clip["frames"], strict=True) for r in range(row, row + frames)]


def test_bones_of_a_planar_layout_leave_the_confidence_out() -> None:
    joints = np.zeros((1, 18, 3), np.float32)
    joints[0, 1], joints[0, 0] = (1, 1, 0.1), (4, 5, 0.9)
    lengths = bone_lengths(seen_planes(joints), OPENPOSE18)
    assert lengths[0, 0] == 5
    assert np.isnan(lengths[1:]).all()


def test_half_precision_is_computed_in_single(tmp_path: Path) -> None:
    stores = []
    for precision in ("float32", "float16"):
        writer = StoreWriter(tmp_path / precision, dataclasses.replace(header(KINECT20), precision=precision))
        for one in with_gaps(KINECT20):
            writer.add(one)
        stores.append(writer.finish())
    single, half = map(scan, stores)
    assert stores[1].coordinates.dtype == np.float16
    assert half.sample.dtype == half.longest.dtype == np.float32
    np.testing.assert_allclose(half.sample, single.sample, atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(half.longest, single.longest, atol=4e-3, rtol=1e-3)
    np.testing.assert_array_equal(half.missing, single.missing)


# A person seen from the front, across (their left is positive) and up, in metres from the joint `spine`.
STANDING = np.array(
    [
        *((0, -0.1), (0, 0), (0, 0.4), (0, 0.6)),
        *((0.2, 0.4), (0.25, 0.1), (0.25, -0.2), (0.25, -0.3)),
        *((-0.2, 0.4), (-0.25, 0.1), (-0.25, -0.2), (-0.25, -0.3)),
        *((0.1, -0.1), (0.1, -0.5), (0.1, -0.9), (0.1, -1.0)),
        *((-0.1, -0.1), (-0.1, -0.6), (-0.1, -1.1), (-0.1, -1.2)),
    ]
)


def people(count: int = 40) -> NDArray[np.float32]:
    """STANDING anywhere, turned anyhow about the vertical: (count, 20, 3)."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, count)
    across, up = STANDING.T
    joints = np.stack(
        (np.outer(np.cos(angles), across), np.tile(up, (count, 1)), np.outer(np.sin(angles), across)), axis=-1
    )
    return (joints + rng.normal(0, 2, (count, 1, 3))).astype(np.float32)


def test_people_who_face_anywhere_stand_to_the_front() -> None:
    np.testing.assert_allclose(typical_pose(people(), KINECT20), STANDING, atol=1e-5)


def test_missing_joints_and_lost_shoulders_do_not_count() -> None:
    joints = people()
    joints[:5, 4] = np.nan  # no shoulder: this body cannot be turned
    joints[5:30, 7] = np.nan
    joints[:, 15] = np.nan
    pose = typical_pose(joints, KINECT20)
    expected = STANDING.copy()
    expected[15] = np.nan
    np.testing.assert_allclose(pose, expected, atol=1e-5)


def test_a_layout_without_shoulders_is_only_centred() -> None:
    layout = dataclasses.replace(KINECT20, spine=(1, 1), shoulders=(1, 1))
    joints = np.tile(people(1), (3, 1, 1))
    np.testing.assert_allclose(typical_pose(joints, layout), (joints[0] - joints[0, 1])[:, :2], atol=1e-6)


def test_planar_people_are_upright_of_one_size_and_show_their_front() -> None:
    rng = np.random.default_rng(0)
    layout = dataclasses.replace(KINECT20, planar=True)
    front = STANDING * (1, -1)  # in the picture y points down
    sizes = rng.uniform(0.1, 2, 30)[:, None, None]
    backs = np.where(np.arange(30) % 3 == 0, -1, 1)[:, None]
    joints = np.ones((30, 20, 3), np.float32)
    joints[..., :2] = front * sizes + rng.normal(0, 1, (30, 1, 2))
    joints[..., 0] *= backs
    trunk = 0.5  # from joint 0 to joint 2
    np.testing.assert_allclose(typical_pose(joints, layout), STANDING / trunk, atol=1e-3)


def test_bodies_in_one_point_have_no_pose_and_no_warning() -> None:
    pose = typical_pose(np.ones((4, 17, 3), np.float32), COCO17)
    assert np.isnan(pose).all()
    assert np.isnan(stature(np.ones(16), pose, COCO17))


@pytest.mark.parametrize("lengths", [np.ones(19), np.arange(1.0, 20)])
def test_height_goes_from_the_highest_tip_to_the_lowest(lengths: NDArray[np.float64]) -> None:
    bones = dict(zip(KINECT20.bones, lengths.tolist(), strict=True))
    head_to_right_foot = [(3, 2), (2, 1), (1, 0), (16, 0), (17, 16), (18, 17), (19, 18)]
    expected = sum(bones[bone] for bone in head_to_right_foot)
    assert stature(lengths, STANDING, KINECT20) == pytest.approx(expected)


def test_height_needs_two_tips_and_every_bone_between() -> None:
    lengths = np.ones(19)
    lengths[KINECT20.bones.index((17, 16))] = np.nan
    assert np.isnan(stature(lengths, STANDING, KINECT20))
    alone = Layout("alone", ("all",), (), (), 0, (0, 0), (0, 0))
    assert np.isnan(stature([], np.zeros((1, 2)), alone))
