"""Networks that nobody has trained, clips of the demo, and scenes of them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.inference.conftest import make_run, run  # noqa: F401 (fixtures)

import stgdn
from stgdn.data.clip import Clip
from stgdn.data.store.store import Store
from stgdn.inference.classifier import TrainedNetwork
from stgdn.player.scenes import Explanation, Scene, stored_clip
from stgdn.skeleton import NTU25, Layout


@pytest.fixture
def network(run: Path) -> TrainedNetwork:  # noqa: F811
    """Of joints on the demo, untrained."""
    return stgdn.load(run)


@pytest.fixture
def clip(tiny_store: Store) -> Clip:
    """The first clip of the demo."""
    return stored_clip(tiny_store, 0)


def joints_of(layout: Layout, bodies: int, frames: int, seed: int = 0) -> NDArray[np.float32]:
    """Random joints (M, T, V, C) that measure about a metre."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, (bodies, frames, layout.num_joints, 3)).astype(np.float32)


def made_up(
    name: str = "wave",
    *,
    layout: Layout = NTU25,
    bodies: int = 2,
    frames: int = 12,
    label: int = 2,
    classes: tuple[str, ...] = tuple(f"action {letter}" for letter in "abcdefgh"),
    networks: tuple[str, ...] = ("st_gdn, joint",),
    synthetic: bool = True,
    seed: int = 0,
) -> Scene:
    """A scene that no network was asked about. The second body comes in the sixth frame."""
    generator = np.random.default_rng(seed)
    present = np.ones((bodies, frames), np.bool_)
    present[1:, : frames // 2] = False
    joints = joints_of(layout, bodies, frames, seed) * present[..., None, None]
    joints[1:] += present[1:, :, None, None] * np.float32(0.3)
    ends = np.array([1, frames // 2, frames])
    explanations = []
    for network in networks:
        course = generator.dirichlet(np.ones(len(classes)), len(ends)).astype(np.float32)
        saliency = generator.uniform(0, 1, (bodies, frames, layout.num_joints)) * present[..., None]
        saliency /= saliency.max()
        explanations.append(Explanation(network, ends, course, saliency.astype(np.float32)))
    clip = Clip(name, label, joints, present)
    return Scene(clip, layout, classes, label, synthetic, tuple(explanations))
