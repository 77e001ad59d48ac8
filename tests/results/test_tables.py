"""The results table: from summaries to Markdown, and into a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from stgdn.errors import InputError
from stgdn.results.tables import insert, markdown, rows

SUMMARY: dict[str, Any] = {
    "data": "demo",
    "synthetic": True,
    "model": "st_gdn",
    "stream": "joint",
    "seed": 1,
    "recipe": "demo",
    "test_top1": 91.26,
    "parameters": 2_170_125,
    "flops": 27_290_000_000,
    "clip_shape": [3, 300, 25, 2],
    "epochs": 16,
}


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for model in ("st_gdn", "agcn_7l"):
        folder = tmp_path / "demo" / model / "joint" / "demo-seed1"
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text(json.dumps(SUMMARY | {"model": model}))
    return tmp_path


def test_rows_can_be_chosen(outputs: Path) -> None:
    assert [row["model"] for row in rows(outputs, data=None)] == ["agcn_7l", "st_gdn"]
    assert [row["model"] for row in rows(outputs, data="demo", model="st_gdn")] == ["st_gdn"]


def test_synthetic_data_is_called_so_and_flops_have_their_clip_shape(outputs: Path) -> None:
    (row,) = rows(outputs, model="st_gdn")
    line = markdown([row]).splitlines()[-1]
    for text in ("demo (synthetic)", "| 91.3 |", "2,170,125", "27.29 (3, 300, 25, 2)", "demo-seed1"):
        assert text in line


def test_insert_replaces_only_what_is_between_the_marks(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n")
    insert(readme, "| new |")
    assert readme.read_text() == "before\n<!-- results -->\n| new |\n<!-- end of results -->\nafter\n"


def test_no_marks_no_runs_and_damaged_summaries_are_told(outputs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no lines"):
        insert(tmp_path / "missing.md", "")
    with pytest.raises(InputError, match="no finished run"):
        rows(outputs, data="ntu60_xsub")
    (outputs / "demo/st_gdn/joint/demo-seed1/summary.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        rows(outputs)
