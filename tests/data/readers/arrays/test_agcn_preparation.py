"""Undoing what 2s-AGCN's preparation did: where a body repeats itself, and clips that were not prepared so.

What comes back of whole clips is in `test_agcn_arrays.py`.
"""

import numpy as np
from tests.data.array_files import walk

from stgdn.data.readers.arrays.agcn_preparation import period, restore
from stgdn.skeleton import NTU25, OPENPOSE18


def test_period() -> None:
    body = walk(50)
    moving = np.cumsum(np.ones((50, 1, 3), np.float32), axis=0)
    for frames in (1, 7, 25, 49):
        repeated = body[np.arange(50) % frames]
        assert period(repeated, 1) == frames
        assert period(repeated + moving, 1) == frames
        repeated[-1] += walk(1, 2)[0]
        assert period(repeated, 1) == 50
    assert period(body, 1) == 50
    late = body.copy()
    late[:10] = late[40:] = 0
    assert period(late, 1) == 50


def test_what_was_not_prepared_this_way_stays() -> None:
    bodies = np.stack([walk(40), walk(40, 1)])
    np.testing.assert_array_equal(restore(bodies, NTU25), bodies)
    bodies[0, :, NTU25.centre] = 0
    assert not np.array_equal(restore(bodies, NTU25), bodies)
    flat = bodies[:, :, :18].copy()
    flat[0, :, OPENPOSE18.centre] = 0
    np.testing.assert_array_equal(restore(flat, OPENPOSE18), flat)
