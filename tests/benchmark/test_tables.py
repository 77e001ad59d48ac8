"""Tables, targets and the growth of cost, from records as they are kept."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import RunCommand

from stgdn.benchmark.networks import exponent, tree
from stgdn.benchmark.tables import TARGETS, quartiles, targets
from stgdn.skeleton import layout

PAGE = "before\n<!-- networks -->\n<!-- end of networks -->\nafter\n"


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


def test_quartiles() -> None:
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


def test_ratios_are_taken_round_by_round() -> None:
    found = record({"literal agcn": ([2.0, 4.0, 90.0], 100), "agcn": ([1.0, 40.0, 30.0], 60)})
    (text,) = targets([found])
    assert "| `agcn`, training step | literal agcn | at least 1.5 × (3 on a GPU in bf16, compiled) | 2, met |" in text


def test_exponents() -> None:
    assert exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2)
    assert exponent([5], [1.0]) is None


def test_made_up_skeletons_are_trees() -> None:
    made = layout(tree(10))
    assert (made.num_joints, made.root, len(made.bones)) == (10, 0, 9)
