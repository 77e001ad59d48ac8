"""Runs kept in docs/runs: whole, and docs/results.md and the README have the rows that a report makes of them."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.reports.findings.experiments import runs_of

from stgdn.reports.findings.sections import find
from stgdn.reports.tables.comparison import chosen_runs
from stgdn.runs.result import collect_runs, read_json

KEPT = ROOT / "docs" / "runs"
FOLDERS = sorted(path.parent for path in KEPT.rglob("summary.json"))
PAGE, README = (ROOT / "docs" / "results.md", ROOT / "README.md")
WHOLE_SETS = ["utd_mhad"]  # whose runs are all kept


def test_all_of_them_can_be_read() -> None:
    collection = collect_runs(KEPT)
    assert len(collection.results) == len(FOLDERS) > 0
    assert not collection.unusable
    assert not collection.notes


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(KEPT)))
def test_figures_are_those_of_the_scores(folder: Path) -> None:
    summary, scores = read_json(folder / "summary.json"), np.load(folder / "scores.npz")
    right = scores["scores"].argmax(axis=1) == scores["labels"]
    assert summary["test_top1"] == pytest.approx(100 * right.mean(), abs=1e-9)
    by_class = [right[scores["labels"] == label].mean() for label in np.unique(scores["labels"])]
    assert summary["test_mean_class"] == pytest.approx(100 * np.mean(by_class), abs=1e-4)
    assert summary["environment"]["git"]["clean"]
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".npz", ".csv", ".yaml"}
    assert not re.search(r": /|/home|/root", (folder / "config.yaml").read_text()), "places of one machine"


def table_rows(text: str, but: Sequence[str] = ()) -> list[str]:
    """The rows of all Markdown tables, without their numbers and those that contain a word of `but`."""
    rows = [re.sub(r"^\| \d+ \|", "|", line) for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if not any(word in row for word in but)]


def test_the_pages_have_their_rows() -> None:
    runs = runs_of(KEPT)
    headline = table_rows(find(chosen_runs(runs, {"data": WHOLE_SETS}))[0].text)
    _, _, plugin, claims, _ = find(runs)
    others = [*table_rows(plugin.text), *table_rows(claims.text, but=("| 0 |", "| 1 |", "| 2 |"))]
    assert len(headline) + len(others) >= 10
    assert not {*headline, *others} - set(table_rows(PAGE.read_text()))
    assert not set(headline) - set(table_rows(README.read_text()))
