"""Profiles of a run, as files in its folder."""

from pathlib import Path

import pytest
from tests.conftest import TINY, RunCommand

from stgdn.errors import InputError
from stgdn.training.profiling import build_profiler, profile_summary


def test_a_profile_lies_in_the_run_folder(run_command: RunCommand) -> None:
    outcome = run_command("train", *TINY, "model=agcn_7l", "trainer.profiler=simple", "callbacks.over_smoothing=null")
    assert outcome.code == 0, outcome.err
    (path,) = Path("outputs").rglob("fit-profile-simple.txt")
    text = path.read_text()
    assert "train_dataloader_next" in text  # waiting for data
    assert "backward" in text
    assert f"profile: {path}" in outcome.out


def test_without_a_profiler_there_is_none(tmp_path: Path) -> None:
    assert build_profiler(None, tmp_path) is None
    assert profile_summary(tmp_path, "simple") == "profile: "


def test_other_words_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown trainer\.profiler 'simpel', allowed: .*did you mean 'simple'"):
        build_profiler("simpel", tmp_path)
