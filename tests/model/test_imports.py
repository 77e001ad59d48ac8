"""The model can be copied into another project as it is."""

import ast
import sys
from pathlib import Path

import pytest

import stgdn.model

FILES = sorted(Path(stgdn.model.__path__[0]).glob("*.py"))
ALLOWED = {"torch", "einops", "numpy", "stgdn.errors", "stgdn.skeleton"} | sys.stdlib_module_names


def imported(file: Path) -> set[str]:
    """Names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: a relative import"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_model_needs_torch_and_einops_only(file: Path) -> None:
    others = {name for name in imported(file) if not name.startswith("stgdn.model")}
    roots = {name if name.startswith("stgdn") else name.split(".")[0] for name in others}
    assert roots <= ALLOWED


def test_there_is_something_to_look_at() -> None:
    assert {"whitening.py", "network.py"} <= {file.name for file in FILES}
    assert "torch" in imported(Path(stgdn.model.__path__[0]) / "whitening.py")
