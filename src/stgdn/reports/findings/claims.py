"""Put what the letter claims, from `claims.csv`, beside what runs show; a claim is a contrast of runs, seed by seed."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from stgdn.reports.findings.variants import by_seed, label, spread
from stgdn.reports.tables.rows import Spread
from stgdn.runs.result import Result

FEWEST_SEEDS = 3
RULE = (
    f"Rule: differences are taken seed by seed between runs that were trained alike. A claim is *held* if the mean "
    f"of {FEWEST_SEEDS} seeds or more lies above twice its standard error, otherwise *not held*; of a claim that "
    "something is no better it is the other way round. *Open*: not run, or with fewer seeds. With three seeds this is "
    "a weak test: where nothing differs, one claim in eleven is held by chance."
)


@dataclass(frozen=True)
class Claim:
    """Hold a claim: a line of the file."""

    claim: str  # in own words
    where: str  # in the letter
    stream: str
    measure: str  # `top1`, or one of over-smoothing in the last layer
    contrast: tuple[tuple[float, str], ...]  # factors of networks as `variants.label` names them; their sum is tested
    kind: str  # `better`, or `no better`


@dataclass(frozen=True)
class Outcome:
    """Hold what runs on one data set show about a claim."""

    result: Result  # one of the runs
    values: Spread  # of the contrast, by seed
    verdict: str  # `held`, `not held` or `open`


def claims() -> list[Claim]:
    """Read all claims in order."""
    text = files("stgdn.reports.findings").joinpath("claims.csv").read_text(encoding="utf-8")
    found = []
    for line in csv.DictReader(text.splitlines()):
        entries: dict[str, Any] = {**line, "contrast": _terms(line["contrast"])}
        found.append(Claim(**entries))
    return found


def _terms(contrast: str) -> tuple[tuple[float, str], ...]:
    """Return the factors and names of `1 st_gdn; -1 agcn_7l`."""
    pairs = (term.split() for term in contrast.split(";"))
    return tuple((float(factor), name) for factor, name in pairs)


def outcomes(claim: Claim, groups: Iterable[Sequence[Result]]) -> Iterator[Outcome]:
    """Yield what is known about a claim, for every data set with runs of all its networks that were trained alike.

    Of several trainings it is the one with most seeds, of these the longest.
    """
    best: dict[str, tuple[int, int, Outcome]] = {}
    for group in (group for group in groups if group[0].stream == claim.stream):
        values = spread(contrast_by_seed(claim, group))
        if values is not None:
            outcome = Outcome(group[0], values, verdict(values, claim.kind))
            order = len(values.values), group[0].epochs
            if group[0].data not in best or order > best[group[0].data][:2]:
                best[group[0].data] = (*order, outcome)
    for _, _, outcome in best.values():
        yield outcome


def contrast_by_seed(claim: Claim, group: Sequence[Result]) -> dict[int, float]:
    """Return the sum of a claim's terms for every seed that all its networks have."""
    terms = [
        (factor, by_seed([result for result in group if label(result) == name], claim.measure))
        for factor, name in claim.contrast
    ]
    shared = set.intersection(*(set(values) for _, values in terms))
    return {seed: sum(factor * values[seed] for factor, values in terms) for seed in sorted(shared)}


def verdict(values: Spread, kind: str) -> str:
    """Return whether a claim is held: the mean lies above twice its standard error, or not above it for `no better`."""
    if len(values.values) < FEWEST_SEEDS or values.deviation is None:
        return "open"
    better = values.mean > 2 * values.deviation / len(values.values) ** 0.5
    return "held" if better == (kind == "better") else "not held"
