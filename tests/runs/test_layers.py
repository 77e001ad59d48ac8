"""Layer statistics of a run, written and read back."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stgdn.errors import InputError
from stgdn.model.graph import adjacency
from stgdn.model.network import Network
from stgdn.runs.layer_arrays import layer_arrays
from stgdn.runs.layers import load_layers, save_layers
from stgdn.skeleton import KINECT20

V, T = KINECT20.num_joints, 8


def trained_a_little(blocks: str | list[str], style: str = "agcn", **options: Any) -> Network:  # noqa: ANN401
    """Return a network with updated running statistics and changed graphs."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"num_classes": 4, "frames": T, "bodies": 1, "layout": "kinect20"}
    network = Network([8, 8], [1, 2], blocks, style=style, **sizes, **options)
    network(torch.randn(6, 3, T, V, 1))
    for name, parameter in network.named_parameters():
        if name.endswith(("learned", "edge_mask")):
            torch.nn.init.normal_(parameter)
    return network.eval()


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Return the path and the bytes of an intact file of layers."""
    path = tmp_path_factory.mktemp("layers") / "layers.npz"
    save_layers(path, layer_arrays(trained_a_little("gdn_e"), KINECT20))
    return path, path.read_bytes()


def state(network: Network, name: str) -> np.ndarray:
    return network.state_dict()[name].numpy()


def test_whitened_layers_keep_statistics_and_the_root_that_evaluation_uses(tmp_path: Path) -> None:
    network = trained_a_little(["gdcn", "gdn_e"])
    save_layers(tmp_path / "layers.npz", layer_arrays(network, KINECT20))
    arrays = load_layers(tmp_path / "layers.npz")
    sizes = {"layer1.node": V, "layer2.node": V, "layer2.frame": T}
    names = {f"{axis}.{kind}" for axis in sizes for kind in ("mean", "covariance", "root")}
    assert set(arrays) == {"joints", "parents", "physical", "layer1.learned", "layer2.learned"} | names
    for axis, D in sizes.items():
        assert arrays[f"{axis}.mean"].shape == (D,)
        assert arrays[f"{axis}.covariance"].shape == arrays[f"{axis}.root"].shape == (D, D)
    for number in (1, 2):
        module = f"layers.{number - 1}.spatial"
        learned = state(network, f"{module}.adjacency.learned")
        np.testing.assert_array_equal(arrays[f"layer{number}.learned"], learned)
        np.testing.assert_array_equal(
            arrays[f"layer{number}.node.covariance"], state(network, f"{module}.whitening.running_covariance")
        )
    temporal: Any = network.layers[1].temporal
    mean, root = temporal.whitening.transform(torch.zeros(1, 8, T, V))
    np.testing.assert_array_equal(arrays["layer2.frame.root"], root[0].detach().numpy())
    np.testing.assert_array_equal(arrays["layer2.frame.mean"], mean[0].numpy())
    np.testing.assert_array_equal(arrays["physical"], adjacency(KINECT20).numpy())
    assert arrays["joints"].tolist() == list(KINECT20.joints)
    assert arrays["parents"].tolist() == list(KINECT20.parents)


def test_graphs_of_networks_that_whiten_nothing() -> None:
    assert set(layer_arrays(trained_a_little("gcn"), KINECT20)) == {
        *("joints", "parents", "physical", "layer1.learned", "layer2.learned")
    }
    network = trained_a_little("st_gcn", "st_gcn")
    arrays = layer_arrays(network, KINECT20)
    assert set(arrays) == {"joints", "parents", "physical", "layer1.edge_mask", "layer2.edge_mask"}
    np.testing.assert_array_equal(arrays["layer2.edge_mask"], state(network, "layers.1.spatial.edge_mask"))
    np.testing.assert_array_equal(arrays["physical"], adjacency(KINECT20, "spatial").numpy())


def test_what_ctr_gcn_learned_is_the_difference_from_the_skeleton() -> None:
    network = trained_a_little("ctr_gcn")
    network.layers[1].spatial.graph.data[1, 2, 3] += 0.5  # pyright: ignore
    arrays = layer_arrays(network, KINECT20)
    np.testing.assert_array_equal(arrays["physical"], adjacency(KINECT20).mT.numpy())
    assert arrays["layer2.learned"][1, 2, 3] == 0.5
    assert np.count_nonzero(arrays["layer2.learned"]) == 1


def test_what_st_gcn_pp_learned_is_the_difference_from_the_skeleton() -> None:
    network = trained_a_little("st_gcn_pp", "st_gcn_pp")
    network.layers[1].spatial.graph.data[1, 2, 3] += 0.5  # pyright: ignore
    arrays = layer_arrays(network, KINECT20)
    np.testing.assert_array_equal(arrays["physical"], adjacency(KINECT20).numpy())
    assert arrays["layer2.learned"][1, 2, 3] == 0.5
    assert np.count_nonzero(arrays["layer2.learned"]) == 1


def test_filters_with_whitening_in_front_keep_both() -> None:
    arrays = layer_arrays(trained_a_little("st_gcn", "st_gcn", whiten="node+frame"), KINECT20)
    statistics = [f"{axis}.{name}" for axis in ("node", "frame") for name in ("mean", "covariance", "root")]
    expected = [f"layer{number}.{name}" for number in (1, 2) for name in ("edge_mask", *statistics)]
    assert set(arrays) == {"joints", "parents", "physical", *expected}


def test_two_graphs_no_learned_term_and_statistics_of_each_clip() -> None:
    separate = trained_a_little("gdcn", graphs="separate")
    arrays = layer_arrays(separate, KINECT20)
    assert not np.array_equal(arrays["layer1.learned"], arrays["layer1.own_learned"])
    assert "layer1.learned" not in layer_arrays(trained_a_little("gdcn", terms=("physical",)), KINECT20)
    instance = trained_a_little("gdn2", whitening={"statistics": "instance"})
    assert not any("node" in name for name in layer_arrays(instance, KINECT20))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "layers.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"layers\.npz cannot be read"):
        load_layers(path)


@settings(max_examples=200)
@given(where=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), length=st.floats(0, 1) | st.just(1.0))
@pytest.mark.filterwarnings("ignore")  # numpy's about headers that it can barely read
def test_any_byte_may_be_wrong(intact: tuple[Path, bytes], where: float, value: int, length: float) -> None:
    path, content = intact
    changed = bytearray(content)
    changed[int(where * len(content))] = value
    path.write_bytes(changed[: int(length * len(content))])
    with contextlib.suppress(InputError):
        assert load_layers(path).keys() >= {"joints", "physical"}


def test_a_missing_file_and_one_of_something_else_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train that run again"):
        load_layers(tmp_path / "layers.npz")
    np.savez(tmp_path / "scores.npz", scores=np.zeros(3))
    with pytest.raises(InputError, match="not a file of layers"):
        load_layers(tmp_path / "scores.npz")
    np.save(tmp_path / "array.npz", np.zeros(3))
    (tmp_path / "array.npz.npy").rename(tmp_path / "array.npz")
    with pytest.raises(InputError, match="not a file of layers"):
        load_layers(tmp_path / "array.npz")
