"""Files and folders that are whole or not there, whenever their writer is killed."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from stgdn import files
from stgdn.errors import InputError
from stgdn.files import insert, matching, remove_leftovers, replacing, replacing_folder

HOST = "".join(letter if letter.isalnum() or letter == "_" else "-" for letter in platform.node())[:40]


def write(path: Path, text: str) -> None:
    """Fill a file, or a folder with a file in it."""
    (path / "inside" if path.is_dir() else path).parent.mkdir(exist_ok=True)
    (path / "inside" if path.is_dir() else path).write_text(text)


def read(path: Path) -> str:
    return (path / "inside" if path.is_dir() else path).read_text()


BOTH = pytest.mark.parametrize("writing", [replacing, replacing_folder])
Writing = Callable[[Path], AbstractContextManager[Path]]


@BOTH
def test_two_writers_of_a_path_do_not_meet(tmp_path: Path, writing: Writing) -> None:
    path = tmp_path / "scores.npz"
    with writing(path) as first, writing(path) as second:
        assert first != second
        assert first.suffix == second.suffix == ".npz"  # numpy appends it to any other name
        write(first, "first")
        write(second, "second")
    assert read(path) == "first"  # which has ended last
    assert list(tmp_path.iterdir()) == [path]


@BOTH
def test_a_path_is_renamed_when_its_content_is_on_the_disk_and_then_its_name_is(
    tmp_path: Path, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "content", []
    fsync = os.fsync

    def record(number: int) -> None:
        done.append((str(Path(f"/proc/self/fd/{number}").resolve()) if sys.platform == "linux" else "", path.exists()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", record)
    with writing(path) as temporary:
        write(temporary, "x")
        written = [temporary, *(temporary.rglob("*") if temporary.is_dir() else ())]
        assert not done
    if sys.platform == "linux":
        assert sorted(done) == sorted([*((str(each), False) for each in written), (str(tmp_path), True)])
    assert done[-1][1]


def test_a_full_disk_that_shows_when_flushing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"), replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import os, signal, sys
from pathlib import Path
from stgdn import files
with getattr(files, sys.argv[1])(Path(sys.argv[2])) as temporary:
    (temporary / "inside" if temporary.is_dir() else temporary).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@BOTH
def test_what_a_killed_writer_leaves_goes_with_the_next_one(tmp_path: Path, writing: Writing) -> None:
    path = tmp_path / "model.onnx"
    with writing(path) as temporary:
        write(temporary, "old")
    for _ in range(2):
        ended = subprocess.run([sys.executable, "-c", KILLED, writing.__name__, str(path)], check=False)
        assert ended.returncode == -9
        assert read(path) == "old"
        assert len(list(tmp_path.iterdir())) == 2  # that of the first has gone
    with writing(path) as temporary:
        write(temporary, "new")
    assert read(path) == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_only_what_nobody_writes_any_more_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    day = 24 * 3600

    def leave(host: str, process: int, age: float = 0) -> Path:
        path = tmp_path / f".last.{host}-{process}-0.partial.ckpt"
        path.touch()
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    kept = {
        *(leave(HOST, os.getppid(), 2 * day), leave("elsewhere", ended.pid, day / 2)),
        *(tmp_path / name for name in ("last.ckpt", ".partial", ".last.partial.ckpt", ".a.host-1-1.part.ckpt")),
    }
    for path in kept:
        path.touch() if not path.exists() else None
    leave(HOST, ended.pid)
    leave(HOST, os.getpid())  # in a container that is started again the numbers are the same
    leave("elsewhere", ended.pid + 1, 2 * day)
    with replacing(tmp_path / "last.ckpt") as temporary:
        temporary.touch()
        remove_leftovers(tmp_path)
        assert set(tmp_path.iterdir()) == kept | {temporary}
    assert set(tmp_path.iterdir()) == kept
    remove_leftovers(tmp_path / "nowhere")


def test_writers_that_go_by_the_suffix_write_where_they_are_told(tmp_path: Path) -> None:
    with replacing(tmp_path / "scores.npz") as temporary:
        np.savez(temporary, allow_pickle=False, scores=np.arange(3))
    with np.load(tmp_path / "scores.npz") as content:
        assert content["scores"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("letters", ["n" * 251, "名" * 83])
def test_names_may_be_as_long_as_a_file_system_takes(tmp_path: Path, letters: str) -> None:
    path = tmp_path / f"{letters}.csv"
    files.write_json(path, {})
    assert list(tmp_path.iterdir()) == [path]


def test_text_goes_between_its_lines_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- feeding -->\nold\n<!-- end of feeding -->\n<!-- scale -->\n<!-- end of scale -->\n")
    insert(page, "feeding", "new")
    insert(page, "scale", "large")
    assert page.read_text() == (
        "before\n<!-- feeding -->\nnew\n<!-- end of feeding -->\n<!-- scale -->\nlarge\n<!-- end of scale -->\n"
    )


@pytest.mark.parametrize("content", [None, "", "<!-- scale -->\n<!-- end of scale -->\n", "<!-- feeding -->\n"])
def test_a_page_without_the_lines_is_left_alone(tmp_path: Path, content: str | None) -> None:
    page = tmp_path / "page.md"
    if content is not None:
        page.write_text(content)
    with pytest.raises(InputError, match="has no lines <!-- feeding --> and <!-- end of feeding -->"):
        insert(page, "feeding", "new")
    assert content == (page.read_text() if page.exists() else None)


@pytest.mark.parametrize("name", ["clip[1].npz", "a*b.npz", "what?.npz"])
def test_a_file_that_is_there_is_no_pattern(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert matching(tmp_path / name) == [tmp_path / name]
    assert matching(tmp_path / "nowhere") == [tmp_path / "nowhere"]
    (tmp_path / "clip1.npz").touch()
    assert matching(tmp_path / "clip[1-3].npz") == [tmp_path / "clip1.npz"]
    assert matching(tmp_path / "no*") == []
