"""One rounding of one number: halves, in tables, pages, pictures and what is printed."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stgdn.player.html_file import ELEMENTS
from stgdn.reports.page.write_page import write_page
from stgdn.reports.tables.cells import signed, spread_text
from stgdn.reports.tables.comparison import compare
from stgdn.reports.tables.rows import Spread
from stgdn.reports.tables.table_files import as_markdown
from stgdn.rounding import fixed
from stgdn.runs.result import collect_runs
from tests.reports import made_up
from tests.reports.page.pages import results

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Python's own formats and JavaScript's `toFixed` differ in the first two, and neither does with the third as one reads.
HALVES = {56.25: "56.3", 0.25: "0.3", 87.35: "87.4", 36.05: "36.1", 99.95: "100.0", 12.5: "12.5", 1e-7: "0.0"}


@pytest.mark.parametrize(("value", "expected"), HALVES.items())
def test_halves_are_rounded_away_from_zero(value: float, expected: str) -> None:
    assert fixed(value) == expected
    assert fixed(-value) == f"-{expected}"
    assert fixed(value, sign="+") == f"+{expected}"
    assert spread_text(Spread((value,))) == expected


def test_other_digits() -> None:
    assert [fixed(0.125, 2), fixed(62.5, 0), fixed(2.5, 0), fixed(2.345, 2, "+")] == ["0.13", "63", "3", "+2.35"]
    assert fixed(float("nan")) == "nan"
    assert signed(-0.25) == "−0.3"


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the JavaScript of pages without a browser")
def test_pages_round_in_the_same_way() -> None:
    values = [*HALVES, *np.random.default_rng(0).uniform(-100, 100, 200).round(3).tolist(), *np.arange(0, 100, 0.05)]
    script = (
        f"{ELEMENTS}\nconsole.log([{','.join(repr(float(value)) for value in values)}].map((v) => fixed(v)).join())"
    )
    ended = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip().split(",") == [fixed(value) for value in values]


def test_tables_and_the_page_say_the_same(tmp_path: Path, browser: "Browser") -> None:
    made_up.run(tmp_path, test_top1=56.25, test_top5=87.35)
    collection = collect_runs(tmp_path)
    comparisons, _ = compare(collection)
    table = as_markdown(comparisons)
    assert "| 56.3 |" in table
    assert "| 87.4 |" in table
    write_page(results(tmp_path), comparisons, tmp_path / "page.html", [])
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    text = page.content()
    page.close()
    shown = re.findall(
        r">[^<>]*\b(56\.[23]|87\.[34])\b", text.partition("<script")[0] + text.rpartition("</script>")[2]
    )
    assert {*shown} == {"56.3", "87.4"}
    assert len(shown) >= 4  # in the comparison and in the table of runs
