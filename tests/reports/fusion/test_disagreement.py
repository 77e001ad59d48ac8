"""Clips on which two runs disagree, against a loop over all clips."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.reports import made_up

from stgdn.errors import InputError
from stgdn.reports.fusion.disagreement import disagreement_summary, disagreements, expect_two, print_disagreements
from stgdn.reports.fusion.fusion_files import find_sources
from stgdn.reports.fusion.score_fusion import StreamScores


def parts(**changed: Any) -> tuple[StreamScores, StreamScores]:  # noqa: ANN401
    """Scores of two runs; the second one's clips are in another order."""
    order = np.random.default_rng(5).permutation(made_up.CLIPS)
    second = made_up.scores(seed=2, order=order, **changed)
    return StreamScores(made_up.scores(seed=1), "first"), StreamScores(second, "second")


def softmax(scores: np.ndarray) -> list[float]:
    powers = [math.exp(float(score)) for score in scores]
    return [power / sum(powers) for power in powers]


def test_every_clip_told_apart() -> None:
    first, second = parts()
    expected = {}
    for name, label, scores in zip(first.scores.names, first.scores.labels, first.scores.scores, strict=True):
        other = second.scores.scores[second.scores.names.tolist().index(name)]
        shares = softmax(scores), softmax(other)
        said = tuple(each.index(max(each)) for each in shares)
        if said[0] == said[1]:
            continue
        margin = shares[0][label] - shares[1][label]
        right = "A" if said[0] == label else "B" if said[1] == label else None
        margin = {"A": margin, "B": -margin, None: abs(margin)}[right]
        expected[str(name)] = (int(label), said, right, margin, max(shares[0]), max(shares[1]))
    found = disagreements(first, second)
    assert {each.name for each in found} == set(expected)
    for each in found:
        label, said, right, *numbers = expected[each.name]
        assert (each.label, each.predicted, each.right) == (label, said, right)
        assert [each.margin, *each.probabilities] == pytest.approx(numbers, abs=1e-6)
    assert {each.right for each in found} == {"A", "B", None}
    order = [(each.right is None, -each.margin) for each in found]
    assert order == sorted(order)


def test_two_runs_of_one_network_are_told_apart_by_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, rate in enumerate((0.1, 0.05)):
        made_up.run(tmp_path / str(number), config={"optimizer": {"lr": rate}, "width": 1})
    sources = find_sources(f"{tmp_path}/*/demo/st_gdn/joint/demo-seed1")
    print_disagreements([], expect_two(sources), 3)
    out = capsys.readouterr().out
    assert "demo-seed1 (st_gdn, optimizer.lr 0.1), top-1" in out
    assert "demo-seed1 (st_gdn, optimizer.lr 0.05), top-1" in out


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = parts()
    found = disagreements(first, second)
    print_disagreements(found, (first, second), 3)
    out = capsys.readouterr().out
    assert f"A: first, top-1 {100 * first.scores.accuracy():.2f}" in out
    assert disagreement_summary(found, made_up.CLIPS) in out
    assert sum(f"│ {each.name} " in out for each in found) == 3
    assert f"and {len(found) - 3} more" in out
    rows = [line for line in out.splitlines() if found[0].name in line]
    assert f"{100 * found[0].margin:.1f}" in rows[0]


def test_the_same_scores_agree(capsys: pytest.CaptureFixture[str]) -> None:
    first, _ = parts()
    assert disagreements(first, first) == []
    print_disagreements([], (first, first), 3)
    assert "The runs agree on all 60 clips." in capsys.readouterr().out


def test_other_data_and_damage() -> None:
    first, second = parts(classes=np.asarray([f"other {number}" for number in range(7)]))
    with pytest.raises(InputError, match="first and second are of different classes"):
        disagreements(first, second)
    first, second = parts(split="holdout")
    with pytest.raises(InputError, match="different splits"):
        disagreements(first, second)
    first, second = parts(scores=np.full((60, 7), np.nan, np.float32))
    with pytest.raises(InputError, match="second has scores that are not finite"):
        disagreements(first, second)


def test_two_runs_and_no_more() -> None:
    first, second = parts()
    assert expect_two([first, second]) == (first, second)
    with pytest.raises(InputError, match="takes two runs, and runs= gives 3"):
        expect_two([first, second, second])
    with pytest.raises(InputError, match="gives first twice"):
        expect_two([first, first])
