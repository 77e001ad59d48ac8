"""Tell whether less over-smoothing goes with more accuracy: rank correlation over runs that were trained alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stgdn.reports.findings.variants import MEASURES, label, value_of
from stgdn.runs.result import Result

RESAMPLES = 2000
FEWEST_NETWORKS = 4
FEWEST_FOR_ANSWER = 6  # four networks lie in a perfect order by chance once in twelve, whichever way round; six in 360


@dataclass(frozen=True)
class Correlation:
    """Hold Spearman's rank correlation of a measure in the last layer with top-1."""

    measure: str
    rho: float
    interval: tuple[float, float]  # 95 %, by resampling networks with all their seeds
    runs: int
    networks: int

    @property
    def answer(self) -> str:
        """Return whether less smoothing goes with more accuracy."""
        low, high = self.interval
        if self.networks < FEWEST_FOR_ANSWER:
            return "too few networks"
        return "yes" if low > 0 else "no, the other way round" if high < 0 else "not shown"


def widest_group(groups: Iterable[Sequence[Result]]) -> list[list[Result]]:
    """Return for each data set the single-stream runs that were trained alike, of several groups the largest."""
    largest: dict[str, list[Result]] = {}
    for group in groups:
        measured = [result for result in group if result.smoothing and not result.origin]
        enough = len({label(result) for result in measured}) >= FEWEST_NETWORKS
        if enough and len(measured) > len(largest.get(measured[0].data, [])):
            largest[measured[0].data] = measured
    return list(largest.values())


def correlations(results: Sequence[Result]) -> list[Correlation]:
    """Return the correlation of each measure that enough networks have."""
    found = []
    for measure in MEASURES:
        measured = [result for result in results if np.isfinite(value_of(result, measure))]
        networks = np.array([label(result) for result in measured])
        if len(set(networks.tolist())) >= FEWEST_NETWORKS:
            x = np.array([value_of(result, measure) for result in measured])
            y = np.array([result.top1 for result in measured])
            interval = resampled_interval(x, y, networks)
            found.append(Correlation(measure, spearman(x, y), interval, len(x), len(set(networks.tolist()))))
    return found


def spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation of (n,) and (n,); NaN if one of them does not vary."""
    first, second = (ranks(values) - (len(values) + 1) / 2 for values in (x, y))
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale > 0 else float("nan")


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks of (n,) values from 1 on; equal values share their mean rank."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def resampled_interval(
    x: NDArray[np.float64], y: NDArray[np.float64], networks: NDArray[np.str_]
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval: networks are drawn with replacement, each with all its runs.

    Seeds of one network are no independent runs, so that they are not drawn one by one.
    """
    random, names = np.random.default_rng(0), np.unique(networks)
    members = [np.flatnonzero(networks == name) for name in names]
    drawn = (np.concatenate([members[i] for i in random.integers(0, len(names), len(names))]) for _ in range(RESAMPLES))
    values = np.array([spearman(x[indices], y[indices]) for indices in drawn])
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
