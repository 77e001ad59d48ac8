"""Missing joints, against a loop over single joints and frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stgdn.data.clip import ClipError
from stgdn.data.readers.tracks import fill_missing
from stgdn.skeleton import COCO17, KINECT20, NTU25, Layout


def literal(joints: NDArray, seen: NDArray, layout: Layout, frames: NDArray) -> NDArray:
    """The same, one joint of one frame after the other."""
    filled = np.zeros_like(joints)
    for joint in range(layout.num_joints):
        place = joint
        while not seen[:, place].any():  # up to a joint that was seen, or at the root to the first one
            place = layout.parents[place] if place != layout.root else int(np.argmax(seen.any(axis=0)))
        there = [row for row in range(len(joints)) if seen[row, place]]
        for row in range(len(joints)):
            before = max((other for other in there if other <= row), default=there[0])
            after = min((other for other in there if other >= row), default=there[-1])
            share = (frames[row] - frames[before]) / (frames[after] - frames[before]) if before < row < after else 0
            near = before if before <= row else after
            step = joints[after, place] - joints[before, place]
            filled[row, joint] = joints[near, place] + (share * step if before < row < after else 0)
    return filled


layouts = st.sampled_from([NTU25, COCO17])


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1 << 32), T=st.integers(1, 9), share=st.floats(0, 1), layout=st.sampled_from([NTU25, COCO17])
)
def test_equals_a_literal_loop(seed: int, T: int, share: float, layout: Layout) -> None:
    rng = np.random.default_rng(seed)
    joints = rng.normal(size=(T, layout.num_joints, 3))
    seen = (rng.random((T, layout.num_joints)) < share) & (rng.random(layout.num_joints) < 0.7)
    seen[rng.integers(T), rng.integers(layout.num_joints)] = True
    frames = np.cumsum(rng.integers(1, 5, T))
    given_joints = np.where(seen[..., None], joints, np.nan)
    filled = fill_missing(given_joints, seen, layout, frames)
    np.testing.assert_allclose(filled, literal(joints, seen, layout, frames), atol=1e-12)
    assert np.isnan(given_joints).sum() == 3 * (~seen).sum()


def test_nothing_missing_and_nobody_there() -> None:
    joints = np.ones((4, 20, 3), np.float32)
    assert fill_missing(joints, np.ones((4, 20), np.bool_), KINECT20) is joints
    with pytest.raises(ClipError, match="no body in any frame"):
        fill_missing(joints, np.zeros((4, 20), np.bool_), KINECT20)
