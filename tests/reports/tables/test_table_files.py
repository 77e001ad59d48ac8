"""Tables as files: Markdown, CSV and LaTeX that say the same, and files that must not be overwritten."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import RunCommand
from tests.reports.made_up import run

from stgdn.errors import InputError
from stgdn.files import marks
from stgdn.reports.tables.comparison import compare
from stgdn.reports.tables.rows import Comparison, letter
from stgdn.reports.tables.table_files import SECTION, as_csv, as_latex, as_markdown, check_targets, escape, write_tables
from stgdn.runs.result import collect_runs

START, END = marks(SECTION)
DOCUMENT = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}%s\end{document}"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two recipes on synthetic people, two streams, two seeds, and a run on NTU RGB+D 60."""
    folder = tmp_path / "outputs"
    for model, top1 in (("agcn_7l", 80.0), ("st_gdn", 79.4)):
        run(folder, model=model, test_top1=top1)
        run(folder, model=model, seed=2, test_top1=top1 + 1)
    run(folder, name="demo-seed1+epochs-3", epochs=3)
    ntu = {"data": "ntu60_xsub", "synthetic": False, "recipe": "letter"}
    run(folder, **ntu, model="agcn", test_top1=85.26)
    return folder


@pytest.fixture
def comparisons(outputs: Path) -> list[Comparison]:
    return compare(collect_runs(outputs))[0]


class TestMarkdown:
    def test_says_synthetic_seeds_cost_and_command(self, comparisons: list[Comparison]) -> None:
        text = as_markdown([comparison for comparison in comparisons if comparison.name == "demo"])
        lines = [line for line in text.splitlines() if line.startswith("| ") and "network" not in line]
        assert lines
        assert all("demo (synthetic)" in line for line in lines)
        (line,) = [line for line in lines if "| st_gdn | joint | demo |" in line]
        for cell in ("1, 2", "79.9 ± 0.7", "−0.6 ± 0.0", "2,170,125", "27.29 (3, 300, 25, 2)"):
            assert f"| {cell} |" in line
        (line,) = [line for line in lines if "demo+epochs-3" in line]
        assert "1 (one seed)" in line
        number = line.split("|")[1].strip()
        assert f"- row {number}: `python src/train.py model=st_gdn data.stream=joint`" in text

    def test_mean_over_classes_beside_top1(self, tmp_path: Path) -> None:
        for seed, mean_class in ((1, 50.0), (2, 51.0)):
            run(tmp_path, seed=seed, test_top1=90.0, test_mean_class=mean_class)
        run(tmp_path, model="agcn_7l", test_top1=80.0)  # of a version that has not stored it
        found = [each for each in compare(collect_runs(tmp_path))[0] if each.name == "demo"]
        text = as_markdown(found)
        lines = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
        network, stream, wanted = (lines[0].index(f" {heading} ") for heading in ("network", "stream", "mean class"))
        found = {line[network]: line[wanted] for line in lines[1:] if line[stream] == " joint "}
        assert (found[" st_gdn "], found[" agcn_7l "]) == (" 50.5 ± 0.7 ", " – ")

    def test_difference_and_source(self, comparisons: list[Comparison]) -> None:
        text = as_markdown([comparison for comparison in comparisons if comparison.name == "table2"])
        (line,) = [line for line in text.splitlines() if "| agcn | joint | letter |" in line]
        assert "| 85.3 | 86.0 [c] | −0.7 † |" in line
        assert "[c] arXiv 2404.07645 table 2 (authors' log" in text
        assert "| not run | 89.7 [a] |" in text

    def test_every_row_has_as_many_cells_as_its_table(self, comparisons: list[Comparison]) -> None:
        for comparison in comparisons:
            lines = [line for line in as_markdown([comparison]).splitlines() if line.startswith("|")]
            assert len({line.count("|") for line in lines}) == 1
            assert len(lines) == len(comparison.rows) + 2

    def test_letters_of_sources(self) -> None:
        assert [letter(index) for index in (0, 25, 26, 51, 52, 701, 702)] == ["a", "z", "aa", "az", "ba", "zz", "aaa"]


def test_csv_has_every_row_with_all_digits(comparisons: list[Comparison]) -> None:
    records = list(csv.DictReader(io.StringIO(as_csv(comparisons))))
    assert len(records) == sum(len(comparison.rows) for comparison in comparisons)
    wanted = {"table": "table2", "data": "ntu60_xsub", "network": "agcn", "stream": "joint"}
    (record,) = [each for each in records if wanted.items() <= each.items()]
    assert float(record["top1"]) == 85.26
    assert float(record["difference"]) == pytest.approx(-0.74)
    assert (record["published_source"], record["synthetic"]) == ("arXiv 2404.07645 table 2", "False")
    assert (record["published_by_the_same_recipe"], record["top1_deviation"]) == ("False", "")
    assert {each["synthetic"] for each in records if each["data"] == "demo"} == {"True"}
    (record,) = [each for each in records if each["network"] == "st_gdn" and each["recipe"] == "demo"]
    assert (record["seeds"], float(record["gain"])) == ("1; 2", pytest.approx(-0.6))
    assert record["commands"].count("python src/train.py") == 2
    assert {each["status"] for each in records} == {"run", "not run", "published"}


