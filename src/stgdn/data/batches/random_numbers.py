"""The random numbers of a clip in an epoch: six are drawn, further ones are derived from the last of the six.

All are uniform from 0 to 1 and a function of (seed, epoch, index of the clip) alone.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

RandomNumbers = NDArray[np.float64]

NUM_RANDOM = 6  # that are drawn for a clip

# Columns of the random numbers (N, 6); `derive_numbers` starts from KEY.
CROP_LENGTH, CROP_POSITION, KEY = 0, 1, 5
ROTATION = slice(2, 5)  # about x, y, z


class Purpose(IntEnum):
    """The purposes of derived numbers; each purpose has a sequence of its own."""

    JITTER = 0
    CAMERA = 1
    MIRROR = 2


def derive_numbers(random_numbers: RandomNumbers, count: int, purpose: Purpose) -> RandomNumbers:
    """Return further uniform numbers (N, count) for clips, derived from their random numbers (N, 6).

    SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) with its state at the clip's key: number i is a function of key and
    i alone, so that all numbers of a batch are computed at once.
    """
    step = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(int(purpose) << 32)
    state = (random_numbers[:, KEY] * 2**53).astype(np.uint64)[:, None] + step * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2**-53


def random_numbers_at(seed: int, epoch: int, indices: NDArray[np.integer]) -> RandomNumbers:
    """Return rows `indices` of `default_rng([seed, epoch]).random((clips, NUM_RANDOM))` without making the others."""
    bits, at = np.random.PCG64([seed, epoch]), 0
    generator = np.random.Generator(bits)
    rows = np.empty((len(indices), NUM_RANDOM))
    for row, index in zip(rows, indices.tolist(), strict=True):
        bits.advance((index - at) * NUM_RANDOM)
        generator.random(out=row)
        at = index + 1
    return rows
