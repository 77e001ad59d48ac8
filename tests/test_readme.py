"""Every command of the README and of docs/ runs, on small data."""

import re
import shlex
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY, RunCommand
from tests.inference.conftest import SHALLOW, make_run  # noqa: F401 (a fixture)
from tests.reports.made_up import run as made_up_run

# Options that train one step, and look at few clips.
ONE_STEP = (
    *TINY,
    *("trainer.limit_train_batches=1", "callbacks.over_smoothing.clips=4"),
)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def commands(prefix: str) -> list[str]:
    """Lines of the pages' bash blocks that begin with `prefix`, without comments, each once."""
    found: list[str] = []
    for page in PAGES:
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL):
            lines = [line.split(" #")[0].strip() for line in block.splitlines()]
            found += [line for line in lines if line.startswith(prefix)]
    return list(dict.fromkeys(found))


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page of docs/ in some language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def make_own_data() -> None:
    """The folder of docs/own-data.md, in the current folder, by the page's own code."""
    exec(blocks("own-data.md", "python")[0], {})
    Path("data/raw/studio/dataset.yaml").write_text(blocks("own-data.md", "yaml")[0])


@pytest.fixture
def data_folder(tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own with the small demo set, so that a page's command may add to it."""
    folder = tmp_path / "data"
    folder.mkdir()
    for part in ("raw", "prepared"):
        (folder / part).mkdir()
        (folder / part / "demo").symlink_to(tiny_data / part / "demo")
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    monkeypatch.setenv("STGDN_DATA", str(folder))
    return folder


def small(options: list[str]) -> list[str]:
    """The page's own options, then those of a run of one step where the page gives none."""
    given = {option.split("=")[0] for option in options}
    return [*options, *(each for each in ONE_STEP if each.split("=")[0] not in given or each.startswith("epochs"))]


@pytest.fixture(scope="module")
def some_clips_of_nw_ucla(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip with the recordings of NW-UCLA that are the first of an action by a subject, of all cameras."""
    path = tmp_path_factory.mktemp("nw_ucla") / "NW-UCLA.zip"
    with zipfile.ZipFile(shared_data / path.name) as whole, zipfile.ZipFile(path, "w") as some:
        for name in whole.namelist():
            if "_e00_" in name:
                some.writestr(name, whole.read(name))
    return path


def source_of(data: str, raw: Path, request: pytest.FixtureRequest) -> str:
    """The option that names raw files for a data set: the demo's stand for NTU's."""
    if data == "nw_ucla":
        return f"data.source={request.getfixturevalue('some_clips_of_nw_ucla')}"
    if data == "custom":
        make_own_data()
        return "data.source=data/raw/studio"
    return f"data.source={raw}"


@pytest.fixture(scope="module")
def provided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `provide` has prepared: a data folder for each choice of options."""
    return tmp_path_factory.mktemp("provided")


def provide(run_command: RunCommand, data_folder: Path, options: list[str], request: pytest.FixtureRequest) -> None:
    """Prepare the store that a command with these options looks for: once, then it is copied."""
    chosen = [option for option in options if option.startswith(("data=", "data.name=", "data.store=", "data.reader."))]
    kept = request.getfixturevalue("provided") / "+".join(chosen).replace("/", "-")
    if kept.exists():
        shutil.copytree(kept, data_folder, dirs_exist_ok=True)
        return
    source = source_of(data_of(options), data_folder / "raw" / "demo", request)
    outcome = run_command("prepare", *chosen, source, "workers=1")
    assert outcome.code == 0, outcome.err
    shutil.copytree(data_folder, kept, ignore=shutil.ignore_patterns("demo"))


def data_of(options: list[str]) -> str:
    """Return the data set that options choose."""
    return next((option.split("=", 1)[1] for option in options if option.startswith("data=")), "demo")


@pytest.mark.parametrize("command", commands("python src/"))
def test_command_runs(run_command: RunCommand, data_folder: Path, request: pytest.FixtureRequest, command: str) -> None:
    script, *options = shlex.split(command)[1:]
    name, data = Path(script).stem, data_of(options)
    if data != "demo" and name == "prepare":
        source = source_of(data, data_folder / "raw" / "demo", request)
        options = [*(option for option in options if not option.startswith("data.source=")), source]
    if data != "demo" and name in ("train", "describe", "shard"):
        provide(run_command, data_folder, options, request)
    if name in ("fuse", "report"):
        for stream in ("joint", "bone"):
            made_up_run(Path("outputs"), stream=stream)
    if name == "export":
        run = request.getfixturevalue("make_run")(*SHALLOW, name="run")
        options = [*(f"run={run}" if option.startswith("run=") else option for option in options), "clips=8"]
    if name in ("evaluate", "predict", "live", "reproduce"):
        request.getfixturevalue("trained")
        (summary,) = Path("outputs").rglob("summary.json")
        options = [f"run={summary.parent}" if option.startswith("run=") else option for option in options]
        options = [option.replace("store=FOLDER", f"store={data_folder}/prepared/demo") for option in options]
    if name == "train":
        options = small(options)
        if not any(option.startswith("data=") for option in options):  # joints and classes make pictures differ
            request.getfixturevalue("no_pictures")
    if name == "models":
        options = [*options, "width=0.125", "data.frames=16"]
    outcome = run_command(name, *options)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("command", commands("make "))
def test_make_target_exists(command: str) -> None:
    planned = subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, check=False)
    assert planned.returncode == 0, planned.stderr


def test_pages_have_commands() -> None:
    assert len(commands("python src/")) >= 8
    assert {"make demo", "make test"} <= set(commands("make "))
