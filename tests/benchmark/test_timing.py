"""Timing in turn, and the tables that come of it."""

import time
from pathlib import Path

import pytest

from stgdn.benchmark.timing import TURN, interleaved, machine, table
from stgdn.errors import InputError
from stgdn.files import insert


def test_ways_take_turns_and_are_told_how_often_they_were_called() -> None:
    called: list[tuple[str, int]] = []

    def way(name: str, seconds: float):  # noqa: ANN202
        return lambda n: (called.append((name, n)), time.sleep(seconds))

    seconds = interleaved({"slow": way("slow", 2 * TURN), "quick": way("quick", TURN / 4)}, rounds=2)
    assert [number for name, number in called if name == "slow"] == [0, 1]
    quick = [number for name, number in called if name == "quick"]
    assert quick == list(range(len(quick)))
    order = [name for name, _ in called]
    assert order.index("quick") == 1
    assert order[-1] == "quick"
    assert seconds["slow"] >= 2 * TURN
    assert TURN / 4 <= seconds["quick"] < seconds["slow"]


def test_the_machine_is_told() -> None:
    assert "cores" in machine()
    assert "numpy 2." in machine()


def test_table_is_markdown() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_figures_go_between_their_lines(tmp_path: Path) -> None:
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
