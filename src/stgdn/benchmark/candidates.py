"""The networks that are measured side by side: this repository's, the published ones, and users' own."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import hydra
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from stgdn.benchmark import user_module
from stgdn.benchmark.unwhitened import without_whitening
from stgdn.errors import InputError, choose
from stgdn.model.literal_weights import literal_network
from stgdn.model.network import Network
from stgdn.runs.own_classes import make_network
from stgdn.skeleton import layout

SEED = 1
PUBLISHED_BLOCKS = ("gcn", "st_gcn", "st_gcn_pp", "ctr_gcn")  # blocks of networks that were published
# Option of conf/benchmark.yaml: kind of candidate, name in tables.
OPTIONS = {
    "literal": ("literal", "literal {}"),
    "variants": ("variant", "{}"),
    "unwhitened": ("unwhitened", "{} without whitening"),
}


@dataclass(frozen=True)
class Candidate:
    """A network to measure, as plain data: another process can build it, too.

    Attributes:
        name: its name in tables.
        kind: `variant`, this repository's network; `unwhitened`, the same without whitening; `literal`, its published
            form with the same weights; `module`, a user's class.
        config: the composed config of conf/model; for a user's class its `place` (PATH:CLASS) and `options`.
    """

    name: str
    kind: str
    config: Mapping[str, Any]

    def build(self) -> nn.Module:
        """Return the network that maps clips (N, C, T, V, M) to scores (N, classes), its weights drawn from SEED."""
        torch.manual_seed(SEED)
        if self.kind == "module":
            return user_module.load(**self.config)
        network = make_network(self.config)
        if self.kind != "variant" and not isinstance(network, Network):
            raise InputError(f"{self.name}: only the suite's own networks have such a form; give others as variants")
        if self.kind == "literal":
            return published_form(network, self.config["layout"])  # pyright: ignore[reportArgumentType]
        return without_whitening(network) if self.kind == "unwhitened" else network  # pyright: ignore

    def with_config(self, **changed: Any) -> "Candidate":  # noqa: ANN401
        """Return the candidate with other values in its config."""
        return replace(self, config={**self.config, **changed})


def published_form(network: Network, joints: str | Mapping[str, Any]) -> nn.Module:
    """Return the same function with the same weights, computed as its authors published it; ST-GCN without dropout.

    2s-AGCN filters one subset of the graph after the other and computes all bodies alike, also empty ones. `joints` is
    the joint layout that the network was built for.

    Raises:
        InputError: the network has a block that was never published, such as every deconvolution.
    """
    if unpublished := [block for block in network.block_names if block not in PUBLISHED_BLOCKS]:
        raise InputError(
            f"literal={network.name}: block '{unpublished[0]}' has no published form; "
            "give agcn, agcn_7l, st_gcn, st_gcn_pp or ctr_gcn"
        )
    return literal_network(network, layout(joints))


def compose(text: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the config of a network: `text` is a name of conf/model and perhaps its own overrides, `agcn width=0.5`.

    Raises:
        InputError: no such network or option.
    """
    name, *own = shlex.split(text) or [""]
    known = GlobalHydra.instance().config_loader().get_group_options("model")
    choose(name, [option for option in known if option != "shared"], "network")
    try:
        config = hydra.compose("models", [*overrides, f"model={name}", *own])
        return OmegaConf.to_container(config.model, resolve=True)  # pyright: ignore[reportReturnType]
    except (HydraException, OmegaConfBaseException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"variant '{text}' with {list(overrides)}: {reason}; give options as for src/train.py"
        ) from None


def candidates(config: Mapping[str, Any], overrides: Sequence[str]) -> list[Candidate]:
    """Return all networks that a benchmark's config names, in the order of the table.

    `overrides` are options of src/train.py for all networks of this repository.
    """
    chosen = [
        Candidate(title.format(text), kind, compose(text, overrides))
        for option, (kind, title) in OPTIONS.items()
        for text in as_list(config[option])
    ]
    chosen += _user_modules(as_list(config["module"]), config["module_options"])
    names = [candidate.name for candidate in chosen]
    if not names:
        raise InputError("nothing to measure: give variants=[agcn,st_gdn], literal=[agcn] or module=PATH:CLASS")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"'{twice[0]}' is to be measured twice: name every network once")
    return chosen


def _user_modules(places: list[str], options: Any) -> Iterable[Candidate]:  # noqa: ANN401
    given = options if isinstance(options, list) else [options or {}] * len(places)
    if wrong := [entry for entry in given if not isinstance(entry, Mapping)]:
        raise InputError(
            f"module_options={wrong[0]} is not {{OPTION:VALUE,...}}: give module_options='{{num_class:60}}'"
        )
    if len(given) != len(places):
        raise InputError(
            f"module_options has {len(given)} entries and module {len(places)}: give {{OPTION:VALUE,...}} for all of "
            "them, or a list with one for each"
        )
    classes = [user_module.split(place)[1] for place in places]
    for place, name, made_with in zip(places, classes, given, strict=True):
        unique = name if classes.count(name) == 1 else place
        yield Candidate(unique, "module", {"place": place, "options": dict(made_with)})


def as_list(given: Any) -> list:  # noqa: ANN401
    """Return one word or number, or a list, as a list."""
    if given is None:
        return []
    return [given] if isinstance(given, str | int) else list(given)
