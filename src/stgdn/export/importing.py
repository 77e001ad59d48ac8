"""Weights that the published code of 2s-AGCN or ST-GCN has trained, in our networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from stgdn.data.build import complete
from stgdn.data.facts import names as listed
from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError
from stgdn.export.published_file import digest, read_published
from stgdn.export.published_names import ORIGINS, Origin
from stgdn.inference.preprocessing import Preprocessing
from stgdn.inference.trained import TrainedNetwork, class_names
from stgdn.model.network import Network
from stgdn.model.spatial import MaskedGCN

SHOWN = 6  # differences of a kind
UNCOUNTED = ".num_batches_tracked"  # a number that nothing here uses, and that files of before PyTorch 0.4.1 lack


def import_weights(path: Path, config: DictConfig) -> TrainedNetwork:
    """The network of `config.model` with published weights.

    Args:
        path: the published file.
        config: `model` and `data` as for training, and what they refer to.

    Raises:
        InputError: a network that nobody has published weights of, no file of weights, or weights that do not fit.
    """
    if config.data.num_classes is None:
        complete(config.data, open_prepared(config.data.store))
    plain: Any = OmegaConf.to_container(config, resolve=True)
    network: Network = instantiate(plain["model"])
    origin = origin_for(network)
    network.load_state_dict(renamed(read_published(path), network, origin, path.name))
    told = {"paper": origin.paper, "code": origin.code, "file": path.name, "sha256": digest(path)}
    made = OmegaConf.create({"model": plain["model"], "data": plain["data"], "epochs": 0, "origin": told})
    classes = known_classes(made.data)
    return TrainedNetwork(network.eval(), tuple(classes), Preprocessing.of(made.data), made, path, epoch=0)


def origin_for(network: Network) -> Origin:
    """The published code that has such a network.

    Raises:
        InputError: none has.
    """
    blocks = set(network.block_names)
    for origin in ORIGINS:
        if blocks == {origin.filters}:
            return origin
    raise InputError(
        f"{network.name} has blocks {', '.join(sorted(blocks))}, of which there are no published weights: "
        f"say {' or '.join(f'model={each.model} for those of {each.paper}' for each in ORIGINS)}"
    )


def renamed(weights: Mapping[str, Tensor], network: Network, origin: Origin, file: str) -> dict[str, Tensor]:
    """Published weights as a state dict of `network`.

    Raises:
        InputError: some are missing, unexpected or of another shape, or the skeleton's graph is another one; the
            sentence lists them.
    """
    expect_origin(weights, network, origin, file)
    own = network.state_dict()
    made = {name: origin.made(name) for name in own}
    wanted = {each: name for name, part in made.items() for each in part.names}
    missing = [each for each in wanted if each not in weights and not each.endswith(UNCOUNTED)]
    unexpected = [name for name in weights if name not in wanted and name not in origin.leftover]
    state, shapes = {}, []
    for name, part in made.items():
        if not all(each in weights for each in part.names):
            state[name] = own[name]
            continue
        joined = joined_or_none([weights[each] for each in part.names], part.join)
        if joined is None or joined.shape != own[name].shape:
            theirs = " and ".join(dict.fromkeys(str(tuple(weights[each].shape)) for each in part.names))
            shapes.append(f"{part.names[0]} {theirs} for {name} {tuple(own[name].shape)}")
        state[name] = joined
    differences = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    told = [f"{len(found)} {what}: {_some(found)}" for what, found in differences if found]
    if told:
        raise InputError(f"{file} does not fit {network.name} as {origin.paper} names it: {'; '.join(told)}")
    expect_same_graph(weights.get("A"), network, file)
    return state


def expect_origin(weights: Mapping[str, Tensor], network: Network, origin: Origin, file: str) -> None:
    """Check that weights are not those of the other published network.

    Raises:
        InputError: they are.
    """
    for each in ORIGINS:
        if each is not origin and each.mark in weights:
            raise InputError(
                f"{file} is a file of {each.paper}, and {network.name} takes those of {origin.paper}: "
                f"say model={each.model}"
            )


def joined_or_none(parts: list[Tensor], join: Any) -> Tensor | None:  # noqa: ANN401
    """Published weights as one of ours, or None where their shapes do not allow it."""
    try:
        return join(parts)
    except (RuntimeError, IndexError):
        return None


def expect_same_graph(graph: Tensor | None, network: Network, file: str) -> None:
    """Check that ST-GCN's adjacency (K, V, V), where a file has it, is that of our network.

    Raises:
        InputError: it is another one: other joints, another centre or another partition.
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
    """Names of classes: as the prepared store has them, else as the package lists them for the data set."""
    names = class_names(data)
    if names[0] == "class 0":
        lists = {"ntu60": "actions_ntu120", "ntu120": "actions_ntu120", "kinetics": "actions_kinetics400"}
        if data.dataset in lists and len(listed(lists[data.dataset])) >= data.num_classes:
            return list(listed(lists[data.dataset])[: data.num_classes])
    return list(names)


def _some(found: list[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
