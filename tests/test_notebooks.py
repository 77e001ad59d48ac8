"""Notebooks run from top to bottom on the small demo set, and keep the outputs that they were saved with."""

import json
import os
from pathlib import Path

import matplotlib as mpl
import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STGDN_DATA", os.fspath(tiny_data))
    monkeypatch.chdir(ROOT)
    mpl.use("Agg")
    names: dict[str, object] = {}
    for cell in code_cells(path):
        exec("".join(cell["source"]), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_in_order_with_outputs_and_short(path: Path) -> None:
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert any(cell["outputs"] for cell in cells)
    assert len(json.loads(path.read_text())["cells"]) <= 15
