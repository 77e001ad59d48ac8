"""Raw files of every format, found and read as the readers of `prepare` read them, with labels and without."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from tests.data.array_files import ctr_gcn, walk, write_agcn
from tests.data.own_data import NAME, csv, folder, moving, npz
from tests.data.readers import test_sbu, test_utd_mhad
from tests.data.readers.pyskl.test_pyskl_reader import deep, flat, write

from stgdn.data.clip import Clip, ClipError, Reader
from stgdn.data.readers.custom.custom_reader import CustomReader
from stgdn.data.readers.detect import Expected
from stgdn.data.readers.find_clips import FoundClips, find_clips, match_label, read_clip
from stgdn.data.readers.kinetics import KineticsReader
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.readers.nw_ucla import NWUCLAReader
from stgdn.data.readers.sbu import SBUReader
from stgdn.data.readers.utd_mhad import UTDMHADReader
from stgdn.errors import InputError
from stgdn.skeleton import COCO17, KINECT20, NTU25, OPENPOSE18, SBU15, Layout, define

CLASSES = ("walk", "run", "sit")


def found(place: object, reader: str = "auto", layout: Layout = NTU25) -> FoundClips:
    return find_clips(str(place), reader, Expected(layout, CLASSES, 2, OmegaConf.create()))


def clips(place: object, reader: str = "auto", layout: Layout = NTU25) -> list[Clip]:
    """Every clip at a place; none may be left out."""
    there = found(place, reader, layout)
    assert not there.left_out
    return [read_clip(*each) for each in there.files()]


def by(reader: Reader) -> list[Clip]:
    """Every clip of a source as `prepare` reads it."""
    return [reader.read(file) for file in reader.survey().files]


def same(ours: list[Clip], theirs: list[Clip]) -> bool:
    """Return whether names, joints and presence are equal."""
    assert [clip.name for clip in ours] == [clip.name for clip in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine.joints, other.joints)
        np.testing.assert_array_equal(mine.present, other.present)
    return True


def test_ntu(tiny_data: Path, tmp_path: Path) -> None:
    raw = tiny_data / "raw" / "demo"
    expected = by(NTUReader(raw))
    assert same(clips(raw), expected)
    assert [clip.label for clip in clips(raw)] == [clip.label for clip in expected]
    first = sorted(raw.glob("*.skeleton"))[0]
    assert same(clips(raw / f"{first.stem[:12]}*A001.skeleton")[:1], expected[:1])
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.write(first, f"nturgb+d_skeletons/{first.name}")
    assert same(clips(tmp_path / "some.zip"), expected[:1])
    shutil.copy(first, tmp_path / "mine.skeleton")
    (clip,) = clips(tmp_path / "mine.skeleton")
    np.testing.assert_array_equal(clip.joints, expected[0].joints)
    assert (clip.name, clip.label) == ("mine", -1)


def test_nw_ucla(shared_data: Path, tmp_path: Path) -> None:
    archive = shared_data / "NW-UCLA.zip"
    there = found(archive, layout=KINECT20)
    assert len(there) == 1484
    source, file = next(there.files())
    reader = NWUCLAReader(archive)
    assert same([read_clip(source, file)], [reader.read(file)])
    with zipfile.ZipFile(archive) as opened:
        (tmp_path / f"{file.name}.json").write_bytes(opened.read(file.member or ""))
    assert same(clips(tmp_path), [reader.read(file)])


def test_matlab_files_of_utd_mhad(tmp_path: Path) -> None:
    expected = UTDMHADReader(tmp_path).read(test_utd_mhad.file(tmp_path, test_utd_mhad.content_of()))
    (tmp_path / "Skeleton_joint_order.txt").write_text("1. head;")
    packed = test_utd_mhad.archive(tmp_path / "UTD-MHAD.zip", **{test_utd_mhad.NAME: test_utd_mhad.content_of()})
    for place in (tmp_path, packed, tmp_path / f"{test_utd_mhad.NAME}.mat"):
        (clip, *_) = made = clips(place, layout=KINECT20)
        assert same([clip], [expected])
        assert clip.label == expected.label
        assert len(made) == 1 + (place == tmp_path)
    (clip,) = clips(test_utd_mhad.file(tmp_path, test_utd_mhad.content_of(), "mine").path)
    assert (clip.name, clip.label) == ("mine", -1)


def test_text_files_of_sbu(tmp_path: Path) -> None:
    expected = SBUReader(tmp_path).read(test_sbu.file(tmp_path, test_sbu.VALID))
    (tmp_path / "readme.txt").write_text("not a clip")
    packed = test_sbu.archive(tmp_path / "SBU.zip", **{test_sbu.NAME: test_sbu.VALID})
    for place in (tmp_path, packed, tmp_path / test_sbu.FOLDERS / "skeleton_pos.txt"):
        (clip, *_) = made = clips(place, layout=SBU15)
        assert same([clip], [expected])
        assert clip.label == expected.label
        assert len(made) == 1 + (place == tmp_path)
    (clip,) = clips(test_sbu.file(tmp_path, test_sbu.VALID, "mine").path)
    assert (clip.name, clip.label) == ("mine_skeleton_pos", -1)


def test_kinetics(shared_data: Path, tmp_path: Path) -> None:
    samples = shared_data / "kinetics-samples"
    (tmp_path / "kinetics_val").mkdir()
    for path in samples.glob("_*.json"):
        shutil.copy(path, tmp_path / "kinetics_val")
    labels = json.loads((samples / "kinetics_val_label.json").read_text())
    (tmp_path / "kinetics_val_label.json").write_text(
        json.dumps({path.stem: labels[path.stem] for path in samples.glob("_*.json")})
    )
    expected = by(KineticsReader(tmp_path))
    assert len(expected) == 3
    assert same(clips(tmp_path), expected)
    assert same(clips(samples), expected)  # single files, each with its label
    assert [clip.label for clip in clips(samples)] == [clip.label for clip in expected]
    content = json.loads((tmp_path / "kinetics_val" / f"{expected[0].name}.json").read_text())
    del content["label_index"]
    (tmp_path / "alone.json").write_text(json.dumps(content))
    (clip,) = clips(tmp_path / "alone.json")
    assert clip.label == -1
    np.testing.assert_array_equal(clip.joints, expected[0].joints)


@pytest.mark.parametrize(("annotation", "layout"), [(flat(), COCO17), (deep(), NTU25)])
def test_pyskl_tells_its_joints_itself(tmp_path: Path, annotation: dict, layout: Layout) -> None:
    there = found(write(tmp_path, [annotation]), layout=KINECT20)
    (source,) = there.sources
    assert source.reader.layout == layout
    assert [read_clip(source, file).label for file in source.files] == [1]
    odd = deep(keypoint=np.ones((1, 6, 7, 3), np.float32))
    with pytest.raises(InputError, match="bodies of 7 joints, known layouts have others: ntu25 25"):
        found(write(tmp_path, [odd]))


def test_agcn_arrays(tmp_path: Path) -> None:
    rows = np.zeros((2, 3, 300, 25, 2), np.float32)
    rows[:, :, :9, :, 0] = np.stack([walk(9), walk(9, 1)]).transpose(0, 3, 1, 2)
    place = write_agcn(tmp_path / "arrays", "val", rows, ["a", "b"], [2, 0])
    assert [(clip.name, clip.label, clip.present.shape) for clip in clips(place)] == [
        ("a", 2, (1, 9)),
        ("b", 0, (1, 9)),
    ]
    write_agcn(place, "train", rows[:1], ["c"], [1])
    assert [clip.name for clip in clips(place / "val_data_joint.npy")] == ["a", "b"]
    assert len(clips(place)) == 3


def test_ctr_gcn_arrays(tmp_path: Path) -> None:
    x = np.stack([ctr_gcn(walk(9)[None]), ctr_gcn(walk(7)[None])])
    np.savez(tmp_path / "NTU60_CS.npz", x_train=x, y_train=np.eye(5)[[4, 0]], x_test=x[:1], y_test=np.eye(5)[[2]])
    made = clips(tmp_path / "NTU60_CS.npz")
    assert [clip.name for clip in made] == ["test_000000", "train_000000", "train_000001"]
    assert [clip.label for clip in made] == [2, 4, 0]


class TestCustom:
    def test_a_described_folder(self, tmp_path: Path) -> None:
        files = {f"{NAME}.npz": npz(joints=moving(6, 4, 3)), "deep/bow_s2_r1.csv": csv(moving(5, 4, 3, seed=1))}
        place = folder(tmp_path / "own", files, {"pattern": '"{label}_s{subject}_r{replication}"'})
        expected = by(CustomReader(folder(tmp_path / "flat", {f"{NAME}.npz": files[f"{NAME}.npz"]})))
        assert same([clip for clip in clips(place) if clip.name == NAME], expected)
        assert [clip.label for clip in clips(place)] == [0, -1]
        assert clips(place)[1].remark == "unknown class 'deep/bow'"
        (alone,) = clips(place / f"{NAME}.npz")
        np.testing.assert_array_equal(alone.joints, expected[0].joints)
        (below,) = clips(place / "deep" / "bow_s2_r1.csv")
        assert below.name == "deep/bow_s2_r1"

    def test_files_of_which_nobody_says_anything(self, tmp_path: Path) -> None:
        joints = np.random.default_rng(0).uniform(0.2, 1.5, (2, 6, 25, 3))
        (tmp_path / "a.npz").write_bytes(npz(joints=joints, label="run"))
        (tmp_path / "b.npz").write_bytes(npz(joints=joints[:, :4]))
        first, second = clips(tmp_path)
        assert (first.label, second.label) == (1, -1)
        ours = {body.tobytes() for body in first.joints}
        assert ours == {body.tobytes() for body in joints.astype(np.float32)}

    def test_millimetres(self, tmp_path: Path) -> None:
        joints = np.random.default_rng(0).uniform(200, 1500, (6, 25, 3))
        (tmp_path / "a.npz").write_bytes(npz(joints=joints))
        source, file = next(found(tmp_path / "a.npz").files())
        with pytest.raises(ClipError, match=r"scale=0\.001"):
            read_clip(source, file)
        np.testing.assert_allclose(read_clip(source, file, 0.001).joints[0], joints / 1000, rtol=1e-5)


class TestMistakes:
    def test_nothing_there(self, tmp_path: Path) -> None:
        for place, told in (
            (tmp_path / "nothing", "is not there"),
            (tmp_path / "*.skeleton", "is not there"),
            (tmp_path, "no clip in .*: looked for files that end in"),
        ):
            with pytest.raises(InputError, match=told):
                found(place)
        (tmp_path / "notes.txt").touch()
        with pytest.raises(InputError, match=r"notes\.txt: is no clip"):
            found(tmp_path / "notes.txt")
        with pytest.raises(InputError, match=r"unknown reader 'ntuu'.*did you mean 'ntu'"):
            found(tmp_path, "ntuu")

    def test_one_broken_file_among_many(self, tmp_path: Path, tiny_data: Path) -> None:
        whole = sorted((tiny_data / "raw" / "demo").glob("*.skeleton"))[0]
        shutil.copy(whole, tmp_path)
        (tmp_path / "cut.skeleton").write_bytes(whole.read_bytes()[:2000])
        (tmp_path / "cut.npz").write_bytes(npz(joints=moving(6, 25, 3))[:200])
        (tmp_path / "cut.pkl").write_bytes(b"\x80\x05garbage")
        there = found(tmp_path)
        assert sorted(Path(name).name for name, _ in there.left_out) == ["cut.npz", "cut.pkl"]
        outcomes = []
        for source, file in there.files():
            try:
                outcomes.append(read_clip(source, file).name)
            except ClipError as error:
                outcomes.append(str(error))
        assert len(outcomes) == 2
        assert whole.stem in outcomes
        assert any("ends after" in each for each in outcomes)

    def test_a_pickle_with_code(self, tmp_path: Path) -> None:
        (tmp_path / "trap.pkl").write_bytes(b"cos\nmkdir\n(V" + str(tmp_path / "made").encode() + b"\ntR.")
        with pytest.raises(InputError, match=r"trap\.pkl"):
            found(tmp_path / "trap.pkl")
        assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("label", "theirs", "expected"),
    [
        (1, ("sit", "run", "x"), 1),
        (0, ("sit", "run", "x"), 2),
        (2, ("sit", "run", "x"), -1),
        (-1, ("sit",), -1),
        (2, ("class 0", "class 1", "class 2"), 2),
        (2, tuple(f"class {number}" for number in range(9)), -1),
    ],
)
def test_labels_are_matched_by_name_and_else_by_number(label: int, theirs: tuple[str, ...], expected: int) -> None:
    assert match_label(label, theirs, CLASSES) == expected


def test_settings_of_the_run_reach_the_reader(tiny_data: Path, shared_data: Path) -> None:
    options = OmegaConf.create({"denoise": "agcn", "tracking": False})
    expected = Expected(NTU25, CLASSES, 1, options)
    raw = tiny_data / "raw" / "demo"
    there = find_clips(str(raw), "auto", expected)
    assert same([read_clip(*each) for each in there.files()], by(NTUReader(raw, denoise="agcn", max_bodies=1)))
    sample = find_clips(str(shared_data / "kinetics-samples" / "__u6odV5hrI.json"), "auto", expected)
    (source,) = sample.sources
    assert source.reader.layout == OPENPOSE18
    assert source.reader.tracking is False  # pyright: ignore[reportAttributeAccessIssue]


def test_own_joints(tmp_path: Path) -> None:
    """Files without a description have the joints of the run's data, whatever these are."""
    stick = define({"name": "stick", "joints": ["a", "b", "c"], "bones": [["b", "a"], ["c", "b"]]})
    stream = io.BytesIO()
    np.savez(stream, joints=np.random.default_rng(0).uniform(0.1, 1, (5, 3, 3)))
    (tmp_path / "x.npz").write_bytes(stream.getvalue())
    (clip,) = clips(tmp_path, layout=stick)
    assert clip.joints.shape == (1, 5, 3, 3)
