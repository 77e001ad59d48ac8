"""Which parts of the package may know which: the rules of docs/README.md, read from the source."""

import ast
from pathlib import Path

import pytest

from stgdn.runs import folder
from tests.conftest import ROOT

PACKAGE = ROOT / "src" / "stgdn"
PLAIN = {"checksums", "errors", "files", "fonts", "rounding", "skeleton"}
# What each part may import of the others. The commands in src/ may import everything.
MAY_IMPORT = {
    "allocator": set(),
    "checksums": {"errors"},
    "errors": set(),
    "skeleton": {"errors"},
    "files": {"errors"},
    "fonts": set(),
    "rounding": set(),
    "environment": {"data"},
    "model": {"errors", "skeleton"},
    "data": PLAIN,
    "runs": PLAIN | {"model"},
    "training": PLAIN | {"allocator", "environment", "data", "model", "runs", "wandb_tools"},
    "inference": PLAIN | {"data", "model", "runs", "training"},
    "export": PLAIN | {"data", "model", "runs", "inference", "benchmark"},
    "player": PLAIN | {"data", "inference"},
    "wandb_tools": PLAIN | {"runs", "training"},
    "reports": PLAIN | {"data", "model", "runs", "training", "inference", "player", "wandb_tools"},
    "benchmark": PLAIN | {"allocator", "environment", "data", "model", "runs"},
    "cli": PLAIN | {"runs", "inference"},
    "slurm": {"errors", "files"},
    "__init__": {"data", "inference", "model", "training"},
}


def imported(part: str) -> set[str]:
    """Return the parts of the package that a part imports, wherever in its files."""
    files = [PACKAGE / f"{part}.py"] if (PACKAGE / f"{part}.py").exists() else sorted((PACKAGE / part).rglob("*.py"))
    found = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{part}: a relative import"
            names = [f"stgdn.{alias.name}" for alias in node.names] if node.module == "stgdn" else [node.module or ""]
        found |= {name.split(".")[1] for name in names if name.startswith("stgdn.")}
    return found - {part}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_knows_those_below_it_only(part: str) -> None:
    assert imported(part) <= MAY_IMPORT[part]


def test_every_part_has_its_rule() -> None:
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts == MAY_IMPORT.keys()
    assert "data" in imported("training")


def test_commands_do_not_import_each_other() -> None:
    commands = {path.stem for path in (ROOT / "src").glob("*.py")}
    for path in (ROOT / "src").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            assert not names & commands, path.name


def test_files_of_a_run_are_named_in_one_place() -> None:
    names = {value for name, value in vars(folder).items() if name.isupper() and isinstance(value, str)}
    assert {"summary.json", "scores.npz"} <= names
    for path in (ROOT / "src").rglob("*.py"):
        if path != Path(folder.__file__):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            spelled = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
            assert not spelled & names, path
