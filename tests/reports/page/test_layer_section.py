"""Layers of a run in the page: graphs, and covariances before and after whitening."""

import base64
import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reports.page.pages import JOINTS, K, V, arrays, covariance, save

from stgdn.errors import InputError
from stgdn.reports.page.layer_section import block_means, layer_content, pack
from stgdn.training.callbacks.over_smoothing import effective_rank


def content(folder: Path, layers: dict[str, NDArray]) -> dict[str, Any]:
    save(folder / "layers.npz", layers)
    return layer_content(folder / "layers.npz")


def unpacked(packed: dict[str, Any]) -> NDArray[np.float64]:
    whole = np.frombuffer(base64.b64decode(packed["data"]), "<i2")
    return packed["unit"] * whole.reshape(packed["shape"])


def test_the_skeleton_and_its_graph(tmp_path: Path) -> None:
    given = arrays()
    found = content(tmp_path, given)
    assert found["skeleton"]["joints"] == list(JOINTS)
    assert found["skeleton"]["bones"] == [(1, 0), (2, 1), (3, 1), (4, 1)]
    np.testing.assert_allclose(unpacked(found["physical"]), given["physical"], atol=1e-4)
    for number, layer in enumerate(found["layers"], 1):
        assert layer["number"] == number
        np.testing.assert_allclose(unpacked(layer["graphs"]["learned"]), given[f"layer{number}.learned"], atol=1e-4)


def test_a_mask_is_shown_as_what_it_adds(tmp_path: Path) -> None:
    given = arrays(layers=1)
    mask = given.pop("layer1.learned") + 2
    (layer,) = content(tmp_path, given | {"layer1.edge_mask": mask})["layers"]
    changed = unpacked(layer["graphs"]["learned"])
    np.testing.assert_allclose(given["physical"] + changed, given["physical"] * mask, atol=1e-3)


def test_a_second_graph_has_a_name_of_its_own(tmp_path: Path) -> None:
    given = arrays(layers=1)
    given["layer1.own_learned"] = given["layer1.learned"] * 2
    (layer,) = content(tmp_path, given)["layers"]
    assert list(layer["graphs"]) == ["learned", "learned, the second filter's"]


def test_an_exact_root_whitens(tmp_path: Path) -> None:
    last = content(tmp_path, arrays(layers=2, frames=8))["layers"][-1]
    for axis, size in (("node", V), ("frame", 8)):
        found = last["whitened"][axis]
        assert (found["size"], found["block"]) == (size, 1)
        np.testing.assert_allclose(unpacked(found["after"]["matrix"]), np.eye(size), atol=1e-4)
        np.testing.assert_allclose(found["after"]["eigenvalues"], 1, rtol=1e-3)
        assert found["after"]["rank"] == pytest.approx(size, abs=1e-3)
        before = covariance(size, 2)
        assert found["before"]["rank"] == pytest.approx(effective_rank(torch.from_numpy(before)), abs=1e-3)
        assert sum(found["before"]["eigenvalues"]) == pytest.approx(before.trace(), rel=1e-3)
        assert found["before"]["eigenvalues"] == sorted(found["before"]["eigenvalues"], reverse=True)


def test_many_frames_are_shown_in_blocks_and_stay_small(tmp_path: Path) -> None:
    layers = content(tmp_path, arrays(layers=1, frames=150))
    found = layers["layers"][0]["whitened"]["frame"]
    assert (found["size"], found["block"]) == (150, 2)
    assert found["before"]["matrix"]["shape"] == [75, 75]
    assert len(json.dumps(layers)) < 60_000


def test_a_layer_without_anything_keeps_its_number(tmp_path: Path) -> None:
    given = {name: values for name, values in arrays(layers=3).items() if not name.startswith("layer2.")}
    layers = content(tmp_path, given)["layers"]
    assert [layer["number"] for layer in layers] == [1, 2, 3]
    assert layers[1] == {"number": 2, "graphs": {}, "whitened": {}}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"parents": np.array([0, 0, 1])}, "joints have no parents"),
        ({"parents": np.array([0, 2, 1, 1, 1])}, "go around in a circle"),
        ({"parents": np.array([0, 0, 1, 1, 9])}, "joints have no parents"),
        ({"layer1.learned": np.full((K, V, V), np.nan)}, "layer1.learned holds values that are no finite numbers"),
        ({"layer1.learned": np.zeros((K, V))}, r"has the shape \(3, 5\)"),
        ({"layer1.node.root": np.zeros((2, 2))}, "not a file of layers"),
        ({"layer1.node.covariance": np.array(["x"])}, "no finite numbers"),
        ({"layer3.frame.covariance": np.eye(3)}, "layer3.*frame.root|frame.root"),
    ],
)
def test_something_else_is_told(tmp_path: Path, changed: dict[str, NDArray], told: str) -> None:
    with pytest.raises(InputError, match=told):
        content(tmp_path, arrays() | changed)


@settings(max_examples=40)
@given(st.binary(max_size=200), st.integers(0, 3000))
def test_any_bytes_are_layers_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, junk: bytes, place: int) -> None:
    path = tmp_path_factory.mktemp("junk") / "layers.npz"
    save(path, arrays(layers=1))
    whole = path.read_bytes()
    for damaged in (junk, whole[:place], whole[:place] + junk + whole[place + len(junk) :]):
        path.write_bytes(damaged)
        with suppress(InputError):
            layer_content(path)


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
