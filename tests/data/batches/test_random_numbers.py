"""Further random numbers of a clip: a function of its key, uniform, another sequence for every key and purpose."""

import numpy as np
import pytest

from stgdn.data.batches.random_numbers import KEY, Purpose, derive_numbers

MASK = 2**64 - 1


def split_mix(state: int, count: int) -> list[int]:
    """The generator's published code, a number at a time."""
    made = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        made.append(z ^ (z >> 31))
    return made


def random_numbers(keys: list[float]) -> np.ndarray:
    table = np.random.default_rng(0).random((len(keys), 6))
    table[:, KEY] = keys
    return table


def test_the_reference_is_split_mix() -> None:
    assert split_mix(0, 2) == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]  # as everybody's implementation begins


def test_equals_the_published_generator() -> None:
    keys = [0.0, 0.25, 0.7, 1 - 2**-53]
    found = derive_numbers(random_numbers(keys), 20, Purpose.JITTER)
    expected = [[(number >> 11) / 2**53 for number in split_mix(int(key * 2**53), 20)] for key in keys]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("purpose", Purpose)
def test_are_uniform_and_unrelated(purpose: Purpose) -> None:
    found = derive_numbers(random_numbers(np.random.default_rng(1).random(400).tolist()), 50, purpose)
    assert found.min() >= 0
    assert found.max() < 1
    counts = np.histogram(found, bins=10, range=(0, 1))[0]
    np.testing.assert_allclose(counts / found.size, 0.1, atol=0.01)
    for table in (found, found.T):  # between clips, and between the numbers of a clip
        related = np.atleast_2d(np.corrcoef(table)) - np.eye(len(table))
        assert np.abs(related).max() < 0.75
        assert np.sqrt(np.square(related).mean()) < 0.2


def test_purposes_do_not_share_numbers() -> None:
    one, other = (derive_numbers(random_numbers([0.3]), 300, purpose) for purpose in (Purpose.JITTER, Purpose.CAMERA))
    assert not np.isin(one, other).any()