class TestLatex:
    def test_rows_fit_their_columns(self, comparisons: list[Comparison]) -> None:
        for comparison in comparisons:
            text = as_latex([comparison])
            (columns,) = re.findall(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}", text)
            body = text.split("\\toprule")[1].split("\\bottomrule")[0]
            lines = [line for line in body.splitlines() if line and not line.startswith(("%", "\\midrule"))]
            assert len(lines) == len(comparison.rows) + 1
            for line in lines:
                assert line.endswith(r" \\")
                assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1

    def test_is_balanced_ascii_with_the_commands_as_comments(self, comparisons: list[Comparison]) -> None:
        text = as_latex(comparisons)
        assert text.isascii()
        assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == len(comparisons)
        printed = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
        assert re.sub(r"\\[{}]", "", printed).count("{") == re.sub(r"\\[{}]", "", printed).count("}")
        assert not re.search(r"(?<!\\)[_#]", printed)
        assert "% `python src/train.py model=agcn data.stream=joint`" in text
        assert r"demo (synthetic) & st\_gdn & joint & demo+epochs-3" in text

    def test_escapes(self) -> None:
        assert escape(r"50 % of $a_b$ & {c} #1 ~ ^ \x") == (
            r"50 \% of \$a\_b\$ \& \{c\} \#1 \textasciitilde{} \textasciicircum{} \textbackslash{}x"
        )

    def test_compiles(self, comparisons: list[Comparison], tmp_path: Path) -> None:
        if shutil.which("pdflatex") is None:
            pytest.skip("no pdflatex to compile with")
        (tmp_path / "page.tex").write_text(DOCUMENT % as_latex(comparisons))
        compiled = subprocess.run(
            ["pdflatex", "-halt-on-error", "page.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert compiled.returncode == 0, compiled.stdout[-2000:]


class TestFiles:
    @pytest.mark.parametrize("name", ["tables.md", "tables.csv", "tables.tex"])
    def test_are_written_and_written_again(self, comparisons: list[Comparison], tmp_path: Path, name: str) -> None:
        for shown in (comparisons, comparisons[:1]):
            (path,) = check_targets(str(tmp_path / "new" / name))
            write_tables(path, shown)
        once = tmp_path / name
        write_tables(once, comparisons[:1])
        assert path.read_text() == once.read_text()
        assert [each.name for each in path.parent.iterdir()] == [name]

    def test_of_markdown_only_what_is_between_the_marks(self, comparisons: list[Comparison], tmp_path: Path) -> None:
        readme = tmp_path / "README.md"
        readme.write_text(f"before\n{START}\nold\n{END}\nafter\n")
        (path,) = check_targets(str(readme))
        write_tables(path, comparisons)
        assert readme.read_text() == f"before\n{START}\n{as_markdown(comparisons)}\n{END}\nafter\n"

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("README.md", b"# mine", "has no lines <!-- results -->"),
            ("README.md", b"<!-- end of results --> <!-- results -->", "has no lines"),
            ("paper.tex", rb"\documentclass{article}", "was not written by src/report.py"),
            ("data.csv", b"a,b\n1,2\n", "was not written by src/report.py"),
            ("data.csv", b"\xff\xfe", "is no text file"),
            ("report.pdf", None, "must end in .md or .tex or .csv"),
        ],
    )
    def test_others_are_left_alone(self, tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InputError, match=told):
            check_targets(str(path))

    def test_several(self, tmp_path: Path) -> None:
        names = [str(tmp_path / name) for name in ("tables.md", "tables.csv")]
        assert check_targets(names) == [Path(name) for name in names]

    def test_a_csv_of_before_may_be_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "tables.csv"
        path.write_text("table,data,synthetic,network,stream,status,recipe\n")
        assert check_targets(str(path)) == [path]

    def test_none_is_wanted(self) -> None:
        assert check_targets(None) == []


class TestDoor:
    def test_reports_what_there_is_and_names_the_rest(self, run_command: RunCommand) -> None:
        for seed in (1, 2):
            run(Path("outputs"), seed=seed)
        damaged = run(Path("outputs"), model="agcn")
        (damaged / "summary.json").write_text("{")
        outcome = run_command("report", "tables=demo", "write=tables.csv", "page=page.html")
        assert outcome.code == 0, outcome.err
        (note,) = outcome.err.splitlines()
        assert note.startswith(f"note: {damaged}/summary.json cannot be read")
        assert "| demo (synthetic) | st_gdn | joint | demo | 1, 2 |" in outcome.out
        assert "demo (synthetic)" in Path("page.html").read_text()
        assert Path("tables.csv").read_text().startswith("table,data,synthetic")

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ([], "no folder outputs"),
            (["outputs=."], "there is no finished run"),
            (["write=tables.pdf"], "must end in .md"),
            (["only.modle=st_gdn"], "did you mean 'only.model'"),
        ],
    )
    def test_mistakes_get_one_sentence(self, run_command: RunCommand, options: list[str], told: str) -> None:
        outcome = run_command("report", *options)
        assert outcome.code == 1
        (line,) = outcome.err.splitlines()
        assert told in line
