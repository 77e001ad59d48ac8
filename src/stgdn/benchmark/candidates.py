"""The networks that are measured side by side: this repository's, the published ones, anybody's.

A candidate is plain data, so that it can be sent to a process of its own and built there.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import hydra
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from stgdn.benchmark import foreign, literal
from stgdn.benchmark.branches import without_whitening
from stgdn.errors import InputError, choose
from stgdn.model.network import Network

SEED = 1


class Candidate(Protocol):
    """Describe a network to measure: a name for the tables, and a function that builds it."""

    @property
    def name(self) -> str:
        """Return its name in tables."""
        ...

    def build(self) -> nn.Module:
        """The network, which maps clips (N, C, T, V, M) to scores (N, classes)."""
        ...


@dataclass(frozen=True)
class Variant:
    """A network of `conf/model`.

    Attributes:
        name: what was typed.
        config: its composed config.
    """

    name: str
    config: Mapping[str, Any]

    def build(self) -> nn.Module:
        """The network, its weights from SEED."""
        return self.network()

    def network(self) -> Network:
        """This repository's network of the config."""
        torch.manual_seed(SEED)
        return instantiate(dict(self.config))


@dataclass(frozen=True)
class Unwhitened(Variant):
    """The same layers and branches without whitening, see `stgdn.benchmark.branches`."""

    def build(self) -> nn.Module:
        """The network, weights from SEED."""
        return without_whitening(self.network())


@dataclass(frozen=True)
class Literal(Variant):
    """The published form of a network, a subset at a time, with the weights of ours."""

    def build(self) -> nn.Module:
        """The network, weights from SEED."""
        return literal.published(self.network(), self.config["layout"])


@dataclass(frozen=True)
class Foreign:
    """Somebody's class; building it runs their code.

    Attributes:
        name: what tables call it.
        place: `PATH:CLASS`.
        options: what the class is made with.
    """

    name: str
    place: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """The network, weights from SEED."""
        torch.manual_seed(SEED)
        return foreign.load(self.place, self.options)


def compose(text: str, overrides: Sequence[str]) -> dict[str, Any]:
    """The config of a network: `text` is a name of conf/model and perhaps overrides of its own, `st_gdn width=0.5`.

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
    """All that a benchmark's config names, in the order of the table.

    Args:
        config: `literal`, `variants`, `unwhitened`, `module` and `module_options`.
        overrides: options of src/train.py for all networks of this repository.

    Raises:
        InputError: none at all, two of one name, or a mistake in one of them.
    """
    chosen: list[Candidate] = []
    for text in _listed(config["literal"]):
        chosen.append(Literal(f"literal {text}", compose(text, overrides)))
    for text in _listed(config["variants"]):
        chosen.append(Variant(text, compose(text, overrides)))
    for text in _listed(config["unwhitened"]):
        chosen.append(Unwhitened(f"{text} without whitening", compose(text, overrides)))
    chosen += _foreign(_listed(config["module"]), config["module_options"])
    names = [candidate.name for candidate in chosen]
    if not names:
        raise InputError("nothing to measure: give variants=[agcn,st_gdn], literal=[agcn] or module=PATH:CLASS")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"'{twice[0]}' is to be measured twice: name every network once")
    return chosen


def _foreign(places: list[str], options: Any) -> list[Foreign]:  # noqa: ANN401
    given = list(options) if isinstance(options, list) else [options or {}] * len(places)
    if wrong := [entry for entry in given if not isinstance(entry, Mapping)]:
        raise InputError(
            f"module_options={wrong[0]} is not {{OPTION:VALUE,...}}: give module_options='{{num_class:60}}'"
        )
    if len(given) != len(places):
        raise InputError(
            f"module_options has {len(given)} entries and module {len(places)}: give {{OPTION:VALUE,...}} for all of "
            "them, or a list with one for each"
        )
    classes = [foreign.split(place)[1] for place in places]
    names = [kind if classes.count(kind) == 1 else place for kind, place in zip(classes, places, strict=True)]
    return [Foreign(name, place, dict(made_with)) for name, place, made_with in zip(names, places, given, strict=True)]


def _listed(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])
