"""Table of all models: layers, parameters, FLOPs."""

from collections.abc import Sequence

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import nn

from stgdn.model.complexity import Complexity, complexity
from stgdn.model.network import Network
from stgdn.runs.own_classes import make_network
from stgdn.skeleton import layout

Measured = tuple[str, nn.Module, Complexity]  # name, network, cost


def measure_networks(choices: Sequence[DictConfig]) -> list[Measured]:
    """Build the networks of configs and return them with parameters and FLOPs, most FLOPs first."""
    measured = []
    for choice in choices:
        data = choice.data
        network, V = make_network(choice.model), layout(data.input_layout).num_joints
        cost = complexity(network, (data.in_channels, data.frames, V, data.bodies))
        measured.append((str(choice.model.name), network, cost))
    return sorted(measured, key=lambda one: -one[2].flops)


def heading(config: DictConfig, networks: Sequence[Measured]) -> str:
    """Return the title of the table: data, number of classes, clip shape."""
    C, T, V, M = networks[0][2].clip_shape
    return f"{config.data.name}: {config.data.num_classes} classes, clip (C, T, V, M) = ({C}, {T}, {V}, {M})"


def print_layouts(networks: Sequence[Measured], title: str) -> None:
    """Print a row for every network."""
    table = Table(
        "model", "blocks", "channels", "strides", "parameters", "GFLOP a clip", title=title, title_style="bold"
    )
    for column in table.columns[4:]:
        column.justify = "right"
    for name, network, cost in networks:
        rows = [[type(network).__name__], [], []]
        if isinstance(network, Network):
            rows = [network.block_names, network.channels, network.strides]
        table.add_row(name, *map(shorten, rows), f"{cost.parameters:,}", f"{cost.flops / 1e9:.2f}")
    Console(width=130, markup=False, emoji=False).print(table)


def shorten(values: Sequence[object]) -> str:
    """Return a row in short form: `64×4 128 256×2`."""
    parts: list[tuple[object, int]] = []
    for value in values:
        if parts and parts[-1][0] == value:
            parts[-1] = (value, parts[-1][1] + 1)
        else:
            parts.append((value, 1))
    return " ".join(f"{value}×{count}" if count > 1 else f"{value}" for value, count in parts)
