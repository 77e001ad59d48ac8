"""Clips as `.csv`: tables as people write them, and files that are none."""

import csv as plain_csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.own_data import STICK, csv, folder, moving, outcome, read_one

from stgdn.data.clip import Clip, ClipError
from stgdn.data.readers.custom.csv_clips import read_csv
from stgdn.data.readers.custom.custom_reader import CustomReader
from stgdn.skeleton import define

HEAD = ",".join(f"{joint}_{axis}" for joint in STICK.joints for axis in "xyz")
ROW = ",".join(["0.5"] * 12)


def test_equals_a_plain_reader() -> None:
    joints = moving(6, 4, 3)
    joints[2, 1], joints[4, 3, 0] = np.nan, np.nan
    content = csv(joints, columns={"time": 0.1, "frame": list(range(6))})
    (body,) = read_csv(content, STICK).bodies
    for frame, row in enumerate(plain_csv.DictReader(io.StringIO(content.decode()))):
        for number, joint in enumerate(STICK.joints):
            for axis, name in enumerate("xyz"):
                cell = row[f"{joint}_{name}"]
                assert (
                    body.positions[frame, number, axis] == float(cell)
                    if cell
                    else np.isnan(body.positions[frame, number])[axis]
                )
    assert body.frames.tolist() == list(range(6))
    assert (body.confidence == 1).all()


def test_columns_in_any_order_and_as_spreadsheets_save_them() -> None:
    joints = moving(3, 4, 3)
    names = HEAD.split(",")
    order = np.random.default_rng(0).permutation(12)
    lines = [" , ".join(names[column] for column in order)]
    lines += [", ".join(str(pose.ravel()[column]) for column in order) for pose in joints]
    content = b"\xef\xbb\xbf" + ("\r\n".join(lines) + "\r\n\r\n").encode()
    (body,) = read_csv(content, STICK).bodies
    np.testing.assert_array_equal(body.positions, joints)


def test_frames_have_numbers_and_may_be_lost() -> None:
    joints = moving(4, 4, 3)
    (body,) = read_csv(csv(joints, columns={"frame": [7, 3, "12.0", 4]}), STICK).bodies
    assert body.frames.tolist() == [3, 4, 7, 12]
    np.testing.assert_array_equal(body.positions, joints[[1, 3, 0, 2]])


def test_bodies_have_names() -> None:
    joints = moving(5, 4, 3)
    recording = read_csv(csv(joints, columns={"body": ["b", "a", "b", "a", "b"], "frame": [0, 0, 1, 2, 3]}), STICK)
    assert [body.frames.tolist() for body in recording.bodies] == [[0, 1, 3], [0, 2]]
    np.testing.assert_array_equal(recording.bodies[1].positions, joints[[1, 3]])
    recording = read_csv(csv(joints, columns={"body": ["b", "a", "b", "a", "b"]}), STICK)
    assert [body.frames.tolist() for body in recording.bodies] == [[0, 1, 2], [0, 1]]


def test_metadata_stand_in_columns() -> None:
    content = csv(moving(3, 4, 3), columns={"label": "wave", "subject": ["3", "", "3"], "camera": ""})
    assert read_csv(content, STICK).metadata == {"label": "wave", "subject": "3"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEAD.encode(), "no frame"),
        (f"{HEAD}\n{ROW},1".encode(), "line 2 has 13 cells, the first line has 12"),
        (f"{HEAD}\n{ROW}\n\n0.5".encode(), "line 4 has 1 cells"),
        (f"{HEAD}\n{ROW.replace('0.5', 'x', 1)}".encode(), "line 2 has 'x' where a number belongs"),
        (f"{HEAD}\n{ROW.replace('0.5', '', 1)[:-3]}one".encode(), "line 2 has 'one' where a number belongs"),
        (HEAD.replace("hip_x", "hipx").encode(), "has no column 'hip_x'; is it 'hipx'"),
        (b"frame,x,y,z\n1,2,3,4", "has no column 'hip_x'"),
        (f"{HEAD},hip_x\n{ROW},1".encode(), "has column 'hip_x' twice"),
        (HEAD.replace(",", ";").encode(), "has columns separated by semicolons, expected commas"),
        (f"{HEAD},frame\n{ROW},1.5".encode(), "has '1.5' in column 'frame', which is not a whole number"),
        (f"{HEAD},frame\n{ROW},-1".encode(), "has '-1' in column 'frame'"),
        (f"{HEAD},frame,body\n{ROW},1,a\n{ROW},1,a".encode(), "has frame 1 twice$"),
        (f"{HEAD},label\n{ROW},bow\n{ROW},wave".encode(), "has 'bow' and 'wave' in column 'label', a clip has one"),
        (HEAD.encode("utf-16"), "is no UTF-8 text with commas"),
        (b'"' + b"a\n" * 100_000, "is no UTF-8 text with commas: 'field larger than field limit"),
        (b",".join(b"c%d" % number for number in range(1_000_000)), "has a line of more than 1,048,576 characters"),
        (b"a," * 500_000, "has column 'a' twice"),
    ],
)
def test_files_that_cannot_be_used(content: bytes, reason: str) -> None:
    with pytest.raises(ClipError, match=reason) as told:
        read_csv(content, STICK)
    assert len(str(told.value)) < 300


