"""The benchmark of networks through the command: figures, pictures and pages; and what is read from figures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.conftest import RunCommand
from torch import Tensor, nn

from stgdn.benchmark.measures import Setting
from stgdn.benchmark.memory import _resident_now_and_at_peak, peak_on_cpu
from stgdn.benchmark.networks import Load
from stgdn.benchmark.records import quartiles, times_as_fast
from stgdn.benchmark.scaling import exponent, tree
from stgdn.benchmark.targets import TARGETS, targets
from stgdn.skeleton import layout

TINY = ("batch=2", "frames=8", "rounds=2", 'overrides="data=nw_ucla data.bodies=2 width=0.125"', "threads=1")
FEW = ("variants=[agcn,agcn_7l]", "unwhitened=[]")
PAGE = "before\n<!-- networks -->\n<!-- end of networks -->\nafter\n"
NETWORK = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.fc = nn.Linear(3, classes)

    def forward(self, x):
        return self.fc(x.mean((2, 3, 4)))
"""


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products and copies that take no time."""
    monkeypatch.setattr("stgdn.benchmark.devices.PRODUCT", {"cpu": 64})
    monkeypatch.setattr("stgdn.benchmark.devices.COPY", {"cpu": 2**16})


def test_figures_page_and_picture(run_command: RunCommand) -> None:
    Path("net.py").write_text(NETWORK)
    Path("page.md").write_text(PAGE)
    options = ("what=networks", *TINY, *FEW, "module=net.py:Net", "module_options={classes:10}")
    outcome = run_command("benchmark", *options, "memory=false", "write=page.md", "name=tiny", "baseline=agcn")
    assert outcome.code == 0, outcome.err
    record = json.loads(Path("outputs/bench/tiny.json").read_text())
    assert list(record["rows"]) == ["literal agcn", "agcn", "agcn_7l", "Net"]
    assert record["command"].startswith("python src/benchmark.py what=networks batch=2")
    assert record["clip_shape"] == [3, 8, 20, 2]
    assert (record["device"], record["threads"], record["baseline"]) == ("cpu", 1, "agcn")
    assert "torch 2" in record["machine"]
    for row in record["rows"].values():
        assert list(row["measures"]) == ["forward", "backward", "step", "inference"]
        for measured in row["measures"].values():
            assert len(measured["seconds"]) == 2
            assert min(measured["seconds"]) > 0
            assert measured["bytes"] > 0
            assert measured["memory"] is None
    sizes = {name: row["parameters"] for name, row in record["rows"].items()}
    assert sizes["literal agcn"] == sizes["agcn"] > sizes["agcn_7l"]
    assert sizes["Net"] == 40
    flops = {name: row["measures"]["step"]["flop"] for name, row in record["rows"].items()}
    assert flops["literal agcn"] > flops["agcn"]  # absent bodies are computed, too
    assert Path("outputs/bench/tiny.png").stat().st_size > 10_000
    page = Path("page.md").read_text()
    assert page.startswith("before\n<!-- networks -->\n**T = 8, batches of 2, float32, CPU, 1 thread.**")
    assert page.endswith("<!-- end of networks -->\nafter\n")
    for part in ("| Net | 40 |", "× agcn", "epoch of 40,091 clips", "a matrix product", record["command"]):
        assert part in page
    assert page.split("-->\n")[1].split("\n<!--")[0] in outcome.out


def test_peak_memory_is_of_a_process_of_its_own(run_command: RunCommand) -> None:
    Path("net.py").write_text(NETWORK)
    options = ("what=networks", *TINY, "variants=[]", "literal=[]", "unwhitened=[]", "measures=step", "batch=64")
    module = ("module=net.py:Net", "module_options={classes:10}", "frames=2000", "name=memory")
    assert run_command("benchmark", *options, *module).code == 0
    measured = json.loads(Path("outputs/bench/memory.json").read_text())["rows"]["Net"]["measures"]["step"]
    batch = 64 * 3 * 2000 * 20 * 2 * 4
    assert 0 <= measured["memory"] < batch  # it keeps nothing of the batch


class Kept(nn.Module):
    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.fc, self.numbers = nn.Linear(3, 5), numbers

    def forward(self, x: Tensor) -> Tensor:
        scores = self.fc(x.mean((2, 3, 4)))
        return scores + 0 * (scores.mean() * torch.ones(self.numbers)).exp().mean()


class Keeping:
    """A network that keeps what it computes: as many bytes as asked for."""

    name = "keeping"

    def __init__(self, megabytes: int) -> None:
        self.megabytes = megabytes

    def build(self) -> nn.Module:
        return Kept(self.megabytes * 2**18)


def test_peak_memory_counts_what_is_kept() -> None:
    setting = Setting("cpu", "float32", compile=False, threads=1)
    found = peak_on_cpu("step", Keeping(200), (3, 4, 20, 2), 2, 0.5, 5, setting)
    assert found is not None
    assert 2 * 200 * 2**20 <= found < 6 * 200 * 2**20


def test_resident_memory_is_this_process() -> None:
    now, peak = _resident_now_and_at_peak()
    assert 10 * 2**20 < now <= peak


def test_scaling(run_command: RunCommand) -> None:
    sizes = ("scaling.frames=[4,8]", "scaling.batch=[1,1000000000]", "scaling.joints=[10]")
    outcome = run_command("benchmark", "what=scaling", *TINY, "literal=[]", *FEW, *sizes, "name=tiny")
    assert outcome.code == 0, outcome.err
    assert "agcn: batch from 1000000000 up left out, they need about" in outcome.out
    record = json.loads(Path("outputs/bench/tiny.json").read_text())
    for row in record["rows"].values():
        assert [axis["sizes"] for axis in row.values()] == [[4, 8], [1], [10]]
        assert [axis["exponent"] is None for axis in row.values()] == [False, True, True]
    assert Path("outputs/bench/tiny.png").stat().st_size > 10_000
    assert "| ms, N = 2, V = 20 | T = 4 | T = 8 | exponent |" in outcome.out


def test_exponents() -> None:
    assert exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2)
    assert exponent([5], [1.0]) is None


def test_made_up_skeletons_are_trees() -> None:
    made = layout(tree(10))
    assert (made.num_joints, made.root, len(made.bones)) == (10, 0, 9)


def record(rows: dict[str, tuple[list[float], int]], name: str = "one", T: int = 64, device: str = "cpu") -> dict:
    """Figures as they are kept: rounds of a training step and its memory."""
    return {
        "what": "networks",
        "name": name,
        "machine": "a machine",
        "command": "python src/benchmark.py",
        "commit": None,
        "device": device,
        "precision": "bf16" if device == "cuda" else "float32",
        "compile": device == "cuda",
        "threads": 2,
        "clip_shape": [3, T, 25, 2],
        "batch": 10,
        "pairs": 0.25,
        "rounds": 3,
        "kinds": ["step"],
        "overrides": [],
        "baseline": "literal agcn",
        "limits": {"product": {"amount": 100, "seconds": [1.0]}, "copy": {"amount": 100, "seconds": [1.0]}},
        "rows": {
            row: {
                "kind": "variant",
                "parameters": 7,
                "flop_a_clip": 10,
                "measures": {"step": {"seconds": seconds, "memory": memory, "flop": 50, "bytes": 20}},
            }
            for row, (seconds, memory) in rows.items()
        },
    }


def test_ratios_are_taken_round_by_round() -> None:
    found = record({"literal agcn": ([2.0, 4.0, 8.0], 100), "agcn": ([1.0, 2.0, 4.0], 60)})
    np.testing.assert_array_equal(times_as_fast(found, "agcn", "literal agcn", "step"), [2, 2, 2])
    assert times_as_fast(found, "st_gdn", "literal agcn", "step") is None
    assert quartiles(np.array([1.0, 2, 3, 4, 5])) == (3, 2, 4)


def test_report_of_several_files(run_command: RunCommand) -> None:
    Path("figures").mkdir()
    rows = {"literal agcn": ([3.0] * 3, 100), "agcn": ([1.0] * 3, 60), "agcn_7l": ([1.0] * 3, 60)}
    made = [
        record(rows | {"st_gdn": ([2.0] * 3, 60), "st_gdn2": ([1.05] * 3, 1)}, "long", 300),
        record(rows, "short"),
        record(rows | {"agcn": ([1.2] * 3, 80)}, "gpu", device="cuda"),
        record(rows, "other", 16),
        {"what": "scaling", "name": "scaling", "rows": {}},
    ]
    for one in made:
        Path("figures", f"{one['name']}.json").write_text(json.dumps(one))
    Path("page.md").write_text(PAGE)
    outcome = run_command("benchmark", "what=report", "from=figures/*.json", "write=page.md")
    assert outcome.code == 0, outcome.err
    page = Path("page.md").read_text()
    heads = [line.split(".**")[0] for line in page.splitlines() if line.startswith("**T")]
    assert [head.split(",")[0] for head in heads] == ["**T = 16", "**T = 64", "**T = 300", "**T = 64"]
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert [[cell.strip() for cell in line.strip("|").split("|")][3:] for line in lines] == [
        ["3, met", "3, met", "2.5, not met"],  # agcn; at least 1.5, on a GPU 3
        ["–", "1.5, not met", "–"],  # st_gdn
        ["–", "1.05, met", "–"],  # st_gdn2 at most 1.08 times agcn_7l's time
        ["–", "2, not met", "–"],  # st_gdn at most 1.12
        ["0.6, met", "0.6, met", "0.8, not met"],  # memory at most 0.7
    ]
    assert "| agcn | 7 | 0.00 | 10.0 (10.0-10.0) | 3.00 (3.00-3.00) | 0 | 67 min |" in page


def test_targets_are_for_whole_networks() -> None:
    rows = {"literal agcn": ([3.0], 100), "agcn": ([1.0], 60)}
    assert targets([record(rows)])
    assert not targets([record(rows) | {"overrides": ["width=0.5"]}])
    assert not targets([record(rows, T=16)])
    assert len(TARGETS) == 8


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["what=networks", "pairs=2"], "pairs=2 is no share of clips"),
        (["what=networks", "measures=[stp]"], "did you mean 'step'"),
        (["what=networks", "measures=[]"], "measures is empty"),
        (["what=networks", "precision=float16"], "allowed: float32, bf16"),
        (["what=networks", "device=gpu"], "allowed: auto, cpu, cuda"),
        (["what=networks", "rounds=ten"], "rounds=ten must be a whole number"),
        (["what=networks", "baseline=agnc"], "did you mean 'agcn'"),
        (["what=networks", "write=page.md"], "page.md has no lines <!-- networks -->"),
        (["what=networks", "variants=['agcn data.frames=16']"], "'agcn data.frames=16' takes clips"),
        (["what=networks", "literal=[st_gdn]"], "nobody has published block 'gdcn'"),
        (["what=networks", "module=net.py:Net"], "there is no file net.py"),
        (["what=scaling", "module=net.py:Net"], "leave it out"),
        (["what=scaling", "scaling.batch=[0]"], "scaling.batch=[0] must be whole numbers"),
        (["what=report", "from=nowhere/*.json"], "no file with figures of what=networks"),
        (["what=report", "from=broken.json"], "broken.json cannot be read"),
        (["what=report", "from=list.json"], "list.json holds no figures"),
    ],
)
def test_mistakes_get_one_sentence(run_command: RunCommand, options: list[str], told: str) -> None:
    Path("broken.json").write_text("{")
    Path("list.json").write_text("[1]")
    outcome = run_command("benchmark", *TINY, *FEW, *options)
    assert outcome.code == 1
    (line,) = [line for line in outcome.err.splitlines() if "warming up" not in line]
    assert told in line
    assert "Traceback" not in line


def test_load_makes_batches() -> None:
    (first, *_) = Load((3, 8, 20, 2), 10, 4, 0.5).batches("cpu")
    assert first.clips.shape == (4, 3, 8, 20, 2)
