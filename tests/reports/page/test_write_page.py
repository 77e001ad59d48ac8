"""The page as a file: whole, closed against everything outside it, and safe against what runs bring along."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import RunCommand
from tests.reports import made_up
from tests.reports.page.pages import arrays, results, run

from stgdn.reports.page.write_page import write_page

EVIL = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"


def write(outputs: Path, problems: tuple[str, ...] = ()) -> str:
    path = outputs / "page.html"
    write_page(results(outputs), [], path, problems)
    return path.read_text(encoding="utf-8")


def data_of(html: str) -> dict:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    return json.loads(text)


def test_the_policy_admits_this_script_and_this_style_alone(tmp_path: Path) -> None:
    run(tmp_path, layers=arrays())
    html = write(tmp_path)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)"', html)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for rule, tag in (("style-src", "<style>(.*?)</style>"), ("script-src", '<script type="module">(.*?)</script>')):
        (text,) = re.findall(tag, html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_nothing_outside_is_asked_for(tmp_path: Path) -> None:
    run(tmp_path, layers=arrays())
    html = write(tmp_path)
    targets = re.findall(r"""\b(?:src|href|action|data)\s*=\s*["']([^"']*)""", html)
    assert targets
    assert all(target.startswith("#") or target == "data:," for target in targets)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|\bimport\b", html)


def test_names_cannot_leave_the_data(tmp_path: Path) -> None:
    folder = run(tmp_path, recipe=EVIL.replace("/", "_"), name="evil")
    classes = made_up.CLASSES.astype("<U200")
    classes[0] = EVIL
    made_up.scores(classes=classes).save(folder / "scores.npz")
    html = write(tmp_path, problems=(EVIL,))
    assert data_of(html)["classes"][0][0] == EVIL
    assert "<script>window" not in html
    assert "<img" not in html


def test_a_problem_that_is_told_already_is_not_told_twice(tmp_path: Path) -> None:
    folder = run(tmp_path)
    (folder / "metrics.csv").write_text("step\n")
    told = f"{folder / 'metrics.csv'} is damaged: it has no column 'epoch'; that run's figures are used"
    assert write(tmp_path, problems=(told,)).count("has no column") == 1
    assert write(tmp_path).count("has no column") == 1
    path = tmp_path / "again.html"
    assert write_page(results(tmp_path), [], path, [told]) == []
    (found,) = write_page(results(tmp_path), [], path)
    assert told.startswith(found)


def test_many_problems_are_folded_up(tmp_path: Path) -> None:
    told = tuple(f"file {number} is damaged" for number in range(4))
    html = write(tmp_path, problems=told)
    assert "<summary>4 things to know" in html
    assert all(f"<li>{each}</li>" in html for each in told)
    assert "<details>" not in write(tmp_path, problems=told[:3]).split("<main>")[0]


def test_no_run_makes_a_page_that_says_so(tmp_path: Path) -> None:
    html = write(tmp_path)
    assert "There is no finished run yet." in html
    assert data_of(html)["runs"] == []


def test_synthetic_data_is_called_so(tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, data="nw_ucla", synthetic=False)
    assert "2 finished runs on demo (synthetic), nw_ucla. Synthetic people show nobody who exists." in write(tmp_path)


def test_a_page_is_the_same_when_it_is_written_again(tmp_path: Path) -> None:
    run(tmp_path, layers=arrays())
    assert write(tmp_path) == write(tmp_path)


def test_a_run_of_sixty_classes_takes_less_than_a_tenth_of_ten_megabytes(tmp_path: Path) -> None:
    folder = run(tmp_path, layers=arrays(layers=1, frames=150))
    empty = len(write(tmp_path))
    generator = np.random.default_rng(0)
    clips, size = 8_000, 60
    made_up.scores(
        names=np.char.mod("clip%d", np.arange(clips)),
        labels=generator.integers(0, size, clips),
        scores=generator.normal(size=(clips, size)).astype(np.float32),
        classes=np.char.mod("a class with a longer name %d", np.arange(size)),
    ).save(folder / "scores.npz")
    html = write(tmp_path)
    confusion = len(html) - empty
    layers = len(json.dumps(data_of(html)["runs"][0]["layers"]["layers"]))
    assert confusion + 10 * layers < 1_000_000


def test_a_page_is_of_the_runs_that_one_chose(run_command: RunCommand, tmp_path: Path) -> None:
    for seed in range(30):
        run(tmp_path / "outputs", seed=seed)
    counts = []
    for chosen in ([], ["page_runs=2"], ["page_runs='outputs/*/*/joint/demo-seed7'"], ["page_runs=all"]):
        outcome = run_command("report", "page=page.html", *chosen)
        assert outcome.code == 0, outcome.err
        html = Path("page.html").read_text(encoding="utf-8")
        assert "30 finished runs on demo (synthetic)" in html
        counts.append((len(data_of(html)["runs"]), len(data_of(html)["others"])))
    assert counts == [(24, 6), (2, 28), (1, 29), (30, 0)]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("0", "page_runs=0 must be a whole number from 1 up"),
        ("2.5", "page_runs=2.5 must be a whole number from 1 up"),
        ("nowhere", "page_runs=nowhere names no run of the tables: give folders"),
    ],
)
def test_runs_that_cannot_be_chosen(run_command: RunCommand, tmp_path: Path, wanted: str, told: str) -> None:
    run(tmp_path / "outputs")
    outcome = run_command("report", "page=page.html", f"page_runs={wanted}")
    assert outcome.code == 1
    assert told in outcome.err
    assert not Path("page.html").exists()


def test_tables_and_pages_without_mistakes_start_without_pytorch() -> None:
    modules = "stgdn.reports.tables.table_files, stgdn.reports.tables.comparison, stgdn.reports.page.write_page"
    code = (
        f"import sys, {modules}; print(*sorted({{'torch', 'lightning', 'wandb', 'matplotlib'}} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"
