"""The reader of NTU RGB+D: which files are of the set, and what becomes of one."""

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.recordings import ID, NEXT_ID, raw, walkers

from stgdn.data.clip import Clip, ClipError, ClipFile, Reader
from stgdn.data.readers.ntu import ntu_reader as ntu
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.errors import InputError

NAME = "S001C002P003R002A004"
VALID = raw(walkers([[ID]] * 3 + [[ID, NEXT_ID]] * 3))


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Clip]:
    def write_and_read(text: bytes) -> Clip:
        path = tmp_path / f"{NAME}.skeleton"
        path.write_bytes(text)
        return NTUReader(tmp_path).read(ClipFile(NAME, str(path)))

    return write_and_read


def test_read_one_body(read: Callable[[bytes], Clip]) -> None:
    frames = walkers([[]] + [[ID]] * 15 + [[]] + [[ID]] * 5)
    clip = read(raw(frames))
    assert (clip.name, clip.label) == (NAME, 3)
    assert (clip.setup, clip.camera, clip.subject, clip.replication) == (1, 2, 3, 2)
    assert clip.joints.dtype == np.float32
    assert clip.present.dtype == np.bool_
    expected = [frame[0][1] for frame in frames if frame]
    np.testing.assert_allclose(clip.joints, [expected], rtol=1e-5, atol=1e-6)
    assert clip.present.shape == (1, 20)
    assert clip.present.all()


def test_read_two_bodies_whose_ids_differ_in_the_last_digit(read: Callable[[bytes], Clip]) -> None:
    clip = read(raw(walkers([[ID]] * 10 + [[ID, NEXT_ID]] * 20)))
    assert clip.joints.shape == (2, 30, 25, 3)
    assert sorted(clip.present.sum(axis=1)) == [20, 30]


@pytest.mark.parametrize("denoise", ntu.DENOISINGS)
def test_a_clip_of_one_frame(tmp_path: Path, denoise: str) -> None:
    (tmp_path / f"{NAME}.skeleton").write_bytes(raw(walkers([[ID]])))
    reader = NTUReader(tmp_path, denoise=denoise)
    clip = reader.read(reader.survey().files[0])
    assert clip.joints.shape == (1, 1, 25, 3)
    assert clip.present.all()


@pytest.mark.parametrize("denoise", ntu.DENOISINGS)
def test_eleven_bodies_in_every_frame(tmp_path: Path, denoise: str) -> None:
    (tmp_path / f"{NAME}.skeleton").write_bytes(raw(walkers([[str(body) for body in range(11)]] * 15)))
    reader = NTUReader(tmp_path, denoise=denoise)
    assert reader.read(reader.survey().files[0]).joints.shape == (2, 15, 25, 3)


