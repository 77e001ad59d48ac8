"""The benchmark of networks through the command: figures, pictures and pages."""

import json
from collections.abc import Iterator
from pathlib import Path

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from tests.conftest import ROOT, RunCommand

from stgdn.benchmark import job
from stgdn.errors import InputError

TINY = ("batch=2", "frames=8", "rounds=2", 'overrides="data=nw_ucla data.bodies=2 width=0.0625"', "threads=1")
FEW = ("variants=[agcn_7l]", "literal=[agcn_7l]", "unwhitened=[]")
PAGE = "before\n<!-- networks -->\n<!-- end of networks -->\nafter\n"
NETWORK = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, kept=0):
        super().__init__()
        self.fc, self.kept = nn.Linear(3, classes), kept

    def forward(self, x):
        scores = self.fc(x.mean((2, 3, 4)))
        return scores + 0 * (scores.mean() * torch.ones(self.kept)).exp().sum() if self.kept else scores
"""


@pytest.fixture(autouse=True)
def _short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make turns short, and products and copies that take no time."""
    monkeypatch.setattr("stgdn.benchmark.timing.TURN", 0.001)
    monkeypatch.setattr("stgdn.benchmark.cost.PRODUCT", {"cpu": 64})
    monkeypatch.setattr("stgdn.benchmark.cost.COPY", {"cpu": 2**16})


def test_figures_page_and_picture(run_command: RunCommand) -> None:
    Path("net.py").write_text(NETWORK)
    Path("page.md").write_text(PAGE)
    options = ("what=networks", *TINY, *FEW, "module=net.py:Net", "module_options={classes:10}")
    outcome = run_command("benchmark", *options, "memory=false", "write=page.md", "name=tiny", "baseline=agcn_7l")
    assert outcome.code == 0, outcome.err
    record = json.loads(Path("outputs/bench/tiny.json").read_text())
    assert list(record["rows"]) == ["literal agcn_7l", "agcn_7l", "Net"]
    assert record["command"].startswith("python src/benchmark.py what=networks batch=2")
    assert record["clip_shape"] == [3, 8, 20, 2]
    assert (record["device"], record["threads"], record["baseline"]) == ("cpu", 1, "agcn_7l")
    assert "torch 2" in record["machine"]
    for row in record["rows"].values():
        assert list(row["measures"]) == ["forward", "backward", "step", "inference"]
        for measured in row["measures"].values():
            assert len(measured["seconds"]) == 2
            assert min(measured["seconds"]) > 0
            assert measured["bytes"] > 0
            assert measured["memory"] is None
    sizes = {name: row["parameters"] for name, row in record["rows"].items()}
    assert sizes["literal agcn_7l"] == sizes["agcn_7l"] > sizes["Net"] == 40
    flops = {name: row["measures"]["step"]["flop"] for name, row in record["rows"].items()}
    assert flops["literal agcn_7l"] > flops["agcn_7l"]  # absent bodies are computed, too
    assert Path("outputs/bench/tiny.png").stat().st_size > 10_000
    page = Path("page.md").read_text()
    assert page.startswith("before\n<!-- networks -->\n**T = 8, batches of 2, float32, CPU, 1 thread.**")
    assert page.endswith("<!-- end of networks -->\nafter\n")
    for part in ("| Net | 40 |", "× agcn_7l", "epoch of 40,091 clips", "a matrix product", record["command"]):
        assert part in page
    assert page.split("-->\n")[1].split("\n<!--")[0] in outcome.out


def test_peak_memory_counts_what_is_kept_and_not_the_batch(run_command: RunCommand) -> None:
    Path("net.py").write_text(NETWORK)
    kept, batch = 5 * 2**20, 32 * 3 * 2000 * 20 * 2 * 4  # bytes
    options = ("what=networks", *TINY, "variants=[]", "literal=[]", "unwhitened=[]", "measures=step", "batch=32")
    module = ("module=net.py:Net", f"module_options={{classes:10,kept:{kept // 4}}}", "frames=2000", "name=memory")
    assert run_command("benchmark", *options, *module).code == 0
    measured = json.loads(Path("outputs/bench/memory.json").read_text())["rows"]["Net"]["measures"]["step"]
    assert 2 * kept <= measured["memory"] < batch


