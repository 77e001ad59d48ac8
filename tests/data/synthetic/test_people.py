import numpy as np
import pytest

from stgdn.data.synthetic.actions import CHOREOGRAPHY
from stgdn.data.synthetic.people import perform
from stgdn.skeleton import NTU25

TWO_PEOPLE = (50, 58, 59, 60)
FEET = (15, 19)


def distance(world: np.ndarray) -> np.ndarray:
    """Metres between the hips of two people, (T,)."""
    return np.linalg.norm(world[0, :, 0] - world[1, :, 0], axis=-1)


@pytest.mark.parametrize("action", CHOREOGRAPHY)
def test_clean_motion(action: int) -> None:
    for subject, replication in ((1, 1), (7, 2), (10, 1)):
        world = perform(action, subject, replication)
        assert world.shape[0] == (2 if action in TWO_PEOPLE else 1)
        child, parent = np.array(NTU25.bones).T
        lengths = np.linalg.norm(world[:, :, child] - world[:, :, parent], axis=-1)
        np.testing.assert_allclose(lengths, lengths[:, :1].repeat(world.shape[1], axis=1), atol=1e-9)
        assert lengths.min() > 0.02
        soles = world[:, :, FEET, 1]
        assert soles.min() > 0
        assert soles.min(axis=-1).max() < 0.12  # nobody flies: one foot is always down
        head = world[:, :, 3, 1]
        assert np.all((head > 0.5) & (head < 2))


@pytest.mark.parametrize("subject", [1, 3, 6])
def test_two_people_stand_at_a_plausible_distance(subject: int) -> None:
    for action in (50, 58):
        gap = distance(perform(action, subject))
        assert gap.min() > 0.4
        assert gap.max() < 1.5
    towards, apart = distance(perform(59, subject)), distance(perform(60, subject))
    assert towards[0] - towards[-1] > 0.8
    assert apart[-1] - apart[0] > 0.8
    assert min(towards.min(), apart.min()) > 0.4


def test_hands_meet_in_a_handshake() -> None:
    world = perform(58, 1)
    assert np.linalg.norm(world[0, :, 11] - world[1, :, 11], axis=-1).min() < 0.2


@pytest.mark.parametrize("subject", [1, 4, 10])
def test_sitting_down_lowers_the_hips_and_standing_up_raises_them(subject: int) -> None:
    sitting, standing = (perform(action, subject)[0, :, 0, 1] for action in (8, 9))
    assert sitting[0] - sitting[-1] > 0.25
    assert standing[-1] - standing[0] > 0.25


def test_knees_bend_forwards() -> None:
    joints = perform(8, 2)[0, -1]
    forward = joints[15] - joints[14]
    assert np.dot(joints[13] - (joints[12] + joints[14]) / 2, forward) > 0
