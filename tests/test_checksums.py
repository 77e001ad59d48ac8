"""Checksums of a JSON file and of the files beside it."""

import json
import zlib
from pathlib import Path

import pytest

from stgdn.checksums import checksum, expect_unchanged, with_checksums
from stgdn.errors import InputError


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A JSON file with checksums of itself and of two of three files."""
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text(f"content of {name}")
    path = tmp_path / "index.json"
    path.write_text(json.dumps(with_checksums({"top1": 0.1, "classes": ["é"]}, path, ["a.csv", "b.csv", "none"])))
    return path


def test_a_file_of_several_blocks_has_the_checksum_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * (20 << 10)  # 5 MB, more than one block
    (tmp_path / "file").write_bytes(content)
    assert checksum(tmp_path / "file") == zlib.crc32(content)


def test_what_was_written_is_unchanged(index: Path) -> None:
    assert set(json.loads(index.read_text())["checksums"]) == {"a.csv", "b.csv", "index.json"}
    for name in ("a.csv", "b.csv", "c.csv", "index.json"):
        expect_unchanged(index.with_name(name), index)


def test_another_layout_of_the_same_content_is_unchanged(index: Path) -> None:
    index.write_text(json.dumps(json.loads(index.read_text()), indent=3, sort_keys=True))
    expect_unchanged(index, index)


@pytest.mark.parametrize("name", ["a.csv", "b.csv"])
def test_a_changed_file_is_named(index: Path, name: str) -> None:
    index.with_name(name).write_text(f"Content of {name}")
    with pytest.raises(InputError, match=rf"{name} is damaged: its checksum does not match that in index.json"):
        expect_unchanged(index.with_name(name), index)


@pytest.mark.parametrize(("entry", "value"), [("top1", 0.2), ("classes", ["e"]), ("checksums", {"index.json": 1})])
def test_a_changed_entry_is_found(index: Path, entry: str, value: object) -> None:
    index.write_text(json.dumps(json.loads(index.read_text()) | {entry: value}))
    with pytest.raises(InputError, match=r"index.json is damaged"):
        expect_unchanged(index, index)


def test_files_without_checksums_are_as_before(index: Path) -> None:
    """Older versions wrote none; who has changed a file on purpose removes `checksums`."""
    index.write_text(json.dumps({"top1": 0.2}))
    index.with_name("a.csv").write_text("changed")
    expect_unchanged(index, index)
    expect_unchanged(index.with_name("a.csv"), index)
