"""The description of a store, against slow loops, known numbers of real files, and incomplete stores."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from statistics import mean, median

import numpy as np
import pytest
from tests.data.clips import clip, clips, header, write

from stgdn.data.readers.nw_ucla import NWUCLAReader
from stgdn.data.store import description as describing
from stgdn.data.store.contents import Contents
from stgdn.data.store.description import count_bodies_seen, describe
from stgdn.data.store.prepare import prepare
from stgdn.data.store.store import Store
from stgdn.data.store.writer import StoreWriter
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20, OPENPOSE18, Layout

pytestmark = pytest.mark.xdist_group("describing")  # one store of the real set


@pytest.fixture(scope="module")
def tiny(tiny_store: Store) -> Contents:
    return describe(tiny_store, "ntu60_xsub")


@pytest.fixture(scope="module")
def nw_ucla(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    source = shared_data / "NW-UCLA.zip"
    folder = tmp_path_factory.mktemp("nw_ucla") / "store"
    store = prepare(NWUCLAReader(str(source)), folder, "nw_ucla", source=str(source), workers=1)
    return describe(store, "nw_ucla_xview")


class TestSynthetic:
    """The small demo set, every number by a loop over clips, bodies and frames."""

    def test_says_what_the_store_says(self, tiny: Contents, tiny_store: Store) -> None:
        assert (tiny.dataset, tiny.synthetic, tiny.source, tiny.layout) == ("demo", True, "demo", "ntu25")
        assert (tiny.clips, tiny.rows, tiny.precision) == (168, tiny_store.header.rows, "float32")
        sizes = [path.stat().st_size for path in tiny_store.folder.rglob("*")]
        assert tiny.megabytes == pytest.approx(sum(sizes) / 1e6)

    def test_splits_and_classes(self, tiny: Contents, tiny_store: Store) -> None:
        counts = {split: Counter() for split in ("train", "test")}
        for one in tiny_store.clips:
            counts["train" if one["subject"] in (1, 2) else "test"][int(one["label"])] += 1
        assert tiny.split == {split: sum(labels.values()) for split, labels in counts.items()}
        assert tiny.per_class == {split: [labels[n] for n in range(14)] for split, labels in counts.items()}
        assert tiny.subjects == {1: 42, 2: 42, 3: 42, 6: 42}
        assert tiny.cameras == {1: 56, 2: 56, 3: 56}
        assert tiny.official is None
        assert tiny.notes == []

    def test_lengths(self, tiny: Contents, tiny_store: Store) -> None:
        lengths = sorted(len(tiny_store.joints(index)[0]) for index in range(len(tiny_store)))
        found = tiny.lengths
        assert (found.shortest, found.longest) == (lengths[0], lengths[-1])
        assert (found.mean, found.median) == (pytest.approx(mean(lengths)), median(lengths))
        assert sum(length <= found.percentile_95 for length in lengths) == pytest.approx(0.95 * len(lengths), abs=2)
        assert tiny.frames == sum(lengths)

    def test_bodies(self, tiny: Contents, tiny_store: Store) -> None:
        bodies, seen, fewer = Counter(), Counter(), 0
        for index in range(len(tiny_store)):
            joints = tiny_store.joints(index)
            present = sum(bool(body.any()) for body in joints)
            bodies[present] += 1
            for frame in range(joints.shape[1]):
                there = sum(bool(body[frame].any()) for body in joints)
                seen[there] += 1
                fewer += there < present
        assert (tiny.bodies, tiny.seen, tiny.body_missing) == (dict(bodies), dict(seen), fewer)

    def test_coordinates_and_bones(self, tiny: Contents, tiny_store: Store) -> None:
        joints = np.asarray(tiny_store.coordinates, np.float64)
        for axis, name in enumerate("xyz"):
            found, values = tiny.axes[axis], np.sort(joints[..., axis].ravel())
            assert (found.name, found.lowest, found.highest) == (name, values[0], values[-1])
            assert found.percentile_1 == pytest.approx(values[len(values) // 100], abs=0.002)
            assert found.median == pytest.approx(values[len(values) // 2], abs=0.002)
            assert found.percentile_99 == pytest.approx(values[-len(values) // 100], abs=0.002)
            (counts,) = found.histogram.counts.values()
            assert sum(counts) == pytest.approx(0.998 * len(values), rel=1e-3)
        for child, parent in tiny_store.layout.bones:
            lengths = sorted(np.linalg.norm(joints[:, child] - joints[:, parent], axis=1))
            assert tiny.joints[child].parent == parent
            assert tiny.joints[child].bone == pytest.approx(median(lengths), rel=1e-5)
            assert tiny.joints[child].longest == pytest.approx(lengths[-1], rel=1e-5)

    def test_a_body_is_as_high_as_a_person(self, tiny: Contents) -> None:
        assert tiny.height is not None
        assert 1.5 < tiny.height < 1.92  # from which `data.people` draws
        assert tiny.stretched == 0

    def test_is_plain_data(self, tiny: Contents) -> None:
        again = json.loads(json.dumps(dataclasses.asdict(tiny), allow_nan=False))
        assert again["lengths"]["longest"] == tiny.lengths.longest

    def test_a_small_sample_comes_near(self, tiny: Contents, tiny_store: Store) -> None:
        near = describe(tiny_store, "ntu60_xsub", sample=100_000)
        assert near.sampled <= 100_000 / 75 < tiny.sampled == tiny.rows
        assert [axis.highest for axis in near.axes] == [axis.highest for axis in tiny.axes]
        for few, whole in zip(near.axes, tiny.axes, strict=True):
            assert few.median == pytest.approx(whole.median, abs=0.05)


class TestNWUCLA:
    """Facts published with the set, or read off its files once."""

    def test_counts(self, nw_ucla: Contents) -> None:
        assert (nw_ucla.clips, len(nw_ucla.classes), nw_ucla.synthetic) == (1484, 10, False)
        assert nw_ucla.split == nw_ucla.official == {"train": 1020, "test": 464}
        assert (nw_ucla.lengths.shortest, nw_ucla.lengths.longest) == (1, 201)
        assert nw_ucla.lengths.mean == pytest.approx(39.44, abs=0.01)
        assert list(nw_ucla.subjects) == list(range(1, 11))
        assert nw_ucla.setups == {}
        assert (nw_ucla.bodies, nw_ucla.body_missing) == ({1: 1484}, 0)
        assert nw_ucla.notes == []

    def test_people(self, nw_ucla: Contents) -> None:
        assert nw_ucla.height is not None
        assert 1.4 < nw_ucla.height < 1.9
        worst = max(nw_ucla.joints, key=lambda joint: joint.longest or 0)
        assert (worst.name, worst.clip) == ("right_hip", "a03_s05_e02_v01")
        assert worst.longest == pytest.approx(2.263, abs=0.001)
        assert [joint.name for joint in nw_ucla.joints if joint.missing] == []


class TestLacking:
    def test_planar_joints_that_were_not_found(self, tmp_path: Path) -> None:
        one = clip("one", 10, ((0, 10),), OPENPOSE18)
        one.joints[0, :, 4] = 0
        one.joints[0, :3, 7] = 0
        found = describe(write(tmp_path / "store", [one], OPENPOSE18), "file_split")
        assert [axis.name for axis in found.axes] == ["x", "y", "confidence"]
        assert (found.joints[4].missing, found.joints[7].missing, found.joints[0].missing) == (1, 0.3, 0)
        assert found.joints[4].pose is None
        assert (found.joints[4].bone, found.joints[4].longest, found.joints[4].clip) == (None, None, None)
        assert found.stretched is None
        bone = one.joints[0, 3:, 7, :2] - one.joints[0, 3:, 6, :2]
        assert found.joints[7].bone == pytest.approx(np.median(np.linalg.norm(bone, axis=1)), rel=1e-5)

    def test_no_joint_at_all(self, tmp_path: Path) -> None:
        one = clip("one", 4, ((0, 4),), OPENPOSE18)
        one.joints[:] = 0
        found = describe(write(tmp_path / "store", [one], OPENPOSE18), None)
        assert all(axis.lowest is None and not axis.histogram.edges for axis in found.axes)
        assert all(joint.missing == 1 for joint in found.joints)
        assert found.height is None

    @pytest.mark.parametrize("protocol", [None, "ntu60_xview"])
    def test_a_protocol_that_does_not_fit_is_told(self, protocol: str | None, tmp_path: Path) -> None:
        made = [clip(f"clip{n}", 5, ((0, 5),), KINECT20, label=n) for n in range(2)]
        found = describe(write(tmp_path / "store", made, KINECT20), protocol)
        assert found.split == {"all": 2}
        assert found.per_class == {"all": [1, 1, 0]}
        assert (found.subjects, found.cameras, found.setups) == ({}, {}, {})
        assert found.notes[0].startswith("not split: ")
        assert "1 of 3 classes have no clip" in found.notes

    def test_an_unknown_protocol_is_a_mistake(self, tiny_store: Store) -> None:
        with pytest.raises(InputError, match="did you mean 'ntu60_xsub'"):
            describe(tiny_store, "ntu60_xsup")

    def test_counts_that_are_not_the_official_ones_and_clips_left_out(self, tmp_path: Path) -> None:
        known = dataclasses.replace(header(KINECT20), dataset="nw_ucla", expected=1484)
        writer = StoreWriter(tmp_path / "store", known)
        for one in clips(KINECT20):
            writer.add(one)
        writer.skip("torn", "is torn")
        found = describe(writer.finish(), "nw_ucla_xview")
        assert found.official == {"train": 1020, "test": 464}
        assert found.skipped == {"is torn": 1}
        assert any("officially 1,020 and 464" in note for note in found.notes)
        assert any("where the official lists leave 1,484" in note for note in found.notes)

    def test_a_split_without_clips_and_people_of_another_size(self, tmp_path: Path) -> None:
        made = clips(KINECT20)
        for one in made:
            one.camera = 3
            one.joints[:] = 40 * one.joints
        found = describe(write(tmp_path / "store", made, KINECT20), "nw_ucla_xview")
        assert "protocol nw_ucla_xview leaves no train clip" in found.notes
        assert any("check the source's unit" in note for note in found.notes)
        assert found.stretched == len(made)

    def test_one_joint_and_no_bones(self, tmp_path: Path) -> None:
        alone = Layout("openpose18", ("all",), (), (), 0, (0, 0), (0, 0))
        store = write(tmp_path / "store", clips(OPENPOSE18), OPENPOSE18)
        store.layout = dataclasses.replace(alone, planar=True)
        store.coordinates = store.coordinates[:, :1]
        (joint,) = describe(store, "file_split").joints
        assert (joint.parent, joint.bone, joint.clip, joint.pose) == (None, None, None, (0.0, 0.0))


def test_a_long_clip_does_not_squeeze_the_histogram(tmp_path: Path) -> None:
    made = [clip(f"clip{n:03}", 10 + n % 20, ((0, 5),), KINECT20) for n in range(400)]
    made.append(clip("clip400", 4_000, ((0, 5),), KINECT20))
    lengths = describe(write(tmp_path / "store", made, KINECT20), None).lengths
    assert lengths.histogram.beyond
    assert lengths.histogram.edges[-1] < 100
    assert sum(lengths.histogram.counts["all"]) == len(made)
    assert lengths.longest == 4_000


@pytest.mark.parametrize("frames", [1, 3, 200])
def test_length_bars_hold_every_clip_once(frames: int, tmp_path: Path) -> None:
    made = [clip(f"clip{n:03}", 1 + n, ((0, 1),), KINECT20) for n in range(frames)]
    lengths = describe(write(tmp_path / "store", made, KINECT20), None).lengths
    assert sum(lengths.histogram.counts["all"]) == frames
    assert len(lengths.histogram.counts["all"]) <= describing.BARS + 1


def test_bodies_are_counted_as_frame_by_frame(tmp_path: Path) -> None:
    store = write(tmp_path / "store", clips())
    seen, fewer = Counter(), 0
    for one in store.clips:
        for frame in range(one["length"]):
            runs = zip(one["start"], one["frames"], strict=True)
            there = sum(start <= frame < start + frames for start, frames in runs)
            seen[there] += 1
            fewer += there < int((one["frames"] > 0).sum())
    assert count_bodies_seen(store.clips) == (dict(seen), fewer)
    assert fewer > 0
