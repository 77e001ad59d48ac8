"""Names in checkpoints and in stored configs: with other names, runs of before could not be read."""

import inspect

import pytest
from tests.model.networks import NETWORKS, network

from stgdn.model.backbone import Backbone
from stgdn.model.fold import fold
from stgdn.model.network import Network
from stgdn.model.whitening import Whitening

CONVOLUTION = ["weight", "bias"]
NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
WHITENING = ["running_mean", "running_covariance"]


def below(prefix: str, names: list[str]) -> list[str]:
    return [f"{prefix}.{name}" for name in names]


PROJECTION = below("0", CONVOLUTION) + below("1", NORM)
ADJACENCY = ["learned", "embedding.weight", "embedding.bias"]
GCN = below("spatial.adjacency", ADJACENCY) + below("spatial.theta", CONVOLUTION)
GDN = GCN + below("spatial.whitening", WHITENING)
TCN = below("temporal.theta", CONVOLUTION)
FRAMES = ["temporal.mean", "temporal.matrix"]
NODES, CHANNELS = ["mean", "matrix", "sums"], ["channels.mean", "channels.matrix"]
TDN = TCN + below("temporal.whitening", WHITENING)
REFINED = [name for part in ("embedding", "refinement", "theta") for name in below(f"spatial.{part}", CONVOLUTION)]
BRANCHES = [
    name for part in ("head", "dilated.0", "dilated.1", "point") for name in below(f"temporal.{part}", CONVOLUTION)
]
MIXED = [name for part in ("dilated.2", "dilated.3", "mix") for name in below(f"temporal.{part}", CONVOLUTION)]
FILTERS = {
    "st_gcn": ["spatial.edge_mask", *below("spatial.theta", CONVOLUTION), *TCN],
    "gcn": GCN + TCN,
    "gdn2": GDN + TCN,
    "gdcn": GDN + below("spatial.theta_deconvolution", CONVOLUTION) + TCN,
    "gdn_t": GCN + TDN,
    "gdn_e": GDN + TDN,
    "st_gcn_pp": [
        *("spatial.graph", *below("spatial.theta", CONVOLUTION), *BRANCHES, *MIXED),
        *(*below("temporal.head_norm", NORM), *below("temporal.mix_norm", NORM)),
    ],
    "ctr_gcn": ["spatial.graph", "spatial.alpha", *REFINED, *BRANCHES, *below("temporal.head_norm", NORM)],
}
# Layers, counted from 0, in which channels or frames change: they have projections.
TEN_LAYERS = ("st_gcn", "agcn", "st_gcn_pp", "ctr_gcn")
WIDER = {name: [0, 4, 7] if name in TEN_LAYERS else [0, 4, 5] for name in NETWORKS}
STRIDED = {name: [4, 7] if name in TEN_LAYERS else [4, 5] for name in NETWORKS}


def state_names(name: str) -> list[str]:
    """Return the names in the state of a network, written out by its rows."""
    rows = NETWORKS[name]
    blocks = rows["blocks"] if isinstance(rows["blocks"], list) else [rows["blocks"]] * len(rows["channels"])
    names = below("input_norm", NORM)
    for layer, block in enumerate(blocks):
        layer_names = FILTERS[block] + below("spatial_norm", NORM) + below("temporal_norm", NORM)
        if layer in WIDER[name] and name != "st_gcn":
            layer_names += below("down", PROJECTION)
        if layer in STRIDED[name]:
            layer_names += below("residual", PROJECTION)
        names += below(f"layers.{layer}", layer_names)
    return names + below("classifier", CONVOLUTION)


@pytest.mark.parametrize("name", NETWORKS)
def test_states_have_the_names_of_before(name: str) -> None:
    assert sorted(network(name).state_dict()) == sorted(state_names(name))


def test_weights_have_the_shapes_of_before() -> None:
    state = network("st_gdn").state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["layers.0.spatial.adjacency.learned"] == (3, 20, 20)  # K V V
    assert shapes["layers.0.spatial.adjacency.embedding.weight"] == (2 * 3 * 2, 3, 1, 1)  # φ and ψ, K, C_e
    assert shapes["layers.0.spatial.theta.weight"] == (8, 3, 3)  # C_out K C
    assert shapes["layers.0.spatial.theta.bias"] == (3, 8)
    assert shapes["layers.0.spatial.whitening.running_mean"] == (20,)
    assert shapes["layers.6.temporal.whitening.running_covariance"] == (3, 3)
    assert shapes["layers.0.temporal.theta.weight"] == (8, 8, 9, 1)


