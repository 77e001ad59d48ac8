"""Saliency, against differences of the network's scores when a joint is moved."""

import copy
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.inference.conftest import MakeRun
from tests.player.conftest import joints_of

import stgdn
from stgdn.data.clip import Clip
from stgdn.inference.classifier import TrainedNetwork, fuse_networks
from stgdn.player.saliency import saliency
from stgdn.skeleton import COCO17, NTU25

CLASS = 3


def cut(clip: Clip, frames: int) -> Clip:
    """The first body in the first frames of a clip."""
    return Clip(clip.name, clip.label, clip.joints[:1, :frames].copy(), clip.present[:1, :frames])


def differences(
    network: TrainedNetwork, clip: Clip, chosen: list[tuple[int, int]], step: float = 5e-5
) -> NDArray[np.float64]:
    """The sizes of the gradient with respect to (frame, joint), by moving each either way along each axis.

    The step is small, as many a ReLU is near; so the network computes in double.
    """
    moved = []
    for frame, joint in chosen:
        for axis, way in product(range(3), (step, -step)):
            moved.append(Clip("", 0, clip.joints.copy(), clip.present))
            moved[-1].joints[0, frame, joint, axis] += way
    exact = copy.deepcopy(network.network).double()
    with torch.inference_mode():
        scores = exact(network.inputs(moved).double())[:, CLASS].numpy().reshape(len(chosen), 3, 2)
    return np.linalg.norm((scores[..., 0] - scores[..., 1]) / (2 * step), axis=1)


@pytest.mark.parametrize("stream", ["joint", "bone", "joint_motion", "bone_motion"])
def test_is_the_slope_of_the_score(make_run: MakeRun, clip: Clip, stream: str) -> None:
    # 10 frames in 16: some are seen twice, by the loop. Frame 0 defines the clip's turn and place.
    network = stgdn.load(make_run(f"data.stream={stream}", "data.sampling=loop", "data.crop=1"))
    short = cut(clip, 10)
    found = saliency(network, short, NTU25, CLASS)[0]
    assert found.max() == 1
    order = np.argsort(-found[1:], axis=None)
    places = [np.unravel_index(order[rank], found[1:].shape) for rank in (0, 3, 40, 120)]
    chosen = [(int(frame) + 1, int(joint)) for frame, joint in places]
    sizes = differences(network, short, chosen)
    shares = np.array([found[place] for place in chosen])
    np.testing.assert_allclose(sizes / sizes[0], shares / shares[0], rtol=0.05, atol=0.01)


def test_bodies_and_frames_without_anybody_have_none(network: TrainedNetwork, clip: Clip) -> None:
    joints = np.repeat(clip.joints[:1, :30], 3, axis=0)
    present = np.ones((3, 30), np.bool_)
    present[1, :12] = present[1, 20:] = False  # comes and goes
    joints[1] *= present[1, :, None, None]
    found = saliency(network, Clip("", 0, joints, present), NTU25, CLASS)
    assert found.shape == (3, 30, 25)
    assert (found[0] > 0).all()
    assert (found[1, 12:20] > 0).all()
    assert not found[1][~present[1]].any()
    assert not found[2].any()  # the network looks at two


def test_what_lies_outside_of_the_window_has_none(make_run: MakeRun, clip: Clip) -> None:
    network = stgdn.load(make_run("data.sampling=window", "data.crop=1"))
    found = saliency(network, cut(clip, 40), NTU25, CLASS)[0].max(axis=1)
    assert np.flatnonzero(found).tolist() == list(range(12, 28))  # 16 in the middle of 40


def test_frames_between_those_seen_have_what_lies_between(make_run: MakeRun, clip: Clip) -> None:
    network = stgdn.load(make_run("data.sampling=resize", "data.frames=16"))
    found = saliency(network, cut(clip, 31), NTU25, CLASS)[0]  # every second frame is seen
    np.testing.assert_allclose(found[1::2], (found[:-1:2] + found[2::2]) / 2, atol=1e-6)


def test_streams_fused_are_weighted(make_run: MakeRun, clip: Clip) -> None:
    members = [stgdn.load(make_run(f"data.stream={stream}", name=stream)) for stream in ("joint", "bone")]
    short = cut(clip, 16)
    alone = [saliency(member, short, NTU25, CLASS) for member in members]
    parts = [size * differences(member, short, [_most(size)]) for member, size in zip(members, alone, strict=True)]
    expected = (parts[0] + 3 * parts[1]) / 4
    found = saliency(fuse_networks(members, {"bone": 3.0}), short, NTU25, CLASS)
    np.testing.assert_allclose(found, expected / expected.max(), atol=0.03)


def _most(size: np.ndarray) -> tuple[int, int]:
    """Frame and joint that are looked at most; the first frame, which defines the clip's place, would not do."""
    frame, joint = np.unravel_index(np.argmax(size[0]), size[0].shape)
    assert frame > 0
    return int(frame), int(joint)


def test_joints_of_another_layout_get_their_share(network: TrainedNetwork) -> None:
    clip = network.preprocessing.clip(joints_of(COCO17, 1, 20), COCO17)
    found = saliency(network, clip, COCO17, CLASS)
    assert found.shape == (1, 20, 17)
    assert np.isfinite(found).all()
    assert found.max() == 1
