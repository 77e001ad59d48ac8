"""Export of what cannot be exported ends in one sentence and leaves no partial file."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.conftest import RunCommand
from tests.inference.conftest import MakeRun
from torch import Tensor

from stgdn.export.formats import FORMATS


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["format=onxx"], "did you mean 'onnx'"),
            (["format=torch_export", "folded=false"], "format=safetensors to train on"),
            (["format=torch_export", "write=net.onnx"], "must end in .pt2"),
            (["format=safetensors", "clips=0"], "clips=0 must be a whole number"),
            (["format=safetensors", "checkpoint=best"], "unknown checkpoint 'best', allowed: last"),
            (["format=safetensors", "store=nowhere"], "nowhere is missing"),
            (["format=safetensors", "write=file/below"], "file is no folder"),
            (["format=safetensors", "write=/proc/nowhere/net"], "/proc/nowhere is no folder"),
            (["format=safetensors", "overwrite=true", "write=file"], "is no folder of such an export and stays"),
            (["format=safetensors", "overwrite=true", "write=full"], "is no folder of such an export and stays"),
            (["format=torch_export", "write=taken.pt2"], "taken.pt2 is there already: overwrite=true"),
            (["fromat=onnx"], "did you mean 'format'"),
        ],
    )
    def test_options_get_one_sentence(
        self, run_command: RunCommand, run: Path, options: list[str], message: str
    ) -> None:
        Path("file").write_text("mine")
        Path("taken.pt2").write_text("mine")
        Path("full").mkdir()
        Path("full/thesis.txt").write_text("mine")
        outcome = run_command("export", f"run={run}", *options)
        assert outcome.code == 1
        assert message in outcome.err
        assert len(outcome.err.splitlines()) == 1
        assert [Path(name).read_text() for name in ("file", "taken.pt2", "full/thesis.txt")] == ["mine"] * 3
        assert not list(Path().rglob("*.safetensors"))

    def test_no_run_and_unfinished_ones(self, run_command: RunCommand, make_run: MakeRun, tmp_path: Path) -> None:
        outcome = run_command("export", "run=outputs/nothing")
        assert outcome.code == 1
        assert "no run at outputs/nothing" in outcome.err
        begun = make_run("epochs=3", epoch=1, name="begun")
        outcome = run_command("export", f"run={begun}", "format=safetensors", "write=made")
        assert outcome.code == 1
        assert "is of epoch 2 of 3" in outcome.err
        assert not (tmp_path / "made").exists()
        outcome = run_command("export", f"run={begun}", "format=safetensors", "write=made", "unfinished=true")
        assert outcome.code == 0, outcome.err
        assert "2 of 3 epochs" in (tmp_path / "made" / "README.md").read_text()

    def test_pickled_code_does_not_run(self, run_command: RunCommand, run: Path) -> None:
        torch.save({"state_dict": {}, "config": Trap()}, run / "checkpoints" / "last.ckpt")
        outcome = run_command("export", f"run={run}")
        assert outcome.code == 1
        assert "not a readable checkpoint" in outcome.err
        assert not Path("trapped").exists()

    @pytest.mark.parametrize("form", ["safetensors", "torch_export"])
    def test_a_full_disk_leaves_what_was_there(
        self, run_command: RunCommand, run: Path, monkeypatch: pytest.MonkeyPatch, form: str
    ) -> None:
        path = Path("made.pt2" if form == "torch_export" else "made")
        if form == "safetensors":
            path.mkdir()
            (path / "model.safetensors").write_text("before")
        else:
            path.write_text("before")
        before = content(path)
        monkeypatch.setattr(Path, "write_bytes", full_disk)
        outcome = run_command("export", f"run={run}", f"format={form}", f"write={path}", "overwrite=true")
        assert outcome.code == 1
        assert "No space left on device while writing" in outcome.err
        assert content(path) == before
        assert not list(Path().glob(".made*"))

    def test_other_scores_are_refused(
        self, run_command: RunCommand, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert run_command("export", f"run={run}", "format=safetensors", "write=made").code == 0
        before = content(Path("made"))
        right = FORMATS["safetensors"]
        for change in (lambda scores: scores + 2e-4, lambda scores: scores * torch.nan):

            def wrong(path: Path, change: Callable[[Tensor], Tensor] = change) -> Callable[[Tensor], Tensor]:
                scorer = right.open(path)
                return lambda clips: change(scorer(clips))

            monkeypatch.setitem(FORMATS, "safetensors", right._replace(open=wrong))
            outcome = run_command("export", f"run={run}", "format=safetensors", "write=made", "overwrite=true")
            assert outcome.code == 1
            assert "nothing was written" in outcome.err
            assert content(Path("made")) == before
            assert not list(Path().glob(".made*"))


def content(path: Path) -> dict[str, bytes]:
    """Of a file or of all files in a folder."""
    return {each.name: each.read_bytes() for each in (sorted(path.iterdir()) if path.is_dir() else [path])}


def full_disk(self: Path, _: bytes) -> int:
    """Write a little, then fail as a full disk does."""
    with self.open("wb") as file:
        file.write(b"half")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))


class Trap:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("trapped"),)
