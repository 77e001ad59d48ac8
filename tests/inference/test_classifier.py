"""Several streams as one network: the weighted mean of their scores; what does not go together is refused."""

import numpy as np
import pytest
from tests.inference.conftest import MakeRun

import stgdn
from stgdn.errors import InputError
from stgdn.inference.classifier import FusedNetworks
from stgdn.inference.load import load_networks

CLIPS = [np.random.default_rng(seed).normal(0, 0.3, (2, 20 + seed, 25, 3)) for seed in range(3)]


@pytest.fixture
def runs(make_run: MakeRun) -> list[str]:
    """Bone first, of other frames than joint."""
    return [
        str(make_run("data.stream=bone", "data.frames=20", name="bone")),
        str(make_run("data.stream=joint", name="joint")),
    ]


def test_scores_are_weighted_means(runs: list[str]) -> None:
    network = load_networks(runs, weights={"bone": 3.0, "joint": None})
    assert isinstance(network, FusedNetworks)
    assert (network.stream, network.stream_weights) == ("joint+bone", (1.0, 3.0))
    bone, joint = (stgdn.load(run).scores(CLIPS).astype(np.float64) for run in runs)
    expected = (joint + 3 * bone) / 4
    np.testing.assert_allclose(network.scores(CLIPS), expected, rtol=1e-5, atol=1e-6)
    shares = np.exp(expected)
    np.testing.assert_allclose(network.probabilities(CLIPS), shares / shares.sum(axis=1, keepdims=True), atol=1e-6)


def test_all_four_streams_have_the_published_weights(make_run: MakeRun) -> None:
    streams = ("bone_motion", "joint_motion", "bone", "joint")
    network = load_networks([str(make_run(f"data.stream={stream}", name=stream)) for stream in streams])
    assert isinstance(network, FusedNetworks)
    assert network.stream == "joint+bone+joint_motion+bone_motion"
    assert network.stream_weights == (0.6, 0.6, 0.4, 0.4)


def test_what_does_not_go_together(runs: list[str], make_run: MakeRun) -> None:
    with pytest.raises(InputError, match="both of stream bone: give every stream once"):
        load_networks([runs[0], runs[0]])
    with pytest.raises(InputError, match="fusing takes two streams or more"):
        load_networks(runs[0], weights={"bone": 2.0})
    with pytest.raises(InputError, match="joint_motion is not fused: the runs are of joint, bone"):
        load_networks(runs, weights={"joint_motion": 2.0})
    with pytest.raises(InputError, match="is not a positive number"):
        load_networks(runs, weights={"joint": -1.0})
    names = [f"c{number}" for number in range(14)]
    other = make_run("data.stream=joint", f"data.classes=[{','.join(names)}]", name="other")
    with pytest.raises(InputError, match="do not know the same classes: 'c0' is one of only one of them"):
        load_networks([str(other), runs[0]])
    assert not isinstance(load_networks([runs[1]]), FusedNetworks)
