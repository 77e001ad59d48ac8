"""The public names of the package, and the code of docs/python.md as it stands there."""

import subprocess
import sys
from pathlib import Path

import pytest

import stgdn
from tests.conftest import Outcome
from tests.test_readme import blocks


def test_names_are_imported_when_they_are_asked_for() -> None:
    program = "import sys, stgdn; assert 'torch' not in sys.modules"
    ended = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert all(getattr(stgdn, name).__name__ == name for name in stgdn.__all__)
    assert set(stgdn.__all__) <= set(dir(stgdn))
    with pytest.raises(AttributeError, match="has no attribute 'Netwrok'; it has Network, "):
        stgdn.Netwrok  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.filterwarnings("ignore")  # Lightning's advice
def test_the_page_s_code_runs(trained: Outcome, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del trained
    (run,) = Path("outputs").rglob("demo-seed1*")
    run.rename(run.with_name("demo-seed1"))
    Path("data").symlink_to(tiny_data)
    monkeypatch.delenv("STGDN_DATA", raising=False)
    names: dict[str, object] = {}
    for block in blocks("python.md", "python"):
        exec(block, names)
    assert names["scores"].shape[1] == 14  # pyright: ignore[reportAttributeAccessIssue]
    assert names["probabilities"].shape == (1, 14)  # pyright: ignore[reportAttributeAccessIssue]
    assert names["whitened"].shape == (8, 16, 32, 25)  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(names["again"], stgdn.Recognizer)
    mentioned = "\n".join(blocks("python.md", "python"))
    assert all(name in mentioned for name in stgdn.__all__)
