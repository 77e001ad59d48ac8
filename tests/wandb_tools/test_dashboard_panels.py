"""The W&B dashboard as code: valid without a server, by what runs log."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RunCommand

if find_spec("wandb_workspaces") is None:
    pytest.skip("needs wandb-workspaces, the extra `dashboard`", allow_module_level=True)

from wandb.errors import AuthenticationError, CommError

from stgdn.errors import InputError
from stgdn.training.callbacks.over_smoothing import MEASURES
from stgdn.wandb_tools import dashboard_panels as module
from stgdn.wandb_tools.dashboard_panels import DEPTH, TITLES, dashboard, save, specification
from stgdn.wandb_tools.media import sortable_summary

Workspace = module.workspaces.Workspace


def sections(spec: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Configs of the panels by title of the section."""
    found = spec["section"]["panelBankConfig"]["sections"]
    return {section["name"]: [panel["config"] for panel in section["panels"]] for section in found}


def metrics(spec: dict[str, Any]) -> set[str]:
    """Everything that panels show."""
    shown: set[str] = set()
    for panels in sections(spec).values():
        for panel in panels:
            shown.update(panel.get("metrics", []))
            shown.update(panel.get("mediaKeys", []))
            shown.update(
                panel[axis].removeprefix("summary:") for axis in ("xAxis", "yAxis") if "summary" in panel.get(axis, "")
            )
    return shown


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return specification(dashboard("st-gdn", experiment="table1", data="ntu60_xsub"))


def test_has_accuracy_over_smoothing_throughput_and_confusion(spec: dict[str, Any]) -> None:
    found = sections(spec)
    assert {"Accuracy by variant", "Over-smoothing, last layer", "Throughput", "Training"} <= found.keys()
    assert any(panel.get("mediaKeys") == ["confusion"] for panel in found["Pictures"])
    by_layer = [name for name in found if name.startswith("Over-smoothing by layer")]
    assert len(by_layer) == len(TITLES) == len(MEASURES)
    assert [panel["metrics"] for panel in found[by_layer[0]]] == [
        [f"smoothing/mad/layer{layer}"] for layer in range(1, DEPTH + 1)
    ]


def test_shows_what_runs_leave_in_their_summaries(spec: dict[str, Any]) -> None:
    accuracies = {"test_top1": 1.0, "test_mean_class": 1.5, "test_top5": 2.0}
    summary = {**accuracies, "parameters": 3, "flops": 4}
    left = sortable_summary({**summary, "smoothing": {name: [0.5] for name in MEASURES}})
    columns = {key.removeprefix("summary:") for key in spec["section"]["runSets"][0]["runFeed"]["columnOrder"]}
    assert columns == {*left, "run:displayName"}
    assert left.keys() <= metrics(spec)


def test_groups_the_seeds_of_a_variant_and_puts_the_best_first(spec: dict[str, Any]) -> None:
    (runs,) = spec["section"]["runSets"]
    assert [key["name"] for key in runs["grouping"]] == ["group", "variant.value"]
    assert runs["sort"]["keys"] == [{"key": {"section": "summary", "name": "test_top1"}, "ascending": False}]
    assert [entry["value"] for entry in runs["filters"]["filters"]] == ["table1", "ntu60_xsub"]


def test_shows_all_runs_unless_told(spec: dict[str, Any]) -> None:
    everything = specification(dashboard("st-gdn"))
    assert everything["section"]["runSets"][0]["filters"]["filters"] == []
    assert sections(everything) == sections(spec)


def test_without_a_login_it_is_checked_and_written(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    outcome = run_command("dashboard", "only.experiment=table1")
    assert outcome.code == 0, outcome.err
    assert "not saved: `wandb login`" in outcome.out
    assert "Accuracy by variant" in sections(json.loads(Path("outputs/dashboard.json").read_text()))


def test_a_file_of_another_kind_is_a_mistake(run_command: RunCommand) -> None:
    outcome = run_command("dashboard", "write=dashboard.txt")
    assert outcome.code == 1
    assert "its name must end in .json" in outcome.err


def test_saves_where_somebody_is_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[module.workspaces.Workspace] = []
    monkeypatch.setattr(module, "logged_in", lambda: True)
    monkeypatch.setattr(Workspace, "save", lambda self: saved.append(self))
    monkeypatch.setattr(Workspace, "url", property(lambda self: f"https://wandb.ai/{self.entity}/{self.project}"))
    assert save(dashboard("st-gdn", entity="team")) == "https://wandb.ai/team/st-gdn"
    assert [workspace.name for workspace in saved] == ["ST-GDN: all runs"]


@pytest.mark.parametrize("error", [CommError("project not found"), AuthenticationError("no"), ValueError("no")])
def test_what_wandb_refuses_is_one_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(_: object) -> None:
        raise error

    monkeypatch.setattr(module, "logged_in", lambda: True)
    monkeypatch.setattr(Workspace, "save", refuse)
    with pytest.raises(InputError, match=rf"does not save .* \({error}\): check project=st-gdn and entity=team"):
        save(dashboard("st-gdn", entity="team"))
