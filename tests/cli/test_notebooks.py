"""Notebooks run from top to bottom on a small demo set, and read well as they were saved; and what they need."""

import ast
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from tests.conftest import ROOT, RunCommand
from tests.test_readme import blocks

from stgdn.cli.notebooks import Picture, compose_config, run, script
from stgdn.errors import InputError

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
# Of what they train; nothing else is changed.
SHORTER = {
    "epochs = 8": "epochs = 1",
    '("agcn_7l", "st_gdn2", "st_gdn")': '("agcn_7l", "st_gdn2")',
    "width=0.25": "width=0.125",
    "width-0.25": "width-0.125",  # in the names of their folders
    "seeds = (1, 2)": "seeds = (1,)",
    "range(1, 9)": "range(1, 3)",
}
# The notebook that starts commands as `run` does, each a process that takes seconds to import; others run them here.
IN_PROCESSES = "3_variants"


def cells(path: Path, kind: str = "code") -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(path)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """Return the folder in which all notebooks run, so that a later one finds earlier runs; with the small demo set."""
    place = tmp_path_factory.mktemp("project")
    for part in ("raw", "prepared"):
        (place / "data" / part).mkdir(parents=True)
        (place / "data" / part / "demo").symlink_to(tiny_data / part / "demo")
    return place


def show(source: str, names: dict[str, object]) -> None:
    """Run a cell; a picture that is its last value is drawn, as a notebook would."""
    body = ast.parse(source).body
    last = body[-1] if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body[:-1] if last else body, []), "cell", "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        assert value is None or isinstance(value, Picture)
        assert value is None or value._repr_png_()


@pytest.mark.xdist_group("notebooks")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_every_cell_runs(path: Path, folder: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_here(command: str, *options: str) -> None:
        outcome = run_command(command, *options)
        assert outcome.code == 0, outcome.err

    monkeypatch.chdir(folder)
    monkeypatch.delenv("STGDN_DATA")
    if path.stem != IN_PROCESSES:
        monkeypatch.setattr("stgdn.cli.notebooks.run", run_here)
    names: dict[str, object] = {}
    for source in sources(path):
        for saved, shorter in SHORTER.items():
            source = source.replace(saved, shorter)
        show(source, names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_saved_in_order_with_outputs_and_short(path: Path) -> None:
    code = cells(path)
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell["outputs"])
    assert len(json.loads(path.read_text())["cells"]) <= 15
    assert path.stat().st_size < 300_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_saved_outputs_have_neither_paths_of_a_machine_nor_warnings(path: Path) -> None:
    for cell in cells(path):
        for output in cell["outputs"]:
            assert output["output_type"] in ("execute_result", "display_data", "stream")
            assert output.get("name") != "stderr"
            text = "".join([*output.get("text", []), *output.get("data", {}).get("text/plain", [])])
            assert not re.search(r"(^|[\s'\"=(])(/|~/|[A-Z]:\\)\w|[Ww]arning|\x1b", text), text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_data_are_called_synthetic(path: Path) -> None:
    first = "".join(cells(path, "markdown")[0]["source"])
    assert "synthetic people, nobody who exists" in " ".join(first.split())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_links_lead_to_files(path: Path) -> None:
    text = "\n".join("".join(cell["source"]) for cell in cells(path, "markdown"))
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (path.parent / link).is_file(), link


def test_own_skeletons_are_those_of_the_page() -> None:
    assert blocks("own-data.md", "python")[0].strip() in sources(ROOT / "notebooks" / "5_own_skeletons.ipynb")


def test_config_is_that_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STGDN_DATA", "elsewhere")
    config = compose_config("train", "data=demo", "data.frames=24", "model=agcn_7l")
    assert (config.data.store, config.data.frames, config.model.frames) == ("elsewhere/prepared/demo", 24, 24)
    assert config.model.name == "agcn_7l"
    assert compose_config("figure2", "runs=[a,b]", "class=throw").runs == ["a", "b"]


@pytest.mark.parametrize(
    ("command", "option", "sentence"),
    [
        ("trian", "data=demo", "train"),
        ("train", "data=demmo", "demo"),
        ("train", "data.frame=3", "did you mean 'data.frames'"),
        ("train", "data.frames=3=", r"data\.frames"),
    ],
)
def test_mistakes_are_a_sentence(command: str, option: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        compose_config(command, option)


HELLO = """
import os, shutil, sys
print("FORCE_COLOR" in os.environ, os.environ["NO_COLOR"], shutil.which("python") == sys.executable, os.getcwd())
print(sys.argv[1:], flush=True)
print("note: beside the point", file=sys.stderr)
if sys.argv[1:] == ["wrong=1"]:
    print("error: wrong=1 is wrong: type wrong=0", file=sys.stderr)
    sys.exit(3)
"""


@pytest.fixture
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run_command that says what it was given; a run_command of the suite takes seconds to begin."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "hello.py").write_text(HELLO)
    monkeypatch.setattr("stgdn.cli.notebooks.ROOT", tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def test_command_prints_what_it_says(hello: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("hello", "runs=[a, b]", "class=drink water")
    assert capsys.readouterr().out.splitlines() == [
        "$ python src/hello.py 'runs=[a, b]' 'class=drink water'",
        f"False 1 True {hello / 'elsewhere'}",
        "['runs=[a, b]', 'class=drink water']",
        "note: beside the point",
    ]


@pytest.mark.usefixtures("hello")
def test_command_that_fails_raises_its_sentence() -> None:
    with pytest.raises(InputError, match=r"^src/hello\.py ended with exit code 3: wrong=1 is wrong: type wrong=0$"):
        run("hello", "wrong=1")


def test_commands_are_the_scripts() -> None:
    assert script("train") == ROOT / "src" / "train.py"
    with pytest.raises(InputError, match="command"):
        run("nothing")


def test_picture_keeps_rare_colours() -> None:
    """A colour of few pixels beside a ramp of many."""
    figure = Figure(figsize=(4, 3))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(np.linspace(0, 1, 300)[None].repeat(100, 0), cmap="viridis", aspect="auto", extent=(0, 1, 0, 1))
    axes.axvspan(0.5, 0.51, color="#ff0000")
    image = np.asarray(Image.open(io.BytesIO(Picture(figure, dpi=50)._repr_png_())).convert("RGB")).astype(int)
    assert image.shape == (150, 200, 3)
    assert (abs(image - (255, 0, 0)).sum(axis=2) < 12).any()
    exact = io.BytesIO()
    figure.savefig(exact, dpi=50)
    true = np.asarray(Image.open(exact).convert("RGB")).astype(int)
    assert np.abs(image - true).mean() < 6
