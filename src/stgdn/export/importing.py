"""Import of weights that the published code of 2s-AGCN, ST-GCN or CTR-GCN has trained."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from stgdn.data.build import complete
from stgdn.data.official_lists import official_list
from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError
from stgdn.export.published_names import ORIGINS, Origin, WeightSource
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.load import class_names
from stgdn.inference.preprocessing import Preprocessing
from stgdn.model.network import Network
from stgdn.model.spatial import MaskedGCN
from stgdn.runs.own_classes import make_network
from stgdn.runs.weights_file import read_weights

MAX_LISTED = 6  # names in a message
BATCH_COUNT = ".num_batches_tracked"  # not used here, and missing in files from before PyTorch 0.4.1
WRAPPED = "module."  # prefix that torch.nn.DataParallel puts before every name
NESTED = ("state_dict", "model_state_dict", "model")


def import_weights(path: Path, config: DictConfig) -> TrainedNetwork:
    """Build the network of `config.model` with published weights.

    Args:
        path: the published file.
        config: `model` and `data` as for training, and the options that they refer to.
    """
    if config.data.num_classes is None:
        complete(config.data, open_prepared(config.data.store))
    plain: Any = OmegaConf.to_container(config, resolve=True)
    network = make_network(plain["model"])
    if not isinstance(network, Network):
        raise InputError(f"model={config.model.name} has no published file of weights that is known here")
    origin = origin_for(network)
    network.load_state_dict(to_state_dict(read_published(path), network, origin, path.name))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    provenance = {"paper": origin.paper, "code": origin.code, "file": path.name, "sha256": digest}
    made = OmegaConf.create({"model": plain["model"], "data": plain["data"], "epochs": 0, "origin": provenance})
    classes = known_classes(made.data)
    return TrainedNetwork(network.eval(), tuple(classes), Preprocessing.of(made.data), made, path, epoch=0)


def origin_for(network: Network) -> Origin:
    """Return the published code that has such a network.

    Raises:
        InputError: no published code has it.
    """
    blocks = set(network.block_names)
    for origin in ORIGINS:
        if blocks == {origin.filters}:
            return origin
    raise InputError(
        f"{network.name} has blocks {', '.join(sorted(blocks))}, of which there are no published weights: "
        f"say {' or '.join(f'model={each.model} for those of {each.paper}' for each in ORIGINS)}"
    )


def read_published(path: Path) -> dict[str, Tensor]:
    """Read the weights of a file, by their published names; nothing pickled in it is run.

    Raises:
        InputError: it holds something other than weights.
    """
    content = read_weights(path, "file of weights")
    for key in NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(part, Tensor) for part in content.values()):
        raise InputError(f"{path} is no state dict: give a file that maps names to weights, such as the published .pt")
    names = [str(name) for name in content]
    cut = len(WRAPPED) if all(name.startswith(WRAPPED) for name in names) else 0
    return {name[cut:]: tensor for name, tensor in zip(names, content.values(), strict=True)}


def to_state_dict(weights: Mapping[str, Tensor], network: Network, origin: Origin, file: str) -> dict[str, Tensor]:
    """Return published weights as a state dict of `network`.

    Raises:
        InputError: weights are of another published network, missing, unexpected or of another shape, or the graph
            is another one; the message lists them.
    """
    for other in ORIGINS:
        if other is not origin and other.mark in weights:
            raise InputError(
                f"{file} is a file of {other.paper}, and {network.name} takes those of {origin.paper}: "
                f"say model={other.model}"
            )
    state, shapes = network.state_dict(), []
    sources = {name: origin.source_of(name) for name in state}
    wanted = [theirs for part in sources.values() for theirs in part.names]
    missing = [name for name in wanted if name not in weights and not name.endswith(BATCH_COUNT)]
    unexpected = [name for name in weights if name not in {*wanted, *origin.leftover}]
    for name, part in sources.items():
        if all(each in weights for each in part.names):
            joined = join_or_none(weights, part)
            if joined is None or joined.shape != state[name].shape:
                theirs = " and ".join(dict.fromkeys(str(tuple(weights[each].shape)) for each in part.names))
                shapes.append(f"{part.names[0]} {theirs} for {name} {tuple(state[name].shape)}")
            else:
                state[name] = joined
    differences = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    problems = [f"{len(found)} {what}: {_shortened(found)}" for what, found in differences if found]
    if problems:
        raise InputError(f"{file} does not fit {network.name} as {origin.paper} names it: {'; '.join(problems)}")
    expect_same_graph(weights.get("A"), network, file)
    return state


def join_or_none(weights: Mapping[str, Tensor], source: WeightSource) -> Tensor | None:
    """Join published weights into one of ours; None if their shapes do not allow it."""
    try:
        return source.join([weights[name] for name in source.names])
    except (RuntimeError, IndexError):
        return None


def expect_same_graph(graph: Tensor | None, network: Network, file: str) -> None:
    """Check that ST-GCN's adjacency (K, V, V), if the file has it, is that of our network.

    Raises:
        InputError: it differs: other joints, another centre or another partition.
    """
    filters = [part for part in network.modules() if isinstance(part, MaskedGCN)]
    if graph is None or not filters:
        return
    own = filters[0].physical
    if graph.shape != own.shape or not torch.allclose(graph.to(own), own, atol=1e-6):
        raise InputError(
            f"{file} was trained on another graph than {network.name} has: its A {tuple(graph.shape)} differs from "
            f"ours {tuple(own.shape)}; choose data= with the same joints, and weights of the spatial strategy"
        )


def known_classes(data: DictConfig) -> list[str]:
    """Return class names: as the prepared store has them, else as the package lists them for the data set."""
    names = class_names(data)
    if names[0] == "class 0":
        lists = {"ntu60": "actions_ntu120", "ntu120": "actions_ntu120", "kinetics": "actions_kinetics400"}
        if data.dataset in lists and len(official_list(lists[data.dataset])) >= data.num_classes:
            return list(official_list(lists[data.dataset])[: data.num_classes])
    return list(names)


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
