"""What was varied in a run is read from its config, and runs are compared only if they were trained alike."""

from pathlib import Path

import pytest
from tests.reports.findings.experiments import groups_of, network_run, runs_of

from stgdn.reports.findings.variants import by_seed, family, label, layers, remedy, training_text
from stgdn.runs.result import Result


def result(outputs: Path) -> Result:
    ((found,),) = groups_of(outputs)
    return found


@pytest.mark.parametrize(
    ("blocks", "whiten", "expected"),
    [
        ("gcn", "none", ("none", "gcn")),
        ("gcn", "node", ("node", "gcn")),
        (["gcn"] * 7, ["frame"] * 7, ("frame", "gcn")),
        ("gdn2", "none", ("node", "gcn")),
        ("gdn_e", "none", ("node+frame", "gcn")),
        ("gdn_c", "none", ("channel", "gcn")),
        ("pair_norm", "none", ("pair_norm", "gcn")),
        ("ctr_gcn", "channel", ("channel", "ctr_gcn")),
        (["gdcn", "gdn2"], "none", (None, None)),
        ("gcn", ["node", "none"], (None, "gcn")),
        (["gdn2", "gdn_t"], "none", (None, None)),
        ("gcn", "other", (None, "gcn")),
    ],
)
def test_remedy_and_block(tmp_path: Path, blocks: object, whiten: object, expected: tuple[str | None, ...]) -> None:
    network_run(tmp_path, "agcn_7l", blocks=blocks, whiten=whiten)
    assert (remedy(result(tmp_path)), family(result(tmp_path))) == expected
    assert layers(result(tmp_path)) == 7


@pytest.mark.parametrize(
    ("model", "options", "name", "expected"),
    [
        ("agcn_7l", {}, "nw_ucla-seed1", "agcn_7l"),
        ("ctr_gcn", {"blocks": "ctr_gcn", "whiten": "node"}, None, "ctr_gcn+node"),
        ("agcn_7l", {"blocks": "pair_norm"}, None, "agcn_7l+pair_norm"),
        ("agcn_7l", {"blocks": "gdn2"}, None, "st_gdn2"),
        ("agcn_7l", {"whiten": "frame"}, None, "st_gdn_t"),
        ("agcn_7l", {"whiten": "node+frame"}, None, "st_gdn_e"),
        ("agcn_16l", {"whiten": "node"}, None, "agcn_16l+node"),
        ("st_gdn2", {"blocks": "gdn2"}, None, "st_gdn2"),
        ("st_gdn2", {"blocks": "gdn2", "whiten": "node"}, None, "st_gdn2+model.whiten-node"),
        ("st_gdn2", {"blocks": "gdn2"}, "nw_ucla-seed1+model.whiten-none", "st_gdn2"),
        ("st_gdn", {"blocks": "gcn"}, "nw_ucla-seed1+model.blocks-gcn", "st_gdn+model.blocks-gcn"),
        ("st_gdn", {"blocks": ["gdcn", "gdn2"]}, None, "st_gdn"),
        ("agcn_7l", {"blocks": "gdcn"}, "nw_ucla-seed1+model.blocks-gdcn", "agcn_7l+model.blocks-gdcn"),
        (
            *("agcn_7l", {"blocks": "gdcn", "whiten": "node+frame"}),
            *("nw_ucla-seed1+model.blocks-gdcn+model.whiten-node+frame",),
            "agcn_7l+model.blocks-gdcn+model.whiten-node+frame",
        ),
        (
            *("agcn_7l", {"whiten": ["node", "none", "node+frame"]}),
            *("nw_ucla-seed1+batch_size-16+model.whiten-_node+none+node+frame_+trainer.precision-32",),
            "agcn_7l+model.whiten-_node+none+node+frame_",
        ),
        ("agcn_16l", {"blocks": "gdn_c"}, "nw_ucla-seed1+model.blocks-gdn_c", "agcn_16l+channel"),
        ("ctr_gcn", {"blocks": "gdn2"}, "nw_ucla-seed1+model.blocks-gdn2", "ctr_gcn+model.blocks-gdn2"),
        (
            *("agcn_7l", {"whiten": "node"}, "nw_ucla-seed1+model.whiten-node+model.whitening.iterations-15"),
            "st_gdn2+model.whitening.iterations-15",
        ),
    ],
)
def test_labels(tmp_path: Path, model: str, options: dict[str, object], name: str | None, expected: str) -> None:
    network_run(tmp_path, model, **options, **({"name": name} if name else {}))  # pyright: ignore[reportArgumentType]
    assert label(result(tmp_path)) == expected


def test_trained_alike_or_not(tmp_path: Path) -> None:
    network_run(tmp_path, "agcn_7l")
    network_run(tmp_path, "agcn_16l", layers=16)
    network_run(tmp_path, "agcn_7l", seed=2, epochs=65, name="nw_ucla-seed2+epochs-65")
    network_run(tmp_path, "agcn_7l", stream="bone")
    trained = [group for group in groups_of(tmp_path) if not group[0].origin]
    assert sorted(len(group) for group in trained) == [1, 1, 2]


def test_runs_without_a_config_are_compared_with_none(tmp_path: Path) -> None:
    (network_run(tmp_path, "agcn_7l") / "config.yaml").unlink()
    network_run(tmp_path, "agcn_16l")
    assert len(runs_of(tmp_path)) == 2
    assert [[each.model for each in group] for group in groups_of(tmp_path)] == [["agcn_16l"]]


def test_measures_by_seed(tmp_path: Path) -> None:
    network_run(tmp_path, "agcn_7l", seed=2, test_top1=80, smoothing={"mad": [0.5, 0.25]})
    network_run(tmp_path, "agcn_7l", seed=1, test_top1=70, smoothing={"mad": "oops", "dirichlet": [None]})
    (group,) = groups_of(tmp_path)
    assert by_seed(group, "top1") == {1: 70, 2: 80}
    assert by_seed(group, "mad") == {2: 0.25}
    assert by_seed(group, "dirichlet") == {}


def test_how_long_a_run_was(tmp_path: Path) -> None:
    network_run(tmp_path, "agcn_7l", training={"optimizer": {"lr": 0.4}, "trainer": {"precision": "bf16-mixed"}})
    assert training_text(result(tmp_path)) == (
        "30 epochs of 1,020 clips, 1,920 steps of 16 clips, 0.5 of the channels, learning rate 0.4 for 64 clips, "
        "bf16-mixed"
    )
