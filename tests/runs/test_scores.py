"""Score files: accuracies against scikit-like loops, files that are not score files."""

from pathlib import Path

import numpy as np
import pytest

from stgdn.errors import InputError
from stgdn.runs.scores import Scores


@pytest.fixture
def scores() -> Scores:
    generator = np.random.default_rng(0)
    return Scores(
        names=np.asarray([f"clip{number:02d}" for number in range(40)]),
        labels=generator.integers(0, 7, 40),
        scores=generator.normal(size=(40, 7)).astype(np.float32),
        classes=np.asarray(list("abcdefg")),
        stream="bone",
        split="test",
    )


@pytest.mark.parametrize("k", [1, 2, 5])
def test_accuracy_counts_true_class_among_the_k_best(scores: Scores, k: int) -> None:
    hits = 0
    for label, row in zip(scores.labels, scores.scores, strict=True):
        hits += int(label in sorted(range(7), key=lambda c: -row[c])[:k])
    assert scores.accuracy(k) == pytest.approx(hits / 40)


def test_of_nine_to_one_the_majority_is_right_in_90_per_cent_and_in_50_by_class() -> None:
    labels = np.array([0] * 9 + [1])
    scores = np.tile(np.asarray([1, 0, 0], np.float32), (10, 1))  # always the first class; the third one has no clips
    always = Scores(
        np.asarray(list("abcdefghij")), labels, scores, np.asarray(["most", "few", "none"]), "joint", "test"
    )
    assert (always.top1, always.mean_class) == (90, 50)
    assert always.accuracies == {"test_top1": 90, "test_mean_class": 50}


def test_mean_over_classes(scores: Scores) -> None:
    shares = []
    for label in range(7):
        own = scores.scores[scores.labels == label]
        shares.append(sum(int(np.argmax(row)) == label for row in own) / len(own))
    assert scores.mean_class == pytest.approx(100 * sum(shares) / 7)


def test_confusion_counts_pairs(scores: Scores) -> None:
    counts = np.zeros((7, 7), int)
    for label, row in zip(scores.labels, scores.scores, strict=True):
        counts[label, int(np.argmax(row))] += 1
    np.testing.assert_array_equal(scores.confusion(), counts)
    assert np.trace(counts) / 40 == pytest.approx(scores.accuracy())


def test_round_trip(scores: Scores, tmp_path: Path) -> None:
    scores.save(tmp_path / "scores.npz")
    loaded = Scores.load(tmp_path / "scores.npz")
    for name in ("names", "labels", "scores", "classes"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(scores, name))
    assert (loaded.stream, loaded.split) == ("bone", "test")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.npz"]


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not a score file")
    np.savez(tmp_path / "arrays.npz", x=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", allow_pickle=True, names=np.asarray([object()]))
    for name in ("text.npz", "arrays.npz", "pickled.npz", "missing.npz"):
        with pytest.raises(InputError, match="not a score file"):
            Scores.load(tmp_path / name)
