"""Predictions of networks for the beginnings of a clip."""

import numpy as np
from tests.inference.conftest import MakeRun

import stgdn
from stgdn.data.clip import Clip
from stgdn.data.store.store import Store
from stgdn.inference.classifier import TrainedNetwork
from stgdn.player.scenes import Explanation, beginning, beginnings, explain, prepared_scenes
from stgdn.skeleton import NTU25


def test_the_course_is_that_of_cut_clips(network: TrainedNetwork, clip: Clip) -> None:
    found = explain(network, clip, NTU25, "it")
    length = clip.present.shape[1]
    assert found.ends[-1] == length
    assert len(found.ends) == 20
    np.testing.assert_allclose(found.probabilities, network.probabilities([clip.joints])[0], atol=1e-6)
    for row in (0, 7, 15):
        part = clip.joints[:, : found.ends[row]]
        np.testing.assert_allclose(found.course[row], network.probabilities([part])[0], atol=1e-6)
    assert found.saliency.shape == clip.joints.shape[:3]


def test_beginnings_begin_when_somebody_is_seen() -> None:
    present = np.zeros((2, 10), np.bool_)
    present[0, 6:], present[1, 3:5] = True, True
    joints = present[..., None, None] * np.ones((2, 10, 25, 3), np.float32)
    clip = Clip("", 0, joints, present)
    assert beginnings(clip).tolist() == [4, 5, 6, 7, 8, 9, 10]
    assert beginnings(clip, 3).tolist() == [4, 7, 10]
    early = beginning(clip, 5)
    assert early.present.tolist() == [[False, False, False, True, True]]  # the second body alone
    assert beginning(clip, 7).joints.shape == (2, 7, 25, 3)


def test_before_the_first_beginning_the_first_counts() -> None:
    course = np.array([[1, 0], [0.5, 0.5], [0, 1]], np.float32)
    explanation = Explanation("", np.array([4, 7, 10]), course, np.zeros((1, 10, 25), np.float32))
    answers = [float(explanation.at(frame)[1]) for frame in range(10)]
    assert answers == [0, 0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 1]


def test_scenes_of_a_store_compare_networks(make_run: MakeRun, tiny_store: Store) -> None:
    networks = {stream: stgdn.load(make_run(f"data.stream={stream}", name=stream)) for stream in ("joint", "bone")}
    name = str(tiny_store.clips["name"][5])
    (scene,) = prepared_scenes(networks, tiny_store, [name])
    assert scene.clip.name == name
    assert scene.synthetic
    assert scene.true_class == tiny_store.header.classes[tiny_store.clips["label"][5]]
    assert [explanation.network for explanation in scene.explanations] == ["joint", "bone"]
    expected = networks["bone"].probabilities([tiny_store.joints(5)])[0]
    np.testing.assert_allclose(scene.explanations[1].probabilities, expected, atol=1e-6)
