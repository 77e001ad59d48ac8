"""Real data where it is, a small prepared store of synthetic people, and commands run in this process."""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, settings

from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.store.prepare import prepare
from stgdn.data.store.store import Store
from stgdn.data.synthetic.demo_set import DEMO_ACTIONS, write_demo
from stgdn.errors import InputError
from stgdn.slurm import queue

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long one random example takes says how busy the machine is.
settings.register_profile("any_speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_speed")

pytest_plugins = ("tests.unfinished", "tests.faults.figures")

ROOT = Path(__file__).parents[1]

# A demo small enough for tests: 8 subjects in 1 replication, tiny networks, one epoch.
TINY = ("width=0.125", "epochs=1", "data.frames=16", "logger.wandb=off", "trainer.accelerator=cpu", "batch_size=16")


# A test that takes `device` from these runs on the CPU, and on a GPU where there is one.
DEVICES: tuple[Any, ...] = ("cpu", pytest.param("cuda", marks=pytest.mark.gpu))

LONGEST_ID = 40


def pytest_make_parametrize_id(val: object) -> str | None:
    """A file's bytes are no name: in an archive they have the time in them, and each process would find other tests."""
    return "file" if isinstance(val, bytes) and len(val) > LONGEST_ID else None


# What `make quick` leaves out: tests that run commands, drive a browser or share a process, and these files.
SLOW_FIXTURES = {"run_command", "browser"}
SLOW_FILES = (
    *("benchmark/test_scale", "cli/test_entry", "data/batches/test_streaming", "export/test_exporting", "gpu"),
    *("inference/test_entrances", "model/test_distributed", "model/test_network", "model/test_precision"),
    *("model/test_processors", "test_extending", "test_limits", "training/test_degenerate", "training/test_sync_norm"),
    *("faults", "wandb_tools"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests, and skip those that need a GPU where there is none."""
    slow_files = tuple(f"tests/{name}" for name in SLOW_FILES)
    for item in items:
        fixtures = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if fixtures or item.get_closest_marker("xdist_group") or item.nodeid.startswith(slow_files):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no GPU: torch.cuda.is_available() is False"))


@pytest.fixture(autouse=True)
def _no_gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide GPUs from tests that are not about them, so that these do the same on every machine."""
    if request.node.get_closest_marker("gpu") is None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Cancel the Slurm jobs of tests that were killed; worker processes leave that to the first process."""
    if not hasattr(config, "workerinput") and shutil.which("squeue"):
        with suppress(InputError):  # Slurm does not answer: nothing was submitted
            cancel_jobs(config._tmp_path_factory.getbasetemp())  # pyright: ignore[reportAttributeAccessIssue]


def cancel_jobs(folder: Path) -> None:
    """Cancel the Slurm jobs whose runs lie below `folder`.

    Raises:
        InputError: Slurm does not answer.
    """
    jobs = [queued.job for queued in queue() if Path(queued.comment).is_relative_to(folder)]
    if jobs:
        subprocess.run(["scancel", *jobs], check=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data for tests; it is not part of the project."""
    places = [ROOT.parent / "shared" / "data"]
    if "STGDN_SHARED" in os.environ:
        named = Path(os.environ["STGDN_SHARED"])
        places = [named / "data", named, *places]
    for place in places:
        if (place / "NW-UCLA.zip").is_file():
            return place
    pytest.skip("no real data: neither ../shared/data nor the folder named by STGDN_SHARED has NW-UCLA.zip")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a small demo set, raw and prepared."""
    root = tmp_path_factory.mktemp("data")
    write_demo(root / "raw" / "demo", subjects=(1, 2, 3, 6), replications=1)
    reader = NTUReader(root / "raw" / "demo", actions=DEMO_ACTIONS)
    prepare(reader, root / "prepared" / "demo", "demo", source="demo", synthetic=True, workers=1)
    return root


@pytest.fixture(scope="session")
def tiny_store(tiny_data: Path) -> Store:
    """The prepared store of `tiny_data`."""
    return Store(tiny_data / "prepared" / "demo")


CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell", "chrome-headless-shell")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium as this machine has it; what takes it belongs to the xdist group `browser`, so that there is one."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser: make install-dev")
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM)} is installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


class Outcome:
    """What a command did: exit code, and what it printed."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


RunCommand = Callable[..., Outcome]


@pytest.fixture
def run_command(
    tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> RunCommand:
    """Run `src/NAME.py` with options, in `tmp_path`, on the small demo set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STGDN_DATA", str(tiny_data))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("WANDB_MODE", "offline")

    def run(name: str, *options: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *options])
        code = 0
        GlobalHydra.instance().clear()
        try:
            runpy.run_path(str(ROOT / "src" / f"{name}.py"), run_name="__main__")
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def first_training(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Outcome]:
    """The outputs of `trained`, once there are any, and what their command said."""
    return {tmp_path_factory.mktemp("trained") / "outputs": Outcome(-1, "", "")}


@pytest.fixture
def trained(
    run_command: RunCommand, tiny_data: Path, first_training: dict[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> Outcome:
    """What `train` with TINY's options said; its finished run lies in `outputs`. Trained once, then copied."""
    (kept,) = first_training
    if kept.exists():
        shutil.copytree(kept, "outputs")
    else:
        with monkeypatch.context() as patched:
            patched.setenv("STGDN_DATA", str(tiny_data))
            first_training[kept] = run_command("train", *TINY)
        assert first_training[kept].code == 0, first_training[kept].err
        shutil.copytree("outputs", kept)
    return first_training[kept]


WrittenRuns = dict[tuple[tuple[str, ...], int], Path]


@pytest.fixture(scope="session")
def written_runs() -> WrittenRuns:
    """Folders of untrained runs by options and epoch: `make_run` writes each once, then copies it."""
    return {}


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no pictures of a finished run, half the time of a tiny one; taken after `trained`, which has pictures."""
    for name in ("confusion_figure", "adjacency_figure"):
        monkeypatch.setattr(f"stgdn.reports.run_report.{name}", lambda *_: None)
