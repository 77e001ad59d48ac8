"""Matrices in a page: how exact they are, and means of blocks."""

import base64
import struct

import numpy as np
import pytest

from stgdn.reports.page.packing import block_means, pack


@pytest.mark.parametrize(
    "values", [np.random.default_rng(0).normal(size=(3, 4, 4)), np.zeros((2, 2)), np.array([-1e-30])]
)
def test_a_packed_array_comes_back_within_its_error(values: np.ndarray) -> None:
    packed = pack(values)
    data = base64.b64decode(packed["data"])
    whole = struct.unpack(f"<{len(data) // 2}h", data)
    found = np.reshape([packed["unit"] * each for each in whole], packed["shape"])
    np.testing.assert_allclose(found, values, rtol=0, atol=np.abs(values).max() / 65_534 * (1 + 1e-9))


def test_blocks_are_means() -> None:
    matrix = np.random.default_rng(1).normal(size=(11, 11))
    found, block = block_means(matrix, side=4)
    assert block == 3
    for row, rows in enumerate((range(0, 3), range(3, 6), range(6, 9), range(9, 11))):
        for column, columns in enumerate((range(0, 3), range(3, 6), range(6, 9), range(9, 11))):
            entries = [matrix[i, j] for i in rows for j in columns]
            assert found[row, column] == pytest.approx(sum(entries) / len(entries))


def test_a_small_matrix_stays_as_it_is() -> None:
    matrix = np.arange(9.0).reshape(3, 3)
    found, block = block_means(matrix, side=3)
    assert block == 1
    np.testing.assert_array_equal(found, matrix)
