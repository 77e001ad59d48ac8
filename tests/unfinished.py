"""A pytest plugin that names the tests that had begun and not ended when the run did: crashed, hung or interrupted."""

import pytest

running: dict[str, None] = {}  # in the order in which they began; with pytest-xdist, of all workers


def pytest_runtest_logstart(nodeid: str) -> None:
    """Note that a test has begun."""
    running[nodeid] = None


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Note that it has ended."""
    running.pop(nodeid, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name them."""
    for nodeid in running:
        terminalreporter.write_line(f"NOT ENDED {nodeid}", red=True)
