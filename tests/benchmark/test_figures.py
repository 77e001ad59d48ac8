"""Both benchmarks at a small size: every figure is there, and nothing is left behind."""

from pathlib import Path

import pytest
from tests.conftest import RunCommand

from stgdn.benchmark.scale import _memory, scale

linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory figures are Linux's")


def rows(figures: str) -> list[list[str]]:
    """The cells of the table, without its headings."""
    lines = [line for line in figures.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare a handful of files, in this process."""
    monkeypatch.setattr("stgdn.benchmark.feeding.SUBJECTS", (1,))
    monkeypatch.setattr("stgdn.benchmark.feeding.COPIES", 1)
    monkeypatch.setattr("stgdn.benchmark.feeding.available_cores", lambda: 1)


@linux
def test_scale(tmp_path: Path) -> None:
    found = dict(rows(scale(tmp_path, clips=200, precision="float16", workers=1, rounds=2)))
    assert found["clips, frames a clip, bodies a clip"].startswith("200, ")
    assert found["opening"].endswith(" ms")
    for name, figure in found.items():
        if "process" in name or "batches" in name:
            assert float(figure.removesuffix(" clips/s").replace(",", "")) > 0


@linux
def test_memory_is_this_process() -> None:
    memory = _memory()
    assert 0 < memory["Pss"] <= memory["Rss"]
    assert 0 < memory["Anonymous"] < memory["Rss"]


@pytest.mark.usefixtures("few_files")
def test_feeding_prints_and_writes_its_figures_and_cleans_up(run_command: RunCommand, tmp_path: Path) -> None:
    page, folder = tmp_path / "page.md", tmp_path / "made"
    page.write_text("<!-- feeding -->\n<!-- end of feeding -->\n")
    folder.mkdir()
    outcome = run_command("benchmark", "clips=40", "rounds=1", f"write={page}", f"folder={folder}")
    assert outcome.code == 0, outcome.err
    assert not list(folder.iterdir())
    found = rows(page.read_text())
    assert len(found) == 7
    assert found == rows(outcome.out)
    for what, fast, beside, ratio in found:
        rates = [float(cell.split()[0].replace(",", "")) for cell in (fast, beside)]
        assert float(ratio) == pytest.approx(rates[0] / rates[1], rel=0.2, abs=0.005), what


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["what=feed"], "did you mean 'feeding'"),
        (["what=scale", "precision=float8"], "precision"),
        (["rounds=0"], "rounds=0 must be a whole number from 1 up"),
        (["clips=-3"], "clips=-3 must be a whole number from 1 up"),
        (["folder=nowhere"], "nowhere"),
    ],
)
def test_mistakes_get_one_sentence(run_command: RunCommand, options: list[str], told: str) -> None:
    outcome = run_command("benchmark", *options)
    assert outcome.code == 1
    assert told in outcome.err
    assert "Traceback" not in outcome.err
