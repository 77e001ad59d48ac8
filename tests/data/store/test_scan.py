"""One pass over a store, against a loop over its rows."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.data.clips import clips, header, write

from stgdn.data.clip import Clip
from stgdn.data.store import scan as scanning
from stgdn.data.store.scan import Runs, bone_lengths, scan, seen_planes
from stgdn.data.store.store import Store
from stgdn.data.store.writer import StoreWriter
from stgdn.skeleton import KINECT20, OPENPOSE18, Layout


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
