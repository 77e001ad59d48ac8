"""Raw NTU RGB+D files, written here and read line by line for comparison."""

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stgdn.data.clip import Clip, ClipError, ClipFile, Reader
from stgdn.data.readers import ntu
from stgdn.data.readers.ntu import NTUReader, parse
from stgdn.errors import InputError

Frame = list[tuple[str, NDArray[np.float64]]]
NAME = "S001C002P003R002A004"
ID, NEXT_ID = "72057594037931101", "72057594037931102"  # one number as float64
JOINT_LINE = "{:.7g} {:.7g} {:.7g} 277.4 191.8 1036.2 519.1 -0.2 0.05 0.96 -0.12 2"


def raw(frames: list[Frame], newline: str = "\r\n") -> bytes:
    """Write a file as Kinect's recorder does."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body, joints in bodies:
            lines += [f"{body} 0 1 1 0 0 0 0.1 -0.2 2", str(len(joints))]
            lines += [JOINT_LINE.format(*joint) for joint in joints]
    return (newline.join(lines) + newline).encode()


def literal(text: bytes) -> list[Frame]:
    """Read a file line by line, as the format's description says."""
    lines = iter(text.decode().splitlines())
    frames: list[Frame] = []
    for _ in range(int(next(lines))):
        bodies: Frame = []
        for _ in range(int(next(lines))):
            body = next(lines).split()[0]
            joints = [[float(value) for value in next(lines).split()[:3]] for _ in range(int(next(lines)))]
            bodies.append((body, np.array(joints)))
        frames.append(bodies)
    return frames


def walkers(ids: list[list[str]], seed: int = 0) -> list[Frame]:
    """Frames in which the bodies `ids[t]` are seen; every body stands at a place of its own."""
    rng = np.random.default_rng(seed)
    every = sorted({body for frame in ids for body in frame})
    figure = np.stack([0.2 * rng.normal(size=25), np.linspace(-0.8, 0.9, 25), 3 + 0.1 * rng.normal(size=25)], axis=-1)
    shift = {body: np.array([1.5 * index, 0, 0]) for index, body in enumerate(every)}
    return [[(body, figure + shift[body] + 0.1 * rng.normal(size=(1, 3))) for body in frame] for frame in ids]


VALID = raw(walkers([[ID]] * 3 + [[ID, NEXT_ID]] * 3))


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Clip]:
    def write_and_read(text: bytes) -> Clip:
        path = tmp_path / f"{NAME}.skeleton"
        path.write_bytes(text)
        return NTUReader(tmp_path).read(ClipFile(NAME, str(path)))

    return write_and_read


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_parse_equals_the_literal_reader(newline: str) -> None:
    ids = [[ID], [], [NEXT_ID, ID], [ID, "7"], [NEXT_ID, ID], [], ["7"]]
    text = raw(walkers(ids), newline)
    frames = literal(text)
    tracks = parse(text)
    assert len(tracks) == 3
    for track, body in zip(tracks, [ID, NEXT_ID, "7"], strict=True):
        seen = [t for t, frame in enumerate(ids) if body in frame]
        np.testing.assert_array_equal(track.frames, seen)
        expected = [joints for t in seen for name, joints in frames[t] if name == body]
        np.testing.assert_array_equal(track.joints, expected)


def test_parse_takes_the_first_of_an_id_that_occurs_twice_and_ignores_a_body_of_zeros() -> None:
    one, two, zero = (np.full((25, 3), value) for value in (1.0, 2.0, 0.0))
    tracks = parse(raw([[("1", one), ("1", two), ("9", zero)], [("1", two)]]))
    assert [track.frames.tolist() for track in tracks] == [[0, 1]]
    np.testing.assert_array_equal(tracks[0].joints, [one, two])


