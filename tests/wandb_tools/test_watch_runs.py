"""Runs on the shelf that leet opens."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.wandb_tools.test_local import made_up

from stgdn.errors import InputError
from stgdn.wandb_tools import watch_runs
from stgdn.wandb_tools.local import find_records
from stgdn.wandb_tools.watch_runs import link_records, record_name, watch

RUN = "outputs/demo/st_gdn/joint/letter-seed2+epochs-5/wandb/offline-run-20260101_120000-abcd1234"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input and output that say they are a terminal."""
    monkeypatch.setattr(watch_runs.os, "isatty", lambda _: True)


def test_a_name_begins_with_what_differs_in_a_sweep(tmp_path: Path) -> None:
    made_up(tmp_path, RUN)
    (part,) = find_records(tmp_path)
    assert record_name(part) == "st_gdn joint seed2+epochs-5 letter demo (abcd1234)"


def test_a_name_is_never_too_long_for_a_file(tmp_path: Path) -> None:
    made_up(tmp_path, RUN.replace("epochs-5", "x" * 190))
    link_records(tmp_path, find_records(tmp_path / "outputs"))
    assert len(list(tmp_path.glob("run-*/run-*.wandb"))) == 1


@pytest.mark.usefixtures("terminal")
def test_leet_gets_the_newest_under_names_it_can_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = [made_up(tmp_path, RUN.replace("seed2", f"seed{day}").replace("0101", f"010{day}")) for day in range(1, 5)]
    logs[2].write_bytes(b"garbage")
    opened: list[Path] = []

    def leet(command: list[str], **_options: object) -> SimpleNamespace:
        assert command[:-1] == [sys.executable, "-m", "wandb", "leet"]
        for folder in sorted(Path(command[-1]).iterdir()):
            _, date, name = folder.name.split("-", 2)
            assert date.startswith("2026010")
            opened.append((folder / f"run-{name}.wandb").resolve(strict=True))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", leet)
    watch(tmp_path / "outputs", newest=3)
    assert opened == [logs[1].resolve(), logs[3].resolve()]
    assert f"left out {logs[2]}: it is no log of W&B" in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_leet_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(tmp_path, RUN)
    monkeypatch.setattr(watch_runs.subprocess, "run", lambda *_args, **_options: SimpleNamespace(returncode=2))
    with pytest.raises(InputError, match="exit code 2"):
        watch(tmp_path, newest=1)


def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(tmp_path, RUN, b"garbage")
    with pytest.raises(InputError, match=r"newest=0 must be at least 1"):
        watch(tmp_path, newest=0)
    with pytest.raises(InputError, match=r"none of the 1 newest W&B records"):
        watch(tmp_path, newest=5)
    made_up(tmp_path / "good", RUN)
    monkeypatch.setattr(watch_runs.os, "isatty", lambda _: False)
    with pytest.raises(InputError, match="needs a terminal"):
        watch(tmp_path / "good", newest=5)
