"""Pages: all of them in the index, and no link that leads nowhere."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a heading can be linked by, as code-hosting sites make it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_index_has_every_page() -> None:
    listed = re.findall(r"^\| \[(\S+\.md)\]\(\1\) \| .+ \|$", (ROOT / "docs" / "README.md").read_text(), re.MULTILINE)
    assert sorted([*listed, "README.md"]) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_the_table_of_places_is_true() -> None:
    rows = re.findall(r"^\| .+ \| `([\w./]+)` \| `(\w+)` \|$", (ROOT / "docs" / "README.md").read_text(), re.MULTILINE)
    assert len(rows) >= 20
    for place, name in rows:
        file = ROOT / (place if place.startswith(("conf/", "src/")) else f"src/stgdn/{place}")
        defined = rf"^\s*((export )?(def|class|function|const) {name}\b|{name}\s*[:=])"
        assert re.search(defined, file.read_text(), re.MULTILINE), f"{place} does not define {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if not link.startswith("https://"):
            place, _, anchor = link.partition("#")
            target = (page.parent / place).resolve() if place else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_scripts_that_are_there(page: Path) -> None:
    for name in re.findall(r"python (src/\w+\.py)", page.read_text()):
        assert (ROOT / name).is_file(), name


# Files of other repositories, and of the reader's own.
ELSEWHERE = {"feeder/tools.py", "feeders/tools.py", "model/ctrgcn.py", "data/readers/my_arrays.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_of_the_code_are_there(page: Path) -> None:
    for name in set(re.findall(r"(?<![\w/.-])[a-z_]+/[\w/]+\.py\b", page.read_text())) - ELSEWHERE:
        bases = (ROOT, ROOT / "src" / "stgdn", ROOT / "src" / "stgdn" / "data", ROOT / "src")
        assert any((base / name).is_file() for base in bases), name