def test_scaling(run_command: RunCommand) -> None:
    sizes = ("scaling.frames=[4,8]", "scaling.batch=[1,1000000000]", "scaling.joints=[10]")
    outcome = run_command("benchmark", "what=scaling", *TINY, *FEW, "literal=[]", *sizes, "name=tiny")
    assert outcome.code == 0, outcome.err
    assert "agcn_7l: batch from 1000000000 up left out, they need about" in outcome.out
    record = json.loads(Path("outputs/bench/tiny.json").read_text())
    for row in record["rows"].values():
        assert [axis["sizes"] for axis in row.values()] == [[4, 8], [1], [10]]
        assert [axis["exponent"] is None for axis in row.values()] == [False, True, True]
    assert Path("outputs/bench/tiny.png").stat().st_size > 10_000
    assert "| ms, N = 2, V = 20 | T = 4 | T = 8 | exponent |" in outcome.out


@pytest.mark.parametrize(("option", "message"), [("what=feed", "did you mean 'feeding'"), ("pairs=2", "pairs=2 is no")])
def test_a_mistake_ends_the_command(run_command: RunCommand, option: str, message: str) -> None:
    outcome = run_command("benchmark", "what=networks", *TINY, *FEW, option)
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert message in line


@pytest.fixture(scope="module")
def config() -> Iterator[DictConfig]:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield hydra.compose("benchmark", ["what=networks", *TINY, *FEW, "literal=[]"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["what=scale", "precision=float8"], "precision"),
        (["what=feeding", "rounds=0"], "rounds=0 must be a whole number from 1 up"),
        (["what=feeding", "clips=-3"], "clips=-3 must be a whole number from 1 up"),
        (["rounds=ten"], "rounds=ten must be a whole number"),
        (["what=feeding", "folder=nowhere"], "folder=nowhere is not a folder"),
        (["measures=[stp]"], "did you mean 'step'"),
        (["measures=[]"], "measures is empty"),
        (["precision=float16"], "allowed: float32, tf32, bf16"),
        (["precision=tf32", "device=cpu"], "precision=tf32 is a precision of GPUs"),
        (["what=training", "precision=tf32", "device=cpu"], "precision=tf32 is a precision of GPUs"),
        (["compile=reduce-overhed"], "did you mean 'reduce-overhead'"),
        (["device=gpu"], "allowed: auto, cpu, cuda"),
        (["device=cuda"], "finds no GPU here"),
        (["baseline=agcn_8l"], "did you mean 'agcn_7l'"),
        (["write=page.md"], "page.md has no lines <!-- networks -->"),
        (["variants=['agcn_7l data.frames=16']"], "'agcn_7l data.frames=16' takes clips"),
        (["literal=[st_gdn]"], "block 'gdcn' has no published form"),
        (["module=net.py:Net"], "there is no file net.py"),
        (["what=scaling", "module=net.py:Net"], "leave it out"),
        (["what=scaling", "scaling.batch=[0]"], r"scaling.batch=\[0\] must be whole numbers"),
        (["what=scaling", "scaling.measure=stp"], "did you mean 'step'"),
        (["what=report", "from=nowhere/*.json"], "no file with figures of what=networks"),
        (["what=report", "from=broken.json"], "broken.json cannot be read"),
        (["what=report", "from=list.json"], "list.json holds no figures"),
    ],
)
def test_mistakes_get_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: DictConfig, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{")
    Path("list.json").write_text("[1]")
    with pytest.raises(InputError, match=message) as caught:
        job.run(OmegaConf.merge(config, OmegaConf.from_dotlist(options)))  # pyright: ignore[reportArgumentType]
    assert "\n" not in str(caught.value)
