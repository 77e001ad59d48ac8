"""Remarks on odd clips that are kept, and bodies that are not in metres."""

from pathlib import Path

import numpy as np
import pytest
from tests.data.clips import MakingReader, clip

from stgdn.data.clip import Clip, ClipFile
from stgdn.data.store.checks import expect_metres, remark
from stgdn.data.store.parse import read_checked
from stgdn.data.store.prepare import prepare
from stgdn.errors import InputError
from stgdn.skeleton import COCO17, KINECT20, NTU25

FILE = ClipFile("clip000", "")


class StretchingReader(MakingReader):
    """Multiplies all joints, and in some clips moves one joint away."""

    factor: float = 1.0
    strays: tuple[str, ...] = ()

    def read(self, file: ClipFile) -> Clip:
        made = super().read(file)
        made.joints *= np.float32(self.factor)
        if file.name in self.strays:
            made.joints[0, -1, 7, 1] += 5
        return made


def reader(factor: float = 1.0, strays: tuple[str, ...] = (), count: int = 6) -> StretchingReader:
    made = StretchingReader(count)
    made.factor, made.strays = factor, strays
    return made


@pytest.mark.parametrize(
    ("name", "told"),
    [
        *((name, "it is empty") for name in ("", "/etc/x", "a//b", "a/")),
        *((name, "it begins with '.'") for name in ("../x", "a/../x", ".", "a/.x")),
        ("a\\b", "it has a '\\'"),
        *((name, "it has a character that does not print") for name in ("a\nb", "a\tb", "a/\x1b[2J")),
    ],
)
def test_names_that_could_not_be_files(tmp_path: Path, name: str, told: str) -> None:
    reader = RenamingReader(3)
    reader.name = name
    store = prepare(reader, tmp_path / "store", "made_up", source="nowhere", workers=1, bad_share=1)
    assert store.clips["name"].tolist() == ["clip000", "clip002"]
    assert store.header.skipped == {f"a name that cannot be that of a file: {told}": 1}


@pytest.mark.parametrize("name", ["-3Qy8LlzNCs", "__vzEs2wzdQ", "wave/day 1/s01 (2)", "日本/e\u0301", "a..b"])
def test_names_that_could(tmp_path: Path, name: str) -> None:
    reader = RenamingReader(3)
    reader.name = name
    store = prepare(reader, tmp_path / "store", "made_up", source="nowhere", workers=1)
    assert name in store.clips["name"]


class RenamingReader(MakingReader):
    """Calls one clip otherwise."""

    name: str = ""

    def read(self, file: ClipFile) -> Clip:
        made = super().read(file)
        made.name = self.name if file.name == "clip001" else made.name
        return made


class TestRemark:
    def test_nothing_is_odd(self) -> None:
        assert remark(0.3 * clip("a", 9, ((0, 9), (2, 3))).joints, NTU25) == ""

    @pytest.mark.parametrize(("length", "told"), [(2.9, ""), (3.1, "has a bone of more than 3 m")])
    def test_a_long_bone(self, length: float, told: str) -> None:
        joints = np.zeros((1, 2, 20, 3), np.float32)
        joints[0, 1, 7] = (0, length, 0)  # the left hand; the wrist stays at zero
        assert remark(joints, KINECT20) == told

    def test_in_a_picture_there_are_no_metres(self) -> None:
        assert remark(100 * clip("a", 9, ((0, 9),), COCO17).joints, COCO17) == ""

    def test_is_listed_and_the_clip_kept(self, tmp_path: Path) -> None:
        made = reader(0.3, ("clip001", "clip004"))
        store = prepare(made, tmp_path / "store", "made_up", source="nowhere", workers=1)
        assert len(store) == 6
        assert store.header.remarks == {"has a bone of more than 3 m": 2}
        listed = (tmp_path / "store" / "remarks.tsv").read_text().splitlines()
        assert listed == [f"{name}\thas a bone of more than 3 m" for name in ("clip001", "clip004")]


class TestMetres:
    @pytest.mark.parametrize(
        ("factor", "sentence"),
        [
            (300.0, r"the median body is [\d,.e+]+ metres from end to end.*scale=0\.001 for example"),
            (30.0, r"scale=0\.01 for example"),
            (0.0003, r"scale=1000 for example"),
        ],
    )
    def test_another_unit_is_told_with_what_to_type(self, tmp_path: Path, factor: float, sentence: str) -> None:
        made = reader(factor)
        with pytest.raises(InputError, match=sentence):
            prepare(made, tmp_path / "store", "made_up", source="nowhere", workers=1)
        assert not (tmp_path / "store").exists()

    def test_scale_makes_metres(self, tmp_path: Path) -> None:
        store = prepare(reader(300.0), tmp_path / "store", "made_up", source="nowhere", workers=1, scale=0.001)
        expected = prepare(reader(0.3), tmp_path / "other", "made_up", source="nowhere", workers=1)
        np.testing.assert_allclose(store.coordinates, expected.coordinates, rtol=1e-6)
        assert store.header.scale == 0.001

    @pytest.mark.parametrize("size", [0.2, 1.7, 6.0])
    def test_people_and_what_is_near_pass(self, size: float) -> None:
        poses = np.zeros((3, 25, 3))
        poses[:, 3, 1] = size
        expect_metres(poses, NTU25, 1.0)

    def test_in_a_picture_anything_passes(self) -> None:
        poses = np.full((2, 17, 3), 1e5) * np.arange(17.0)[:, None]
        poses[..., 2] = 100  # a percentage
        expect_metres(poses, COCO17, 1.0)

    def test_of_bodies_without_extent(self) -> None:
        with pytest.raises(InputError, match="the median body is 0 metres"):
            expect_metres(np.ones((2, 25, 3)), NTU25, 1.0)


@pytest.mark.parametrize("value", [60_001.0, -1e30])
def test_nobody_is_so_far_away(value: float) -> None:
    class Far(MakingReader):
        def read(self, file: ClipFile) -> Clip:
            made = super().read(file)
            made.joints[0, 0, 0, 0] = value
            return made

    assert read_checked(Far(), FILE) == "a coordinate beyond 60,000"
