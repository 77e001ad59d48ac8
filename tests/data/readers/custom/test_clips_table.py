"""Labels, subjects and cameras of a person's own clips: from files, names and clips.csv."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgdn.data.clip import ClipError
from stgdn.data.readers.custom.clips_table import merge_metadata, metadata_from_name, name_pattern, read_table
from stgdn.errors import InputError

CLASSES = ("wave", "take a bow", "7")


@pytest.mark.parametrize(
    ("pattern", "name", "metadata"),
    [
        ("{label}_s{subject}", "wave_s012", {"label": "wave", "subject": "012"}),
        ("{label}/{any}_c{camera}", "take a bow/x_y_c3", {"label": "take a bow", "camera": "3"}),
        ("S{setup}.P{subject}[a+]", "S1.P2[a+]", {"setup": "1", "subject": "2"}),
        ("a{label}_r{replication}", "a07_r1", {"label": "07", "replication": "1"}),
    ],
)
def test_patterns(pattern: str, name: str, metadata: dict[str, str]) -> None:
    assert metadata_from_name(name_pattern(pattern), name) == metadata
    assert metadata_from_name(None, name) == {}


@pytest.mark.parametrize(
    "name", ["wave_s1x", "xwave_s", "wave_s", "wave_s-1", "Wave_S1", "wave_s١", "_s1", "wave_s1\n"]
)
def test_names_that_do_not_fit(name: str) -> None:
    assert metadata_from_name(name_pattern("{label}_s{subject}"), name) is None


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("clip", "must have fields such as {label}"),
        ("{label}_{label}", "each of them once"),
        ("{label.__class__}", "unknown field of the pattern .* 'label.__class__', allowed: label"),
        ("{}_{label}", "unknown field of the pattern .* '', allowed"),
        ("{subjct}", "did you mean 'subject'"),
    ],
)
def test_patterns_that_are_none(pattern: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        name_pattern(pattern)


@given(literal=st.text(max_size=10).filter(lambda text: not set(text) & set("{}")), number=st.integers(0, 999_999_999))
def test_literal_parts_stand_for_themselves(literal: str, number: int) -> None:
    pattern = name_pattern(f"{literal}{{subject}}{literal}")
    assert metadata_from_name(pattern, f"{literal}{number}{literal}") == {"subject": str(number)}


def test_table(tmp_path: Path) -> None:
    assert read_table(tmp_path) == {}
    (tmp_path / "clips.csv").write_text("name, label ,subject\r\na/b.npz,wave,1\r\n\r\nc.csv,'x', \r\n\"d,e\",2,3\r\n")
    assert read_table(tmp_path) == {
        "a/b": {"label": "wave", "subject": "1"},
        "c": {"label": "'x'"},
        "d,e": {"label": "2", "subject": "3"},
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "needs a first line such as name,label,subject"),
        (b"label\nwave", "needs a first line such as name,label"),
        (b"name,name\na,b", "each of them once"),
        (b"name,lable\na,b", "unknown column of .* 'lable', .*did you mean 'label'"),
        (b"name,label\na", "line 2 has 1 cells, the first line has 2"),
        (b"name,label\na,wave\na.npz,wave", "line 3 has 'a' again"),
        (b"name,label\n,wave", "line 2 has no name"),
        (b"name\n\xff", "is no UTF-8 text"),
        (b"name\n" + b"a" * 2_000_000, "has a line of more than 1,048,576 characters"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "clips.csv").write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_table(tmp_path)


@settings(max_examples=60)
@given(content=st.binary(max_size=60) | st.text(alphabet='name,labe\n\r"x1;', max_size=80).map(str.encode))
def test_any_table_is_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.getbasetemp() / "tables"
    place.mkdir(exist_ok=True)
    (place / "clips.csv").write_bytes(b"name,label\n" + content)
    try:
        said = "".join(read_table(place))
    except InputError as error:
        said = repr(str(error))
    assert "\n" not in said or content.count(b'"') > 1


def test_labels_by_name_and_by_number() -> None:
    for fact, first, label in (("wave", 0, 0), ("take a bow", 1, 1), (1, 0, 1), ("02", 1, 1), (3, 1, 2), ("7", 0, 2)):
        assert merge_metadata({"its file": {"label": fact}}, CLASSES, first, {}) == {"label": label}


def test_sources_that_agree() -> None:
    sources = {
        "its file": {"label": 1},
        "clips.csv": {"label": "take a bow", "subject": "3"},
        "its name": {"camera": 2},
    }
    assert merge_metadata(sources, CLASSES, 0, {"subject": "split 'xsub'"}) == {"label": 1, "subject": 3, "camera": 2}


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "has no label, neither in its file nor in clips.csv nor by a pattern"),
        ({"label": "wave"}, "has no subject, which split 'xsub' needs"),
        ({"label": "wvae", "subject": 1}, "unknown class 'wvae'; is it 'wave'"),
        ({"label": "jump", "subject": 1}, "unknown class 'jump'$"),
        ({"label": "", "subject": 1}, "unknown class ''"),
        ({"label": 3, "subject": 1}, r"label 3 is outside the 3 classes, counted from 0 \(`first_label`"),
        ({"label": "-1", "subject": 1}, "label -1 is outside the 3 classes"),
        ({"label": 0, "subject": "anna"}, "its subject 'anna' is not a whole number from 0 up"),
        ({"label": 0, "subject": -1}, "its subject '-1' is not a whole number"),
        ({"label": 0, "subject": 1 << 31}, "its subject '2147483648' is not a whole number"),
        ({"label": 0, "subject": "9" * 5000}, "is not a whole number"),
    ],
)
def test_metadata_that_cannot_be_used(metadata: dict[str, str | int], reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        merge_metadata({"its file": metadata}, CLASSES, 0, {"subject": "split 'xsub'"})


def test_sources_that_contradict_each_other() -> None:
    with pytest.raises(ClipError, match="has another subject in its name than in its file"):
        merge_metadata({"its file": {"label": 0, "subject": 1}, "its name": {"subject": "2"}}, CLASSES, 0, {})
