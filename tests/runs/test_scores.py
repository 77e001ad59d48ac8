"""Score files: accuracies against scikit-like loops, files that are not score files."""

from pathlib import Path

import numpy as np
import pytest

from stgdn.errors import InputError
from stgdn.model.network import Network
from stgdn.reports.figures.confusion import adjacency_figure, confusion_figure
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


def test_confusion_figure_names_every_class(scores: Scores) -> None:
    axes = confusion_figure(scores, "title").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list("abcdefg")
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown.sum(axis=1), 1)


def test_adjacency_figure_shows_what_was_learned() -> None:
    network = Network([8, 8], 1, ["gcn", "gdn2"], num_classes=3, frames=8, bodies=1, layout="kinect20", name="two")
    learned = dict(network.named_parameters())["layers.1.spatial.adjacency.learned"]
    learned.data[2, 3, 4] = 0.5
    figure = adjacency_figure(network, tuple(f"joint {number}" for number in range(20)))
    assert figure is not None
    (axes,) = [axes for axes in figure.axes if "layer 2, outward" in {text.get_text() for text in axes.texts}]
    shown = np.asarray(axes.images[0].get_array())
    columns = shown.T[np.isfinite(shown).all(axis=0)]  # without those between the subsets
    np.testing.assert_array_equal(columns.reshape(3, 20, 20).transpose(0, 2, 1), learned.detach().numpy())
    at = [(text.get_text(), *text.get_position()) for text in axes.texts]
    places = {joint: next(y for text, _, y in at if text == f"joint {joint}") for joint in (0, 3, 19)}
    assert places == {0: 0, 3: 3, 19: 19}
    numbered = [int(x) for text, x, _ in at if text == "5"]
    (marked,) = np.nonzero(shown[3] == 0.5)  # column 4 of the last subset
    assert numbered[2] == marked[0] + 1
    subsets = [x for text, x, _ in at if text.startswith("layer")]
    assert all(number < subset < number + 20 - 5 for number, subset in zip(numbered, subsets, strict=True))


def test_networks_without_learned_adjacency_have_no_figure() -> None:
    network = Network([8], 1, "st_gcn", num_classes=3, frames=8, style="st_gcn")
    assert adjacency_figure(network, tuple("j" * 25)) is None