FOLDED_FILTERS = {
    "gcn": [*below("spatial.adjacency", ADJACENCY), *below("spatial", CONVOLUTION), *TCN],
    "st_gcn": ["spatial.weight", "spatial.graph", "spatial.level", *TCN],
    "gdn_t": [*below("spatial.adjacency", ADJACENCY), *below("spatial", CONVOLUTION), *TCN, *FRAMES],
    "gdn2": [*below("spatial.adjacency", ADJACENCY), *below("spatial", [*CONVOLUTION, *NODES]), *TCN],
    "gdcn": [*below("spatial.adjacency", ADJACENCY), *below("spatial", [*CONVOLUTION, *NODES]), *TCN],
    "gdn_c": [*below("spatial.adjacency", ADJACENCY), *below("spatial", [*CONVOLUTION, *CHANNELS]), *TCN],
}
FOLDED_FILTERS["ctr_gcn"] = [
    *(name.replace("spatial.", "spatial.0.") for name in ("spatial.graph", "spatial.alpha", *REFINED)),
    *(f"{part}.{value}" for part in ("spatial.1", "temporal.pool.1") for value in ("scale", "shift")),
    *BRANCHES,
]
FOLDED_FILTERS["st_gcn_pp"] = [
    *("spatial.weight", "spatial.graph", "spatial.level", *BRANCHES, *MIXED),
    *("temporal.pool.1.scale", "temporal.pool.1.shift"),
]
FOLDED_SHAPES = {
    "layers.0.spatial.sums": (8, 3),
    "layers.0.spatial.matrix": (20, 20),
    "layers.0.spatial.channels.matrix": (3, 3),
    "layers.0.spatial.graph": (1, 3, 20, 20),
    "layers.0.spatial.level": (8, 1, 20),
    "layers.0.temporal.mean": (1, 9),
    "layers.0.temporal.matrix": (1, 9, 9),
}


@pytest.mark.parametrize("block", FOLDED_FILTERS)
def test_folded_states_have_the_names_of_before(block: str) -> None:
    style = "st_gcn" if block == "st_gcn" else "agcn"
    state = fold(network("agcn_7l", channels=[8], strides=[1], blocks=block, style=style, width=1)).state_dict()
    projection = ["layers.0.down.weight", "layers.0.down.bias"] if style == "agcn" else []
    expected = ["input_norm.scale", "input_norm.shift", *below("layers.0", FOLDED_FILTERS[block]), *projection]
    assert sorted(state) == sorted([*expected, *below("classifier", CONVOLUTION)])
    sizes = 1 if style == "st_gcn" else 2
    assert state["input_norm.scale"].shape == (sizes * 3 * 20, 1)
    assert all(state[name].shape == shape for name, shape in FOLDED_SHAPES.items() if name in state)


def test_options_of_stored_configs_are_known() -> None:
    assert f"{Network.__module__}.{Network.__qualname__}" == "stgdn.model.network.Network"
    required = dict.fromkeys(["channels", "strides", "blocks", "num_classes", "frames"], inspect.Parameter.empty)
    assert options(Backbone) | options(Network) == required | {
        "name": "network",
        "bodies": 2,
        "in_channels": 3,
        "layout": "ntu25",
        "width": 1.0,
        "style": "agcn",
        "terms": ("physical", "learned", "attention"),
        "graphs": "shared",
        "kernel_size": 9,
        "dropout": 0.0,
        "whiten": "none",
        "whitening": None,
        "empty_bodies": "dedup",
        "checkpointing": False,
        "compile": False,
    }
    assert options(Whitening) == dict.fromkeys(["axis", "size"], inspect.Parameter.empty) | {
        "iterations": 5,
        "eps": 1e-2,
        "floor": "relative",
        "statistics": "batch",
        "momentum": 0.1,
        "detach": False,
        "patch": 1,
        "sample_every": 1,
    }


def options(kind: type) -> dict[str, object]:
    """Return names and defaults of the arguments of a constructor, without those that stand for any number."""
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(kind).parameters.items()
    return {name: parameter.default for name, parameter in parameters if parameter.kind not in variadic}
