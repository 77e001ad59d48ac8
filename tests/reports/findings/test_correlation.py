"""Rank correlation of over-smoothing with accuracy, and an interval that counts networks and not seeds."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from tests.reports.findings.experiments import groups_of, network_run

from stgdn.reports.findings.correlation import (
    Correlation,
    correlations,
    ranks,
    resampled_interval,
    spearman,
    widest_group,
)


def test_ranks_and_rho_are_scipys() -> None:
    random = np.random.default_rng(0)
    for size in (2, 5, 40):
        x, y = random.integers(0, 6, size).astype(float), random.normal(size=size)
        np.testing.assert_allclose(ranks(x), rankdata(x))
        if len(set(x)) > 1:
            assert spearman(x, y) == pytest.approx(spearmanr(x, y)[0])
    assert np.isnan(spearman(np.ones(4), np.arange(4.0)))


def test_seeds_of_one_network_do_not_narrow_the_interval() -> None:
    random = np.random.default_rng(1)
    x, y = random.normal(size=6), random.normal(size=6)
    names = np.array(list("abcdef"))
    once = resampled_interval(x, y, names)
    many = resampled_interval(np.repeat(x, 10), np.repeat(y, 10), np.repeat(names, 10))
    assert many == pytest.approx(once, abs=0.05)
    assert once[0] < spearman(x, y) < once[1]


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.1, 0.9), "yes"),
        ((-0.1, 0.9), "not shown"),
        ((-0.9, -0.1), "no, the other way round"),
        ((np.nan, np.nan), "not shown"),
    ],
)
def test_answers(interval: tuple[float, float], answer: str) -> None:
    assert Correlation("mad", 0.0, interval, 8, 6).answer == answer
    assert Correlation("mad", 0.0, interval, 12, 5).answer == "too few networks"


def test_the_measures_that_runs_have(tmp_path: Path) -> None:
    for number, whiten in enumerate(("none", "node", "frame", "channel")):
        for seed in (1, 2):
            measured = {"mad": [0.0, 0.1 * number + 0.01 * seed], "numerical_rank": [1.0, 9.0 - number]}
            network_run(tmp_path, "agcn_7l", whiten=whiten, seed=seed, test_top1=80 + number, smoothing=measured)
    network_run(tmp_path, "agcn", layers=10, test_top1=10)  # nothing measured
    (results,) = widest_group(groups_of(tmp_path))
    found = {each.measure: each for each in correlations(results)}
    assert list(found) == ["mad", "numerical_rank"]
    assert (found["mad"].runs, found["mad"].networks, found["mad"].answer) == (8, 4, "too few networks")
    assert found["numerical_rank"].rho == pytest.approx(-1)


def test_too_few_networks(tmp_path: Path) -> None:
    for whiten in ("none", "node", "frame"):
        network_run(tmp_path, "agcn_7l", whiten=whiten, smoothing={"mad": [0.5]})
    assert widest_group(groups_of(tmp_path)) == []
