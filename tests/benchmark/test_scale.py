"""A large store at a small size: every figure is there."""

from pathlib import Path

import pytest

from stgdn.benchmark import scale as module
from stgdn.benchmark.scale import MEMORY, scale
from stgdn.benchmark.timing import proc_bytes
from stgdn.errors import InputError

linux = pytest.mark.skipif(not Path(MEMORY).exists(), reason="memory figures are Linux's")


def table_rows(figures: str) -> list[list[str]]:
    """Return the cells of a Markdown table, without its headings."""
    lines = [line for line in figures.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@linux
def test_scale(tmp_path: Path) -> None:
    found = dict(table_rows(scale(tmp_path, clips=200, precision="float16", workers=1, rounds=2)))
    assert found["clips, frames a clip, bodies a clip"].startswith("200, ")
    assert found["opening"].endswith(" ms")
    for name, figure in found.items():
        if "process" in name or "batches" in name:
            assert float(figure.removesuffix(" clips/s").replace(",", "")) > 0


@linux
def test_memory_is_of_this_process() -> None:
    memory = proc_bytes(MEMORY)
    assert 10 * 2**20 < memory["Pss"] <= memory["Rss"]
    assert 0 < memory["Anonymous"] < memory["Rss"]


def test_another_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY", str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="as Linux has it: run it there"):
        scale(tmp_path, clips=200, precision="float16", workers=1, rounds=2)
