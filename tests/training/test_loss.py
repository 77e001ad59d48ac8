"""Weighted cross-entropy against the formula, written out in float64."""

import math

import pytest
import torch

from stgdn.errors import InputError
from stgdn.training.loss import CrossEntropy

SCORES = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = torch.tensor([0, 2, 2, 1, 0])


def literal(weights: list[float], smoothing: float = 0.0) -> float:
    """Σ over clips of w of the label times −Σ over classes of target · log p, over Σ of these w; by hand."""
    total = norm = 0.0
    for scores, label in zip(SCORES.tolist(), LABELS.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(score) for score in scores))
        for index, score in enumerate(scores):
            target = (1 - smoothing) * (index == label) + smoothing / 3
            total -= weights[index] * target * (score - log_sum)
        norm += weights[label]
    return total / norm


def test_plain() -> None:
    assert float(CrossEntropy()(SCORES, LABELS)) == pytest.approx(literal([1, 1, 1]))


def test_smoothed() -> None:
    assert float(CrossEntropy(0.1)(SCORES, LABELS)) == pytest.approx(literal([1, 1, 1], 0.1))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_given_weights(smoothing: float) -> None:
    loss = CrossEntropy(smoothing, [0.5, 2, 3])
    loss.set_class_counts([1, 1, 1])
    assert float(loss(SCORES, LABELS)) == pytest.approx(literal([0.5, 2, 3], smoothing))


def test_balanced_weights_are_clips_over_classes_times_clips_of_the_class() -> None:
    loss = CrossEntropy(class_weights="balanced")
    loss.set_class_counts([10, 40, 0])
    assert loss.weights is not None
    assert loss.weights.tolist() == pytest.approx([50 / 30, 50 / 120, 0])
    loss.set_class_counts([10, 40, 50])
    assert float(loss(SCORES, LABELS)) == pytest.approx(literal([100 / 30, 100 / 120, 100 / 150]), rel=1e-6)


def test_weights_are_not_part_of_a_checkpoint() -> None:
    assert not CrossEntropy(class_weights=[1, 2, 3]).state_dict()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"label_smoothing": 1.0}, r"loss\.label_smoothing=1\.0 must be at least 0 and below 1"),
        ({"label_smoothing": -0.1}, "must be at least 0 and below 1"),
        ({"class_weights": "balance"}, "did you mean 'balanced'"),
        ({"class_weights": [1, 0, 1]}, r"loss\.class_weights=\[1, 0, 1\] must be positive numbers"),
        ({"class_weights": [1, math.nan]}, "must be positive numbers"),
        ({"class_weights": [1, "x"]}, "must be positive numbers"),
    ],
)
def test_what_is_refused(options: dict, told: str) -> None:
    with pytest.raises(InputError, match=told):
        CrossEntropy(**options)


def test_other_numbers_of_classes() -> None:
    with pytest.raises(InputError, match=r"loss\.class_weights has 2 numbers and the data 3 classes"):
        CrossEntropy(class_weights=[1, 2]).set_class_counts([1, 1, 1])


def test_balanced_without_counts() -> None:
    with pytest.raises(InputError, match="counts the clips of SkeletonData"):
        CrossEntropy(class_weights="balanced")(SCORES, LABELS)