def test_too_many_rows_and_bodies() -> None:
    point = define({"joints": ["a"], "bones": []})
    with pytest.raises(ClipError, match="1 bodies and 100,001 frames, at most 100 and 100,000 are read"):
        read_csv(b"a_x,a_y,a_z\n" + b"1,1,1\n" * 100_001, point)
    bodies = b"".join(b"1,1,1,%d\n" % number for number in range(101))
    with pytest.raises(ClipError, match="101 bodies and 1 frames"):
        read_csv(b"a_x,a_y,a_z,body\n" + bodies, point)


TABLE = csv(moving(3, 4, 3), columns={"frame": [0, 1, 2], "body": "a"})


@settings(max_examples=100)
@given(
    content=st.binary(max_size=100)
    | st.tuples(st.integers(0, len(TABLE) - 1), st.binary(min_size=1, max_size=8)).map(
        lambda change: TABLE[: change[0]] + change[1] + TABLE[change[0] + len(change[1]) :]
    )
    | st.text(alphabet='01e.,"\n\rnaif-+ ', max_size=100).map(lambda rows: f"{HEAD}\n{ROW}\n{rows}".encode())
)
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = outcome(tmp_path_factory.getbasetemp() / "csv", content, ".csv")
    assert isinstance(found, Clip) or found.isprintable()


def test_tabs_and_comments() -> None:
    joints = moving(4, 4, 3)
    lines = (
        csv(joints, columns={"label": "wave, slowly", "frame": list(range(4))}).decode().replace("wave, slowly", "wave")
    )
    first, *rows = lines.replace(",", "\t").split("\n")
    text = "\n".join(["# made by hand, in metres", "", first, rows[0], "# a pause", *rows[1:]])
    recording = read_csv(text.encode(), STICK)
    np.testing.assert_array_equal(recording.bodies[0].positions, joints)
    assert recording.metadata == {"label": "wave"}
    with pytest.raises(ClipError, match="line 6 has 1 cells, the first line has 14"):
        read_csv(text.replace(rows[1], "0.5").encode(), STICK)


def test_people_without_names_are_followed(tmp_path: Path) -> None:
    """Two people in every frame and no column that says who is who."""
    near = 0.1 * moving(6, 4, 3) + 0.2
    far = near + np.array([2, 0, 0])
    order = [(far, near)[(t + side) % 2][t] for t in range(6) for side in range(2)]
    content = csv(np.array(order), columns={"frame": [t for t in range(6) for _ in range(2)]})
    recording = read_csv(content, STICK)
    assert (recording.tracked, len(recording.bodies)) == (False, 1)
    clip = read_one(tmp_path, content, ".csv", bodies="2")
    np.testing.assert_allclose(clip.joints[clip.joints[:, 0, 0, 0].argsort()], [near, far], rtol=1e-5)


def test_too_many_people_without_names() -> None:
    point = define({"joints": ["a"], "bones": []})
    with pytest.raises(ClipError, match="101 bodies and 1 frames"):
        read_csv(b"a_x,a_y,a_z,frame\n" + b"1,1,1,7\n" * 101, point)


def test_bodies_with_labels_of_their_own_are_clips(tmp_path: Path) -> None:
    joints = moving(6, 4, 3)
    columns = {"body": [*"abcabc"], "label": ["wave", "bow", "wave"] * 2, "subject": ["1", "2", "1"] * 2}
    own = csv(joints, columns=columns | {"frame": [0, 0, 0, 1, 1, 1]})
    same = csv(joints, columns={"body": [*"ababab"], "label": "bow", "subject": "3", "frame": [0, 0, 1, 1, 2, 2]})
    torn = b"body,label,x\na,wave\n"
    reader = CustomReader(folder(tmp_path, {"day1.csv": own, "day2.csv": same, "day3.csv": torn}, {"pattern": ""}))
    files = reader.survey().files
    assert [file.name for file in files] == ["day1/a", "day1/b", "day1/c", "day2", "day3"]
    clips = [reader.read(file) for file in files[:4]]
    assert [(clip.label, clip.subject) for clip in clips] == [(0, 1), (1, 2), (0, 1), (1, 3)]
    np.testing.assert_allclose(clips[1].joints[0], joints[[1, 4]], rtol=1e-6)
    assert files[1].location == f"{tmp_path / 'day1.csv'}:b"
    assert [clip.label for clip in map(reader.read_unlabelled, files[:2])] == [0, 1]
