"""The letter's claims: contrasts seed by seed, and the rule by which one is held."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.reports.findings.experiments import depth_runs, groups_of, network_run

from stgdn.data.batches.settings import STREAMS
from stgdn.reports.findings.claims import Claim, claims, contrast_by_seed, outcomes, verdict
from stgdn.reports.findings.variants import MEASURES, REMEDIES
from stgdn.reports.tables.rows import Spread

ST_GDN = Claim("better", "", "joint", "top1", ((1, "st_gdn"), (-1, "agcn_7l")), "better")


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.claim)
def test_every_claim_can_be_tried(claim: Claim) -> None:
    assert claim.claim
    assert claim.where
    assert set(claim.stream.split("+")) <= set(STREAMS)
    assert claim.measure in ("top1", *MEASURES)
    assert claim.kind in ("better", "no better")
    assert sum(factor for factor, _ in claim.contrast) == 0
    known = {path.stem for path in (ROOT / "conf" / "model").glob("*.yaml")} | {"ctr_gcn", "agcn_16l"}
    for _, name in claim.contrast:
        network, _, changed = name.partition("+")
        assert network in known
        assert changed in ("", *REMEDIES)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ((1.0, 2.0, 3.0), "better", "held"),  # 2 above 2 · 0.58
        ((-1.0, 1.0, 3.0), "better", "not held"),  # 1 below 2 · 1.15
        ((-1.0, -2.0, -3.0), "better", "not held"),
        ((1.0, 1.0, 1.0), "better", "held"),
        ((0.0, 0.0, 0.0), "better", "not held"),
        ((5.0, 6.0), "better", "open"),
        ((5.0,), "better", "open"),
        ((1.0, 2.0, 3.0), "no better", "not held"),
        ((-1.0, 1.0, 3.0), "no better", "held"),
    ],
)
def test_the_rule(values: tuple[float, ...], kind: str, expected: str) -> None:
    assert verdict(Spread(values), kind) == expected


def test_differences_are_taken_seed_by_seed(tmp_path: Path) -> None:
    for seed, ours, theirs in ((1, 90.0, 85.0), (2, 91.0, 88.0), (3, 93.0, None), (4, None, 10.0)):
        if ours is not None:
            network_run(tmp_path, "st_gdn", seed=seed, blocks=["gdcn", "gdn_e"], test_top1=ours)
        if theirs is not None:
            network_run(tmp_path, "agcn_7l", seed=seed, test_top1=theirs)
    (group,) = groups_of(tmp_path)
    assert contrast_by_seed(ST_GDN, group) == {1: 5, 2: 3}
    (outcome,) = outcomes(ST_GDN, groups_of(tmp_path))
    assert (outcome.values.values, outcome.verdict) == ((5, 3), "open")
    assert not list(outcomes(replace(ST_GDN, stream="bone"), groups_of(tmp_path)))


def test_runs_of_other_trainings_are_not_compared(tmp_path: Path) -> None:
    network_run(tmp_path, "st_gdn", blocks=["gdcn", "gdn_e"])
    network_run(tmp_path, "agcn_7l", epochs=65, name="nw_ucla-seed1+epochs-65")
    assert not list(outcomes(ST_GDN, groups_of(tmp_path)))


def test_the_training_with_most_seeds_counts_then_the_longest(tmp_path: Path) -> None:
    for epochs, seeds, ours in ((30, (1, 2, 3), 90.0), (65, (1, 2, 3), 91.0), (130, (1,), 99.0)):
        for seed in seeds:
            name = f"nw_ucla-seed{seed}+epochs-{epochs}"
            for model, blocks, top1 in (("st_gdn", ["gdcn", "gdn_e"], ours), ("agcn_7l", "gcn", 89.0)):
                network_run(tmp_path, model, blocks=blocks, seed=seed, name=name, epochs=epochs, test_top1=top1)
    (outcome,) = outcomes(ST_GDN, groups_of(tmp_path))
    assert (outcome.result.epochs, outcome.values.mean, outcome.verdict) == (65, 2, "held")


def test_depth_claims(tmp_path: Path) -> None:
    depth_runs(tmp_path)
    found = {claim.claim: list(outcomes(claim, groups_of(tmp_path))) for claim in claims()}
    (half,) = found["Whitened joints lose less than half of that (the half is ours)"]
    assert half.values.values == pytest.approx([0.5 * (4 - 0.1 * seed) - (1 - 0.1 * seed) for seed in (1, 2, 3)])
    assert half.verdict == "held"
    (smooth,) = found["Joints become more alike when plain layers are stacked: 16 against 7 layers"]
    assert smooth.values.mean == pytest.approx(-0.09)
    assert smooth.verdict == "not held"
