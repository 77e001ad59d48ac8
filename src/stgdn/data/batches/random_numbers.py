"""The random numbers of a clip in an epoch: six are drawn, further ones are made from the last of these.

All are uniform from 0 to 1 and a function of (seed, epoch, index of the clip), whoever asks for them and when.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Draws = NDArray[np.float64]

SHARE, PLACE, KEY = 0, 1, 5  # columns of the draws (N, 6): how much of a clip, where in it, what `more` starts from
TURN = slice(2, 5)  # about x, y, z


class Purpose(IntEnum):
    """What further numbers are for; each purpose has its own."""

    JITTER = 0
    CAMERA = 1


def more(draws: Draws, count: int, purpose: Purpose) -> Draws:
    """Further uniform numbers (N, count) for the clips of draws (N, 6).

    SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) with its state at the clip's key: number i is a function of key and
    i alone, so that all of a batch are made at once.
    """
    step = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(int(purpose) << 32)
    state = (draws[:, KEY] * 2**53).astype(np.uint64)[:, None] + step * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2**-53
