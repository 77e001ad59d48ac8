"""From the config of a benchmark to its results: a JSON record, tables as Markdown and a picture."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf
from torch.utils.benchmark import set_torch_threads

from stgdn.benchmark.candidates import Candidate, as_list, candidates, compose
from stgdn.benchmark.charts import networks_figure, scaling_figure
from stgdn.benchmark.feeding import feeding
from stgdn.benchmark.networks import measure_networks, measure_scaling
from stgdn.benchmark.scale import scale
from stgdn.benchmark.synthetic_clips import CLIPS
from stgdn.benchmark.tables import Record, networks_page, scaling_tables
from stgdn.benchmark.timing import machine
from stgdn.benchmark.training import training
from stgdn.benchmark.workload import MEASURES, PRECISIONS, Workload
from stgdn.data.store.parse import available_cores
from stgdn.data.store.store import PRECISIONS as STORE_PRECISIONS
from stgdn.errors import InputError, choose
from stgdn.files import DAMAGE, around, file_name, matching, write_json
from stgdn.model.network import COMPILE_MODES
from stgdn.skeleton import layout

ROUNDS = {"feeding": 50, "scale": 50, "networks": 9, "scaling": 3, "training": 200, "report": 1}
COUNTS = ("rounds", "clips", "workers", "frames", "batch", "threads")
TRAINING_CLIPS = 20_000  # in what=training's store
AXES = ("frames", "batch", "joints")
PLAINEST = "agcn"  # its config tells the clips that all networks are given
CLIP = ("in_channels", "frames", "layout", "bodies", "num_classes")  # options of a network that depend on the clips


class Results(NamedTuple):
    """Hold results of a benchmark: Markdown, its section on a page, and a picture with its path if there is one."""

    text: str
    section: str
    figure: Figure | None = None
    picture: Path | None = None


def run(config: DictConfig, overrides: Sequence[str] = ()) -> Results:
    """Measure what a config says; `overrides`, what was given, are for the record.

    Raises:
        InputError: an unknown word, a number out of range, or a page that has no place for the results.
    """
    what = choose(config.what, ROUNDS, "benchmark")
    for name in COUNTS:
        if config[name] is not None and (not isinstance(config[name], int) or config[name] < 1):
            raise InputError(f"{name}={config[name]} must be a whole number from 1 up")
    section = "networks" if what == "report" else what
    if config.write is not None:
        around(config.write, section)
    rounds = config.rounds or ROUNDS[what]
    if what in ("feeding", "scale"):
        return Results(_measure_data(config, what, rounds), section)
    if what == "report":
        return Results(networks_page(read(as_list(config["from"]))), section)
    if what == "training":
        return Results(_measure_training(config, rounds), section)
    record = _measure_networks(config, what, rounds, overrides)
    path = Path(config.outputs) / f"{record['name']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)
    if what == "networks":
        return Results(networks_page([record]), section, networks_figure(record), path.with_suffix(".png"))
    return Results(scaling_tables(record), section, scaling_figure(record), path.with_suffix(".png"))


def _measure_data(config: DictConfig, what: str, rounds: int) -> str:
    """Measure feeding, or a large store, in a folder that is removed afterwards."""
    precision = choose(config.precision, STORE_PRECISIONS, "precision")
    if config.folder is not None and not Path(config.folder).is_dir():
        raise InputError(f"folder={config.folder} is not a folder: make it, or leave it out for a temporary one")
    with tempfile.TemporaryDirectory(prefix="stgdn-benchmark-", dir=config.folder) as folder:
        if what == "feeding":
            return feeding(Path(folder), config.clips or 2000, rounds)
        return scale(Path(folder), config.clips or CLIPS, precision, config.workers, rounds)


def _chosen(config: DictConfig) -> tuple[list[Candidate], Workload, list[str]]:
    """Return the networks of a config, the clips that they are given, and the options of all of them but T."""
    run_by, common = _run_by(config), [f"data.frames={config.frames}"]
    common += shlex.split(config.overrides) if isinstance(config.overrides, str) else config.overrides
    chosen = candidates(OmegaConf.to_container(config), common)  # pyright: ignore[reportArgumentType]
    workload = Workload(*_clips(chosen, compose(PLAINEST, common)), config.batch, config.pairs, **run_by)
    return chosen, workload, common[1:]


def _measure_training(config: DictConfig, steps: int) -> str:
    """Measure training steps of all networks, each fed from a store of its own that is removed afterwards."""
    chosen, workload, _ = _chosen(config)
    clips, tables = config.clips or TRAINING_CLIPS, []
    with set_torch_threads(workload.threads):
        for candidate in chosen:
            with tempfile.TemporaryDirectory(prefix="stgdn-benchmark-", dir=config.folder) as folder:
                tables.append(training(Path(folder), clips, candidate, workload, steps, config.workers))
    return "\n\n".join(tables)


def _measure_networks(config: DictConfig, what: str, rounds: int, overrides: Sequence[str]) -> Record:
    """Measure networks at one size or at several, and return the record."""
    measures, axes = _measures(config.measures), _axes(config.scaling)
    kind = choose(config.scaling.measure, MEASURES, "measure")
    chosen, workload, options = _chosen(config)
    baseline = choose(config.baseline or chosen[0].name, [one.name for one in chosen], "baseline")
    compiled = "compiled" if workload.compile is True else workload.compile or "eager"
    speed = f"{workload.precision}-{compiled}"
    name = config.name or f"{what}-{workload.device}-T{config.frames}-N{config.batch}-{speed}"
    record = {
        "what": what,
        "name": file_name(name, "name"),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "command": shlex.join(["python", "src/benchmark.py", *overrides]),
        "commit": commit(),
        "machine": machine(workload.device),
        "overrides": options,
        "rounds": rounds,
    } | asdict(workload)
    with set_torch_threads(workload.threads):
        if what == "networks":
            record |= {"kinds": measures, "baseline": baseline}
            return record | measure_networks(chosen, workload, measures, rounds, memory=config.memory)
        return record | {"kind": kind, "axes": axes} | measure_scaling(chosen, workload, axes, kind, rounds)


def _run_by(config: DictConfig) -> dict[str, Any]:
    """Return how networks are run, as arguments of `Workload`; a GPU is taken where there is one."""
    precision = choose(config.precision, PRECISIONS, "precision of networks")
    device, found = choose(config.device, ("auto", "cpu", "cuda"), "device"), torch.cuda.is_available()
    if device == "cuda" and not found:
        raise InputError(
            f"device=cuda: torch {torch.__version__} finds no GPU here; give device=cpu, or use another machine"
        )
    if not 0 <= config.pairs <= 1:
        raise InputError(f"pairs={config.pairs} is no share of clips: give a number from 0 to 1")
    device = ("cuda" if found else "cpu") if device == "auto" else device
    if precision == "tf32" and device == "cpu":
        raise InputError("precision=tf32 is a precision of GPUs: give float32 or bf16, or device=cuda")
    if isinstance(config.compile, str):
        choose(config.compile, COMPILE_MODES, "mode of compiling")
    threads = config.threads or int(os.environ.get("OMP_NUM_THREADS", 0)) or available_cores()
    return {"device": device, "precision": precision, "compile": config.compile, "threads": threads}


def _measures(given: Any) -> list[str]:  # noqa: ANN401
    chosen = {choose(one, MEASURES, "measure") for one in as_list(given)}
    if not chosen:
        raise InputError(f"measures is empty: give some of {', '.join(MEASURES)}")
    return [measure for measure in MEASURES if measure in chosen]


def _axes(given: DictConfig) -> dict[str, list[int]]:
    axes = {name: as_list(given[name]) for name in AXES}
    for name, sizes in axes.items():
        if any(not isinstance(size, int) or size < 1 for size in sizes):
            raise InputError(f"scaling.{name}={sizes} must be whole numbers from 1 up")
    return {name: sorted(set(sizes)) for name, sizes in axes.items() if sizes}


def _clips(chosen: Sequence[Candidate], common: Mapping[str, Any]) -> tuple[tuple[int, int, int, int], int]:
    """Return (C, T, V, M) of the clips that all networks are given, and the number of classes."""
    C, T, joints, M, classes = expected = tuple(common[key] for key in CLIP)
    for candidate in chosen:
        if candidate.kind != "module" and (found := tuple(candidate.config[key] for key in CLIP)) != expected:
            raise InputError(
                f"'{candidate.name}' takes clips and gives classes (C, T, layout, M, classes) = {found}, others "
                f"{expected}: set what differs for all, with frames=64 or overrides='\"data=nw_ucla\"'"
            )
    return (C, T, layout(joints).num_joints, M), classes


def commit() -> str | None:
    """Return the commit of this repository, with `+` where files differ from it; None where there is no repository."""
    command = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--exclude=*",
        "--abbrev=12",
        "--dirty=+",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def read(places: Sequence[str]) -> list[Record]:
    """Return the records of what=networks in files, or patterns such as `outputs/bench/*.json`; others are left out.

    Raises:
        InputError: no such file, or one that is no record.
    """
    paths = [path for place in places for path in matching(place) if path.exists()]
    networks = []
    for path in (path for path in paths if not path.name.startswith(".")):  # a dot: written at this moment
        try:
            record = json.loads(path.read_text())
        except DAMAGE as error:
            raise InputError(f"{path} cannot be read as a benchmark's figures: {error}") from None
        if not isinstance(record, dict) or not {"what", "name", "rows"} <= record.keys():
            raise InputError(f"{path} holds no figures of src/benchmark.py: name files of outputs/bench")
        networks += [record] if record["what"] == "networks" else []
    if not networks:
        raise InputError(
            f"from={','.join(places)}: no file with figures of what=networks; measure some with make bench"
        )
    return sorted(networks, key=lambda one: (one["device"], one["clip_shape"][1], one["precision"], one["name"]))