@pytest.mark.parametrize(("text", "reason"), [(b"0\n", "no body in any frame"), (VALID[:-9000], "ends after 3 of 6")])
def test_bad_file(read: Callable[[bytes], Clip], text: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        read(text)


def test_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = NTUReader(tmp_path)
    with pytest.raises(ClipError, match="cannot be read: No such file"):
        reader.read(ClipFile(NAME, str(tmp_path / "gone")))
    with pytest.raises(ClipError, match="cannot be read: Is a directory"):
        reader.read(ClipFile(NAME, str(tmp_path)))
    with pytest.raises(ClipError, match="not named"):
        reader.read(ClipFile("walk", str(tmp_path)))
    (tmp_path / "big").write_bytes(VALID)
    monkeypatch.setattr(ntu, "MAX_BYTES", 1000)
    with pytest.raises(ClipError, match="no clip has more than"):
        reader.read(ClipFile(NAME, str(tmp_path / "big")))


def test_many_ids_take_memory_as_the_file_is_long(read: Callable[[bytes], Clip]) -> None:
    """Every frame shows a new id: bodies times frames would be 300 million coordinates, 1.2 GB."""
    body = "\n1\n{} 0 0 0 0 0 0 0 0 0\n25" + 25 * "\n{} 2 3 0 0 0 0 0 0 0 0 0"
    text = "2000" + "".join(body.format(number, *[number] * 25) for number in range(2000))
    tracemalloc.start()
    clip = read(text.encode())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert clip.joints.shape == (2, 2, 25, 3)
    assert peak < 200 << 20


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / f"{NAME}.skeleton"


@settings(max_examples=60)
@given(
    denoise=st.sampled_from(list(ntu.DENOISINGS)),
    start=st.integers(0, len(VALID)),
    length=st.integers(0, 60) | st.integers(0, len(VALID)),
    new=st.binary(max_size=12) | st.sampled_from([b"", b"0", b" 1e39 ", b" nan ", b"\n25\n", b"-1", b" 99999999 "]),
)
def test_any_damage_is_read_or_rejected(scratch: Path, denoise: str, start: int, length: int, new: bytes) -> None:
    scratch.write_bytes(VALID[:start] + new + VALID[start + length :])
    try:
        clip = NTUReader(scratch.parent, denoise=denoise).read(ClipFile(NAME, str(scratch)))
    except ClipError:
        return
    assert np.isfinite(clip.joints).all()
    assert clip.joints.shape == (*clip.present.shape, 25, 3)
    assert clip.present.any(axis=0).all()


def make(folder: Path, *stems: str) -> None:
    folder.mkdir(exist_ok=True)
    for stem in stems:
        (folder / f"{stem}.skeleton").touch()


def test_survey(tmp_path: Path) -> None:
    make(tmp_path, "S002C001P003R001A060", "S001C001P003R001A000", "S018C001P041R001A061", "notes", "._" + NAME)
    make(tmp_path / "skeletons", NAME, "S001C002P005R002A008", "S018C001P041R001A007", "S002C001P003R001A060")
    make(tmp_path / "skeletons" / "deeper", "S001C001P001R001A001")
    (tmp_path / "readme.txt").touch()
    survey = NTUReader(tmp_path).survey()
    assert [file.name for file in survey.files] == [NAME, "S002C001P003R001A060", "S002C001P003R001A060"]
    assert survey.files[0].path == str(tmp_path / "skeletons" / f"{NAME}.skeleton")
    assert survey.expected is None
    assert dict(survey.skipped) == {
        "._" + NAME: "not named SsssCcccPpppRrrrAaaa.skeleton",
        "notes": "not named SsssCcccPpppRrrrAaaa.skeleton",
        "S001C001P003R001A000": "an action beyond NTU RGB+D's 60",
        "S018C001P041R001A061": "an action beyond NTU RGB+D's 60",
        "S018C001P041R001A007": "setup 18 is not among the 17 of NTU RGB+D's 60 actions",
        "S001C002P005R002A008": "on the official list of missing or useless skeletons",
    }
    larger = NTUReader(tmp_path, 120).survey()
    assert "S018C001P041R001A061" in [file.name for file in larger.files]


@pytest.mark.parametrize(("there", "expected"), [(19, 56_578), (18, None)])
def test_survey_expects_the_official_number_if_nearly_all_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: int, expected: int | None
) -> None:
    monkeypatch.setitem(ntu.RECORDED, 60, 20)
    make(tmp_path, "S001C002P005R002A008", *(f"S001C001P001R001A{action:03d}" for action in range(1, there)))
    assert NTUReader(tmp_path).survey().expected == expected
    assert NTUReader(tmp_path, actions=range(1, 61)).survey().expected is None


def test_chosen_actions_count_the_labels(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.skeleton").write_bytes(VALID)
    make(tmp_path, "S001C001P001R001A005")
    reader: Reader = NTUReader(tmp_path, actions=[27, 4])
    assert reader.classes == ("jump up", "brushing hair")
    survey = reader.survey()
    assert survey.skipped == [("S001C001P001R001A005", "an action that was not chosen")]
    assert reader.read(survey.files[0]).label == 1


def test_reader_is_picklable_and_knows_its_classes(tmp_path: Path) -> None:
    reader: Reader = pickle.loads(pickle.dumps(NTUReader(tmp_path, 120)))
    assert len(reader.classes) == len(set(reader.classes)) == 120
    assert NTUReader(tmp_path).classes == reader.classes[:60]
    assert (reader.layout.name, reader.max_bodies) == ("ntu25", 2)


@pytest.mark.parametrize("source", ["nowhere", "empty"])
def test_no_source(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"no \.skeleton file in .*rose1\.ntu.*data=ntu120_xsub data\.source="
    ) as error:
        NTUReader(tmp_path / source, 120).survey()
    assert "\n" not in str(error.value)


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="60 or 120 actions, not num_actions=61"):
        NTUReader(".", 61)
    with pytest.raises(InputError, match=r"data\.reader\.denoise 'ctrgcn', allowed: .*did you mean 'ctr_gcn'\?"):
        NTUReader(".", denoise="ctrgcn")
    with pytest.raises(InputError, match="max_bodies must be 1 or more, not 0"):
        NTUReader(".", max_bodies=0)
    for actions in ([], [1, 1], [0], [61]):
        with pytest.raises(InputError, match="different numbers from 1 to 60"):
            NTUReader(".", actions=actions)
