"""The confusion matrix and the learned adjacencies of a run as figures."""

import numpy as np
from tests.reports import made_up

from stgdn.model.network import Network
from stgdn.reports.figures.confusion import adjacency_figure, confusion_figure


def test_confusion_figure_names_every_class() -> None:
    axes = confusion_figure(made_up.scores(), "title").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == made_up.CLASSES.tolist()
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


def test_adjacency_figure_of_ctr_gcn_shows_the_difference_from_the_skeleton() -> None:
    network = Network([8], 1, "ctr_gcn", num_classes=3, frames=8, layout="kinect20")
    dict(network.named_parameters())["layers.0.spatial.graph"].data[2, 3, 4] += 0.5
    figure = adjacency_figure(network, tuple("j" * 20))
    assert figure is not None
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert shown[np.isfinite(shown)].tolist().count(0.5) == np.count_nonzero(shown[np.isfinite(shown)]) == 1


def test_networks_without_learned_adjacency_have_no_figure() -> None:
    network = Network([8], 1, "st_gcn", num_classes=3, frames=8, style="st_gcn")
    assert adjacency_figure(network, tuple("j" * 25)) is None
