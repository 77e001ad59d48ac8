"""Table of all models: layers, parameters, FLOPs."""

from collections.abc import Sequence

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from stgdn.model.complexity import Complexity, complexity
from stgdn.model.network import Network

Measured = tuple[Network, Complexity]


def measure_networks(choices: Sequence[DictConfig]) -> list[Measured]:
    """Build the networks of configs and return them with parameters and FLOPs, most FLOPs first."""
    networks: list[Network] = [instantiate(choice.model) for choice in choices]
    return sorted(((network, complexity(network)) for network in networks), key=lambda pair: -pair[1].flops)


def heading(config: DictConfig, networks: Sequence[Measured]) -> str:
    """Return the title of the table: data, number of classes, clip shape."""
    C, T, V, M = networks[0][1].clip_shape
    return f"{config.data.name}: {config.data.num_classes} classes, clip (C, T, V, M) = ({C}, {T}, {V}, {M})"


def print_layouts(networks: Sequence[Measured], title: str) -> None:
    """Print a row for every network."""
    table = Table(
        "model", "blocks", "channels", "strides", "parameters", "GFLOP a clip", title=title, title_style="bold"
    )
    for column in table.columns[4:]:
        column.justify = "right"
    for network, cost in networks:
        rows = (network.block_names, network.channels, network.strides)
        table.add_row(network.name, *map(shorten, rows), f"{cost.parameters:,}", f"{cost.flops / 1e9:.2f}")
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
