"""Run folders: names, whole files, differences between configs."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from stgdn.entry import run_name
from stgdn.files import replacing
from stgdn.results.runs import config_differences


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ("", "letter-seed3"),
        ("model.width=0.5", "letter-seed3+model.width-0.5"),
        ("a=1,b=[x, y]", "letter-seed3+a-1+b-_x+_y_"),
    ],
)
def test_names_need_no_quoting(overrides: str, expected: str) -> None:
    assert run_name("letter", 3, overrides) == expected


def write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk is full")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("old")
    with pytest.raises(OSError, match="disk"):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_differences_name_the_dotted_key() -> None:
    before = OmegaConf.create({"a": {"b": 1, "c": [1, 2]}, "d": "x"})
    now = OmegaConf.create({"a": {"b": 1, "c": [1, 3]}, "e": "y"})
    assert list(config_differences(before, now)) == [
        ("a.c", [1, 2], [1, 3]),
        ("d", "x", None),
        ("e", None, "y"),
    ]
