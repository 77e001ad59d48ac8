"""Synthetic stores of any size: clips as long as NTU's, plausible people, the same every time."""

from pathlib import Path

import numpy as np
import pytest

from stgdn.benchmark.synthetic_clips import (
    LONGEST,
    MEAN,
    SHORTEST,
    lengths,
    performances,
    synthetic_clips,
    synthetic_store,
    varied,
)
from stgdn.data.store.store import Store

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return synthetic_store(tmp_path_factory.mktemp("synthetic") / "store", 60)


def test_lengths_are_like_ntu() -> None:
    found = lengths(20_000, RNG)
    assert (found.min(), found.max()) == (SHORTEST, LONGEST)
    assert found.mean() == pytest.approx(MEAN, rel=0.02)


def test_bones_keep_their_length_when_a_clip_is_varied() -> None:
    single, pairs = performances(seed=1, per_action=1)
    for performance in (single[0], pairs[0]):
        made = varied(performance, 200, RNG)
        assert made.shape == (len(performance), 200, 25, 3)
        assert made.dtype == np.float32
        for joints in (performance, made):
            thigh = np.linalg.norm(joints[:, :, 12] - joints[:, :, 13], axis=-1)
            np.testing.assert_allclose(thigh.mean(axis=1), 0.24 * 1.7, rtol=0.2)


def test_a_stretched_clip_passes_through_the_same_poses() -> None:
    performance = performances(seed=1, per_action=1)[0][0]
    frames = performance.shape[1]
    made = varied(performance, 2 * frames - 1, RNG)[:, ::2]
    for joints, other in ((3, 0), (7, 1), (15, 8)):  # distances do not depend on turns and places
        first, second = (np.linalg.norm(j[:, :, joints] - j[:, :, other], axis=-1) for j in (performance, made))
        np.testing.assert_allclose(first, second, atol=0.1)


def test_the_store_holds_what_was_asked_for(store: Store) -> None:
    assert len(store) == 60
    assert store.header.synthetic
    assert set((store.clips["frames"] > 0).sum(axis=1)) == {1, 2}
    assert np.isfinite(store.coordinates).all()
    store.verify()


def test_the_same_clips_every_time(store: Store) -> None:
    for index, clip in enumerate(synthetic_clips(60)):
        np.testing.assert_array_equal(store.joints(index)[: len(clip.joints)], clip.joints)


def test_sixteen_bits_are_half_as_large(store: Store, tmp_path: Path) -> None:
    half = synthetic_store(tmp_path / "half", 60, "float16")
    assert 2 * half.coordinates.nbytes == store.coordinates.nbytes
    np.testing.assert_allclose(half.coordinates, store.coordinates, atol=4e-3)
