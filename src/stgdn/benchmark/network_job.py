"""From the config of a benchmark of networks to a record, its tables and its picture."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf

from stgdn.benchmark import devices, network_tables, records
from stgdn.benchmark.candidates import Candidate, Variant, candidates, compose
from stgdn.benchmark.charts import networks_figure, scaling_figure
from stgdn.benchmark.measures import MEASURES, PRECISIONS, Setting
from stgdn.benchmark.networks import compare, load_of
from stgdn.benchmark.scaling import scaling
from stgdn.benchmark.scaling_table import scaling_table
from stgdn.benchmark.timing import threads
from stgdn.errors import InputError, choose
from stgdn.files import file_name

PLAINEST = "agcn"  # its config tells the clips that all are given
SIZES = ("frames", "batch", "joints")


def say(what: str) -> None:
    """Tell what is being done, beside the figures."""
    print(what, file=sys.stderr, flush=True)


def setting_of(config: DictConfig) -> Setting:
    """Settings that networks are run with.

    Raises:
        InputError: a device that is not there, or an unknown precision.
    """
    precision = choose(config.precision, PRECISIONS, "precision of networks")
    return Setting(devices.device(config.device), precision, config.compile, devices.thread_count(config.threads))


def networks(config: DictConfig, rounds: int, overrides: Sequence[str]) -> tuple[str, Figure, Path]:
    """Measure networks side by side and write the record; returns its tables, its picture and the picture's place."""
    setting, kinds = setting_of(config), _kinds(config.measures)
    if not 0 <= config.pairs <= 1:
        raise InputError(f"pairs={config.pairs} is no share of clips: give a number from 0 to 1")
    common = _common(config)
    chosen = candidates(OmegaConf.to_container(config), common)  # pyright: ignore[reportArgumentType]
    baseline = choose(config.baseline or chosen[0].name, [one.name for one in chosen], "baseline")
    load = load_of(chosen, compose(PLAINEST, common), config.batch, config.pairs)
    record = _begun(config, setting, overrides) | {
        "what": "networks",
        "clip_shape": load.clip_shape,
        "classes": load.classes,
        "batch": load.batch,
        "pairs": load.pairs,
        "kinds": kinds,
        "rounds": rounds,
        "baseline": baseline,
        "overrides": common[1:],
    }
    with threads(setting.threads):
        record |= compare(chosen, load, setting, kinds, rounds, with_memory=config.memory, say=say)
    path = records.save(record, Path(config.outputs))
    text = "\n\n".join([network_tables.section(record), *network_tables.targets([record])])
    return text, networks_figure(record), path.with_suffix(".png")


def scaled(config: DictConfig, rounds: int, overrides: Sequence[str]) -> tuple[str, Figure, Path]:
    """Measure networks at several sizes, write the record; returns its table, its picture and the picture's place."""
    setting = setting_of(config)
    kind = choose(config.scaling.measure, MEASURES, "measure")
    axes = {name: _sizes(name, config.scaling[name]) for name in SIZES if config.scaling[name]}
    common = _common(config)
    chosen = _variants(candidates(OmegaConf.to_container(config), common))  # pyright: ignore[reportArgumentType]
    load = load_of(chosen, compose(PLAINEST, common), config.batch, config.pairs)
    sizes = {"frames": load.clip_shape[1], "batch": load.batch, "joints": load.clip_shape[2]}
    letters = {"frames": "T", "batch": "N", "joints": "V"}
    record = _begun(config, setting, overrides) | {
        "what": "scaling",
        "kind": kind,
        "axes": axes,
        "rounds": rounds,
        "pairs": load.pairs,
        "fixed": {
            name: ", ".join(f"{letters[other]} = {size}" for other, size in sizes.items() if other != name)
            for name in axes
        },
    }
    with threads(setting.threads):
        record |= scaling(chosen, axes, setting, kind, load.batch, load.pairs, rounds, say=say)
    path = records.save(record, Path(config.outputs))
    return scaling_table(record), scaling_figure(record), path.with_suffix(".png")


def report(config: DictConfig) -> str:
    """The page's tables from files of figures."""
    return network_tables.page(records.read(config["from"]))


def _common(config: DictConfig) -> list[str]:
    """Options for all networks of this repository."""
    given = config.overrides
    return [f"data.frames={config.frames}", *(shlex.split(given) if isinstance(given, str) else given)]


def _begun(config: DictConfig, setting: Setting, overrides: Sequence[str]) -> records.Record:
    speed = f"{setting.precision}-{'compiled' if setting.compile else 'eager'}"
    name = config.name or f"{config.what}-{setting.device}-T{config.frames}-N{config.batch}-{speed}"
    return {"name": file_name(name, "name")} | records.origin(setting, overrides)


def _kinds(given: str | Sequence[str]) -> list[str]:
    kinds = [given] if isinstance(given, str) else list(given)
    if not kinds:
        raise InputError(f"measures is empty: give some of {', '.join(MEASURES)}")
    return [kind for kind in MEASURES if kind in [choose(one, MEASURES, "measure") for one in kinds]]


def _sizes(name: str, given: Any) -> list[int]:  # noqa: ANN401
    sizes = [given] if isinstance(given, int) else list(given)
    if any(not isinstance(size, int) or size < 1 for size in sizes):
        raise InputError(f"scaling.{name}={sizes} must be whole numbers from 1 up")
    return sorted(set(sizes))


def _variants(chosen: Sequence[Candidate]) -> list[Variant]:
    kept = [candidate for candidate in chosen if isinstance(candidate, Variant)]
    if len(kept) < len(chosen):
        raise InputError(
            "what=scaling builds networks for clips of other sizes, which it cannot do for module=...: leave it out"
        )
    return kept
