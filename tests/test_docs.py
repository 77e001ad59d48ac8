"""Pages: all of them in the index, no link that leads nowhere, and commands in tables that can be typed."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from stgdn.cli.notebooks import compose_config
from tests.conftest import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
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


def test_citations_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    letter, bibtex = citation["preferred-citation"], (ROOT / "README.md").read_text()
    for field, value in (
        *(("title", letter["title"]), ("doi", letter["doi"]), ("volume", letter["volume"])),
        *(("pages", f"{letter['start']}--{letter['end']}"), ("journal", letter["journal"])),
        ("author", " and ".join(f"{name['family-names']}, {name['given-names']}" for name in letter["authors"])),
        *(("title", citation["title"]), ("version", citation["version"])),
    ):
        assert re.search(rf"{field} *= \{{{re.escape(str(value))}\}}", bibtex), field
    assert f'version = "{citation["version"]}"' in (ROOT / "pyproject.toml").read_text()


def commands_in_tables() -> list[str]:
    """Return the commands in the right column of the tables of docs/coming-from.md, without the word python."""
    rows = re.findall(r"^\| .+ \| (.+) \|$", (ROOT / "docs" / "coming-from.md").read_text(), re.MULTILINE)
    return [command for row in rows for command in re.findall(r"`python (src/\w+\.py [^`]+)`", row)]


@pytest.mark.parametrize("command", commands_in_tables())
def test_commands_in_tables_have_options_and_choices_that_are_there(command: str) -> None:
    script, *options = shlex.split(command.removesuffix(" --cfg job"))
    if "-m" in options:  # the first value of each list
        options = [re.sub(r"=([^,\[]+),.+", r"=\1", option) for option in options if option != "-m"]
    compose_config(Path(script).stem, *(option for option in options if not option.startswith("hydra.")))


def test_tables_have_commands() -> None:
    assert len(commands_in_tables()) > 40


# Files of other repositories, and of the reader's own.
FOLDERS_ELSEWHERE = ("configs/", "demo/", "tools/")
ELSEWHERE = {"feeder/tools.py", "feeders/tools.py", "model/ctrgcn.py", "data/readers/my_arrays.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_of_the_code_are_there(page: Path) -> None:
    for name in set(re.findall(r"(?<![\w/.-])[a-z_]+/[\w/]+\.py\b", page.read_text())) - ELSEWHERE:
        if name.startswith(FOLDERS_ELSEWHERE):
            continue
        bases = (ROOT, ROOT / "src" / "stgdn", ROOT / "src" / "stgdn" / "data", ROOT / "src")
        assert any((base / name).is_file() for base in bases), name