def test_parse_takes_nan_where_it_is_not_a_coordinate() -> None:
    assert len(parse(VALID.replace(b"277.4 191.8", b"NaN -Infinity"))) == 2


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"0\n", "no body in any frame"),
        (b"3\n0\n0\n0\n", "no body in any frame"),
        (raw([[(ID, np.zeros((25, 3)))]]), "no body in any frame"),
        (VALID[: len(VALID) // 2], "ends after 3 of 6 frames"),
        (b"80\n" + b"0\n" * 31, "ends after 31 of 80 frames"),
        (b"1\n1\n" + ID.encode(), "ends after 0 of 1 frames"),
        (b"1\n999999999\n1 2 3", "ends after 0 of 1 frames"),
        (b"999999999\n0\n0\n", "ends after 2 of 999999999 frames"),
        (b"9" * 5000, r"'9{20}\.\.\.' stands where the number of frames should"),
        (b"-1\n", "'-1' stands where the number of frames should"),
        (b"1.5\n", "'1.5' stands where the number of frames should"),
        (b"nan\n0\n", "'nan' stands where the number of frames should"),
        (b"2\n0.25\n0\n", "'0.25' stands where the number of bodies should"),
        (VALID.replace(b"277.4", b"abc", 1), "'abc' is not a number"),
        (VALID.replace(b"277.4 ", b"", 1), "stands where the number of"),
        (VALID.replace(b"277.4", b"277.4 1", 1), "body with 2 joints, expected 25"),
        (raw([[(ID, np.ones((20, 3)))]]), "body with 20 joints, expected 25"),
        (VALID + b"1 2 3\n", "goes on after its 6 frames, with 3 more values"),
        (raw([[(ID, np.full((25, 3), np.nan))]]), "joint 0 in frame 0 is not finite"),
        (raw([[], [(ID, np.where(np.eye(25, 3, -4) > 0, np.inf, 1.0))]]), "joint 4 in frame 1 is not finite"),
        (raw([[(ID, np.full((25, 3), 1e200))]]), "is not finite"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", r"'\\x89PNG' is not a number"),
        (b"1\x00\n0\n", r"'1\\x00' is not a number"),
        ("１\n０\n".encode(), "is not a number"),
        (b"{" + b"x" * 100, r"'\{x{19}\.\.\.' is not a number"),
    ],
)
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


def read_or_reject(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    try:
        clip = NTUReader(path.parent).read(ClipFile(NAME, str(path)))
    except ClipError:
        return
    assert np.isfinite(clip.joints).all()
    assert clip.joints.shape == (*clip.present.shape, 25, 3)
    assert clip.present.any(axis=0).all()


@settings(max_examples=150, deadline=None)
@given(text=st.binary(max_size=400) | st.text("0123456789 \n.-naif", max_size=400).map(str.encode))
def test_any_bytes_are_read_or_rejected(scratch: Path, text: bytes) -> None:
    read_or_reject(scratch, text)


@settings(max_examples=150, deadline=None)
@given(
    start=st.integers(0, len(VALID)),
    length=st.integers(0, 60) | st.integers(0, len(VALID)),
    new=st.binary(max_size=12) | st.sampled_from([b"", b"0", b" 1e39 ", b" nan ", b"\n25\n", b"-1", b" 99999999 "]),
)
def test_any_damage_is_read_or_rejected(scratch: Path, start: int, length: int, new: bytes) -> None:
    read_or_reject(scratch, VALID[:start] + new + VALID[start + length :])


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
    assert [file.name for file in survey.files] == [NAME, "S002C001P003R001A060"]
    assert survey.files[0].path == str(tmp_path / "skeletons" / f"{NAME}.skeleton")
    assert survey.expected is None
    assert dict(survey.skipped) == {
        "._" + NAME: "not named SsssCcccPpppRrrrAaaa.skeleton",
        "notes": "not named SsssCcccPpppRrrrAaaa.skeleton",
        "S001C001P003R001A000": "an action beyond NTU RGB+D's 60",
        "S018C001P041R001A061": "an action beyond NTU RGB+D's 60",
        "S018C001P041R001A007": "setup 18 is not among the 17 of NTU RGB+D's 60 actions",
        "S001C002P005R002A008": "on the official list of missing or useless skeletons",
        "S002C001P003R001A060": "a second file of this name",
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
    with pytest.raises(InputError, match="max_bodies must be 1 or more, not 0"):
        NTUReader(".", max_bodies=0)
    for actions in ([], [1, 1], [0], [61]):
        with pytest.raises(InputError, match="different numbers from 1 to 60"):
            NTUReader(".", actions=actions)
