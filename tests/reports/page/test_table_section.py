"""Comparisons as HTML: what they say, and that nothing in them is markup."""

from html.parser import HTMLParser
from pathlib import Path

from stgdn.reports.page.table_section import html_list, html_table, html_tables
from stgdn.reports.tables.published import PublishedValue
from stgdn.reports.tables.rows import Comparison, Row
from stgdn.runs.result import Result

EVIL = "<script>alert('&')</script>"
FIGURE = PublishedValue(
    "ST-GDN", "st_gdn", 2021, "ntu60_xsub", "joint", "top1", 80.0, "letter", "the letter's text", "a note"
)


class Reader(HTMLParser):
    """Tags, and the texts of cells by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def result(top1: float, seed: int, **changed: object) -> Result:
    content = {"data": "demo", "synthetic": True, "model": "st_gdn", "stream": "joint", "recipe": "demo", "epochs": 3}
    content |= {"top5": None, "parameters": 1234, "flops": 2e9, "clip_shape": (3, 16, 25, 2), "command": "python x"}
    return Result(folder=Path("outputs"), top1=top1, seed=seed, **content | changed)  # pyright: ignore


def comparison(*rows: Row, name: str = "table1", **changed: object) -> Comparison:
    return Comparison(name, changed.pop("title", "Table I"), rows, **changed)  # pyright: ignore


def test_rows_say_what_was_run_and_published() -> None:
    rows = (
        Row("demo", True, "st_gdn", "joint", "run", results=(result(80, 1), result(90, 2))),
        Row("ntu60_xsub", False, "st_gdn", "joint", "not run", published={"top1": FIGURE}),
    )
    html = html_table(comparison(*rows, notes=("Run it: `python src/train.py`.",)))
    heads, run, missing = Reader(html).rows
    assert {"demo (synthetic)", "1, 2", "85.0 ± 7.1", "1,234", "2.00 (3, 16, 25, 2)", "commandpython xpython x"} <= set(
        run
    )
    assert dict(zip(heads, missing, strict=True))["top-1"] == "not run"
    assert "80.0 [a]" in missing
    assert "<code>python src/train.py</code>" in html
    assert "the letter&#x27;s text (a note)" in html


def test_names_are_no_markup() -> None:
    row = Row(EVIL, False, EVIL, EVIL, "run", results=(result(80, 1, command=EVIL, recipe=EVIL),))
    html = html_tables([comparison(row, name=f'"{EVIL}', title=EVIL, notes=(EVIL, f"`{EVIL}`"))]) + html_list(
        [EVIL], "x"
    )
    reader = Reader(html)
    assert set(reader.tags) <= {
        *("div", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li", "code", "details", "summary")
    }
    assert reader.rows[1].count(EVIL) == 4


def test_tables_without_a_run_are_folded_below_the_others() -> None:
    missing = comparison(Row("ntu60_xsub", False, "st_gdn", "joint", "not run"), title="Table I")
    run = comparison(Row("demo", True, "st_gdn", "joint", "run", results=(result(80, 1),)), title="Runs on demo")
    html = html_tables([missing, run])
    assert html.index("Runs on demo") < html.index("<summary>Table I: not run</summary>")


def test_lines_stand_between_recipes_and_data() -> None:
    rows = (
        Row("demo", True, "st_gdn", "joint", "run", results=(result(80, 1),)),
        Row("demo", True, "agcn", "joint", "not run"),
        Row("demo", True, "st_gcn", "joint", "run", results=(result(80, 1),)),
        Row("demo", True, "st_gdn", "joint", "run", results=(result(80, 1, recipe="letter"),)),
        Row("other", True, "st_gdn", "joint", "not run"),
        Row("other", True, "AS-GCN", "joint", "published", published={"top1": FIGURE}),
    )
    html = html_table(comparison(*rows))
    found = [line for line in html.splitlines() if line.startswith("<tr")]
    assert ["first" in line.split(">")[0] for line in found] == [False, False, False, True, True, True]


def test_no_sentences_make_no_list() -> None:
    assert html_list([], "notes") == ""


def test_a_table_of_many_rows_is_scrolled_by_itself() -> None:
    rows = [Row("demo", True, "st_gdn", "joint", "run", results=(result(80, seed),)) for seed in range(41)]
    assert 'class="wide tall"' in html_table(comparison(*rows))
    assert 'class="wide"' in html_table(comparison(*rows[1:]))
