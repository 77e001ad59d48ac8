"""A pytest plugin for tests marked `fault`: counts what was injected, survived and lost, by kind of fault.

In the environment, `STGDN_FAULTS=full` injects many more faults than is usual (`make faults`) and prints the figures;
`STGDN_FAULTS_WRITE=docs/reliability.md` puts them into that page too.
"""

import os
from collections import Counter
from dataclasses import dataclass, field

import pytest

from stgdn.files import insert

FULL = os.environ.get("STGDN_FAULTS") == "full"
PAGE = os.environ.get("STGDN_FAULTS_WRITE")
SECTION = "faults"

# Files of tests by the fault that they inject. In those below tests/faults a test counts its faults; elsewhere a test
# is one fault.
KINDS = {
    "tests/faults/test_kills.py": "a command is killed",
    "tests/faults/test_disks.py": "a disk or its list of files is full, a folder is read-only",
    "tests/faults/test_damage.py": "a bit of a stored file has changed",
    "tests/faults/test_planted_code.py": "a file holds code",
    "tests/faults/test_hostile_names.py": "names are markup, have line breaks or are very long",
    "tests/faults/test_two_sweeps.py": "the same sweep runs twice at once",
    "tests/faults/test_long_training.py": "a training of many steps",
    "tests/training/test_kills.py": "a training is killed, again and again",
    "tests/training/test_resume.py": "a training is resumed, also inside an epoch",
    "tests/training/test_ranks.py": "several processes train, one of them fails",
    "tests/training/test_degenerate.py": "clips without variance, or very small",
    "tests/training/test_divergence.py": "numbers that are not finite",
    "tests/runs/test_lock.py": "two processes in one folder, clocks that were set back",
    "tests/test_files.py": "several writers of one file",
    "tests/test_limits.py": "a test crashes or hangs",
    "tests/test_slurm.py": "a job of a cluster ends early",
    "tests/data/store/test_store.py": "the preparation of a store is interrupted",
    "tests/data/store/test_verified.py": "a store whose bytes have changed",
    "tests/data/store/test_shards.py": "shards are damaged or missing",
    "tests/export/test_mistakes.py": "exported networks are damaged",
    "tests/reports/page/test_page_browser.py": "names in the report page are markup",
    "tests/player/test_browser.py": "names in the player are markup",
}

COLUMNS = ("injected", "survived", "lost", "skipped")


@dataclass
class Faults:
    """Count the faults that one test injects."""

    injected: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def add(self, outcome: str, what: str = "") -> None:
        """Count one fault: it was `found` (with a sentence), `harmless`, or `lost`, and then `what` says where."""
        self.injected += 1
        self.outcomes[outcome] += 1
        if outcome == "lost":
            self.lost.append(what)

    def figures(self) -> dict[str, int]:
        """Return numbers by column."""
        return {"injected": self.injected, "survived": self.injected - len(self.lost), "lost": len(self.lost)}


figures: dict[str, Counter[str]] = {}  # by file
counted: dict[str, Faults] = {}  # by test, in the process that runs it


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Faults:
    """Return what a test counts its faults with."""
    return counted.setdefault(request.node.nodeid, Faults())


def file_of(nodeid: str) -> str:
    """Return the path of a test's file."""
    return nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the files above."""
    for item in items:
        if file_of(item.nodeid) in KINDS:
            item.add_marker(pytest.mark.fault)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Hand the figures of a test to the process that prints them."""
    if call.when == "call" and (found := counted.pop(item.nodeid, None)) is not None:
        item.user_properties.append((SECTION, found.figures()))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what became of the faults of one test."""
    file = file_of(report.nodeid)
    if file not in KINDS or (report.when != "call" and report.passed):
        return
    own: object = dict(report.user_properties).get(SECTION)
    found = Counter(own if isinstance(own, dict) else {})
    if report.skipped:
        found = Counter(skipped=1)
    elif report.failed:
        found["lost"] = max(1, found["lost"])
        found["injected"] = max(found["injected"], found["lost"])
        found["survived"] = found["injected"] - found["lost"]
    elif not found:
        found = Counter(injected=1, survived=1)
    figures.setdefault(file, Counter()).update(found)


def table() -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| fault | shown by | injected | survived | lost | tests skipped |", "|---|---|--:|--:|--:|--:|"]
    for file, kind in KINDS.items():
        if file in figures:
            numbers = " | ".join(f"{figures[file][column]:,}" for column in COLUMNS)
            lines.append(f"| {kind} | `{file}` | {numbers} |")
    return "\n".join(lines)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of a run in full, and write them where the environment says."""
    if FULL and figures:
        terminalreporter.section("faults")
        terminalreporter.write_line(table())
        if PAGE:
            insert(PAGE, SECTION, table())
