"""Findings as pages with pictures: all of them, or their beginning, between the marks that a page has."""

from pathlib import Path

import pytest
from matplotlib.image import imread
from tests.conftest import RunCommand
from tests.reports.findings.experiments import depth_runs, network_run, runs_of
from tests.reports.made_up import run

from stgdn.errors import InputError
from stgdn.files import marks
from stgdn.reports.findings.sections import DEPTH, SCATTER, as_page, find, write_findings
from stgdn.reports.tables.table_files import BRIEF, SECTION

TITLES = (
    "Ours beside published",
    "Accuracy and over-smoothing against depth",
    "Whitening plugged into other networks",
    "What of the letter held",
    "Does less smoothing go with more accuracy?",
)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Runs of two depths with three remedies."""
    folder = tmp_path / "outputs"
    depth_runs(folder)
    return folder


def page(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    start, end = marks(name)
    path.write_text(f"before\n{start}\nold\n{end}\nafter\n")
    return path


def test_pages_get_what_their_marks_say(outputs: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "docs" / "pictures"
    whole, brief = page(tmp_path / "docs" / "results.md", SECTION), page(tmp_path / "README.md", BRIEF)
    named = f"before\nA page may name `{marks(BRIEF)[0]}` in a sentence.\n"
    whole.write_text(whole.read_text().replace("before\n", named))
    written = write_findings(find(runs_of(outputs)), pictures, [whole, brief])
    assert written == [pictures / DEPTH, pictures / SCATTER, whole, brief]
    for path in (whole, brief):
        text = path.read_text()
        assert text.startswith("before\n")
        assert text.endswith("\nafter\n")
        assert "\nold\n" not in text
    assert [line[4:] for line in whole.read_text().splitlines() if line.startswith("### ")] == list(TITLES)
    assert f"](pictures/{DEPTH})" in whole.read_text()
    assert f"](pictures/{SCATTER})" in whole.read_text()
    assert f"](docs/pictures/{DEPTH})" in brief.read_text()
    assert SCATTER not in brief.read_text()
    assert "| nw_ucla | agcn_7l | joint | 1, 2, 3 |" in brief.read_text()
    assert "30 epochs of 1,020 clips" in brief.read_text()
    assert "against over-smoothing" not in brief.read_text()
    assert "- `python src/train.py -m model=agcn_16l seed=1,2,3`" in whole.read_text()
    for name in (DEPTH, SCATTER):
        picture = imread(pictures / name)
        assert (picture[0, 0] == 1).all(), "white, so that it can be read on a dark page"
        assert (pictures / name).stat().st_size < 200_000


def test_the_same_runs_make_the_same_files(outputs: Path, tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        write_findings(find(runs_of(outputs)), tmp_path / name, [tmp_path / name / "found.md"])
        contents.append([(tmp_path / name / file).read_bytes() for file in (DEPTH, SCATTER, "found.md")])
    assert contents[0] == contents[1]


def test_what_was_not_run_is_said(tmp_path: Path) -> None:
    network_run(tmp_path, "agcn_7l")
    text = as_page(find(runs_of(tmp_path)), tmp_path, None)
    assert "Not run: `python src/train.py experiment=depth`." in text
    assert "Not run: `python src/train.py experiment=plugin`." in text
    assert "Open: no data set has 4 networks" in text
    assert "| open | – | 0 |" in text
    assert "held**" not in text


def test_every_table_has_cells_for_its_columns(outputs: Path) -> None:
    text = as_page(find(runs_of(outputs)), Path("pictures"), None)
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 5
    for lines in blocks:
        assert len({line.count("|") for line in lines}) == 1


def test_pictures_take_a_folder(outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"findings=.*taken is not a folder"):
        write_findings(find(runs_of(outputs)), tmp_path / "taken", [])


class TestCommand:
    def test_writes_pages_and_pictures(self, run_command: RunCommand) -> None:
        depth_runs(Path("outputs"))
        run(Path("outputs"))
        readme = page(Path("README.md"), BRIEF)
        outcome = run_command("report", "findings=pictures", "only.data=[nw_ucla]", "write=[found.md,README.md]")
        assert outcome.code == 0, outcome.err
        assert "### What of the letter held" in outcome.out
        assert "demo" not in outcome.out
        assert Path("pictures", DEPTH).is_file()
        assert "### What of the letter held" in Path("found.md").read_text()
        assert "What of the letter held" not in readme.read_text()

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["only.data=kinetics"], "no run fits only.data=kinetics"),
            (["write=found.csv"], "must end in .md"),
            (["page=page.html"], "findings= and page= are two reports"),
        ],
    )
    def test_mistakes_get_one_sentence(self, run_command: RunCommand, options: list[str], told: str) -> None:
        run(Path("outputs"))
        outcome = run_command("report", "findings=pictures", *options)
        assert outcome.code == 1
        (line,) = outcome.err.splitlines()
        assert told in line

    def test_tables_do_not_go_where_findings_belong(self, run_command: RunCommand) -> None:
        run(Path("outputs"))
        page(Path("README.md"), BRIEF)
        outcome = run_command("report", "write=README.md")
        assert outcome.code == 1
        assert "has no lines <!-- results -->" in outcome.err
