"""A run that is trained again: equal bits, other data, another environment, and configs that are not trusted."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from tests.conftest import RunCommand

from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.store.prepare import prepare
from stgdn.data.synthetic.demo_set import DEMO_ACTIONS, write_demo
from stgdn.reports.reproduction import compare_runs, environment_lines
from stgdn.runs.result import collect_runs
from stgdn.runs.stored_config import read_config

FOLDER = Path("outputs/demo/st_gdn/joint/demo-seed1+batch_size-16+data.frames-16+epochs-1+width-0.125")
AGAIN = FOLDER.with_name(f"{FOLDER.name}+reproduced")

pytestmark = pytest.mark.usefixtures("trained", "no_pictures")


def drop_checksums(folder: Path) -> None:
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"checksums": {}}))


def change_config(**changed: Any) -> None:  # noqa: ANN401
    config = read_config(FOLDER / "config.yaml")
    for key, value in changed.items():
        OmegaConf.update(config, key.replace("__", "."), value, force_add=True)
    OmegaConf.save(config, FOLDER / "config.yaml")
    drop_checksums(FOLDER)


def test_equal_bits_where_nothing_has_changed(run_command: RunCommand) -> None:
    outcome = run_command("reproduce", f"run={FOLDER}")
    assert outcome.code == 0, outcome.err
    assert f"reproduced in {AGAIN}" in outcome.out
    assert "equal bits: weights, scores and metrics" in outcome.out
    assert "trained by the same code and versions" in outcome.out
    assert "next:" not in outcome.out
    assert compare_runs(FOLDER, AGAIN).equal
    assert [result.folder for result in collect_runs("outputs").results] == [FOLDER]
    before = (AGAIN / "summary.json").stat().st_mtime_ns
    outcome = run_command("reproduce", f"run={FOLDER}")  # what is there is compared again
    assert "equal bits" in outcome.out
    assert (AGAIN / "summary.json").stat().st_mtime_ns == before


def test_what_a_run_was_trained_in_is_recorded() -> None:
    found = json.loads((FOLDER / "summary.json").read_text())["environment"]
    assert {"python", "torch", "lightning", "numpy"} <= found["versions"].keys()
    assert (found["threads"], found["device"]) == (1, "cpu") or found["threads"] > 1
    assert {"coordinates.bin", "clips.npy"} <= found["data"].keys()
    assert "store.json" not in found["data"]
    assert found["processor"]
    assert isinstance(found["instruction_sets"], list)
    if Path(__file__).parents[2].joinpath(".git").exists():
        assert len(found["git"]["commit"]) == 40
        assert isinstance(found["git"]["clean"], bool)


def test_data_that_have_changed(run_command: RunCommand, tmp_path: Path) -> None:
    root = tmp_path / "other"
    write_demo(root / "raw" / "demo", subjects=(1, 2, 4, 6), replications=1)
    reader = NTUReader(root / "raw" / "demo", actions=DEMO_ACTIONS)
    prepare(reader, root / "prepared" / "demo", "demo", source="demo", synthetic=True, workers=1)
    outcome = run_command("reproduce", f"run={FOLDER}", f"data_root={root}")
    assert outcome.code == 0, outcome.err
    assert "equal bits" not in outcome.out
    assert "the data have changed since" in outcome.out
    assert "trained in another environment: data.clips.npy was " in outcome.out
    assert "test top-1 was " in outcome.out
    assert "differing: " in outcome.out


def test_other_versions_and_other_results_are_named() -> None:
    shutil.copytree(FOLDER, AGAIN)
    summary = json.loads((FOLDER / "summary.json").read_text())
    summary["environment"]["versions"]["torch"], summary["checksums"] = "1.0", {}
    (FOLDER / "summary.json").write_text(json.dumps(summary))
    found = compare_runs(FOLDER, AGAIN)
    assert found.equal
    (line,) = environment_lines(found)
    assert line.startswith("trained in another environment: versions.torch was 1.0 and is ")
    del summary["environment"]
    (FOLDER / "summary.json").write_text(json.dumps(summary))
    assert environment_lines(compare_runs(FOLDER, AGAIN)) == [
        "the run is of a former version, which did not record what it was trained in"
    ]
    drop_checksums(AGAIN)
    text = (AGAIN / "metrics.csv").read_text()
    (AGAIN / "metrics.csv").write_text(text.replace("train/loss", "train/other"))
    found = compare_runs(FOLDER, AGAIN)
    assert not found.equal
    assert set(found.metrics) == {"train/loss", "train/other"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"model___target_": "os.system"}, "names 'os.system' as its network"),
        ({"optimizer___target_": "os.system"}, "names 'os.system' as its optimizer"),
        ({"callbacks__mine": {"_target_": "os.system", "command": "touch trapped"}}, "names 'os.system' as its callb"),
        ({"trainer__strategy": {"_target_": "os.system", "command": "touch trapped"}}, "config of its trainer says _t"),
        ({"logger__mine": {"_target_": "pathlib.Path.touch"}}, None),
    ],
)
def test_stored_configs_make_nothing_of_others(
    run_command: RunCommand, changed: dict[str, Any], expected: str | None
) -> None:
    change_config(**changed)
    outcome = run_command("reproduce", f"run={FOLDER}")
    assert outcome.code == (0 if expected is None else 1), outcome.err
    assert (expected or "") in outcome.err
    assert not Path("trapped").exists()
    assert AGAIN.exists() == (expected is None)


def test_an_unfinished_run_is_not_reproduced(run_command: RunCommand) -> None:
    (FOLDER / "summary.json").unlink()
    outcome = run_command("reproduce", f"run={FOLDER}")
    assert outcome.code == 1
    assert "holds no finished run" in outcome.err
