"""Made-up runs of networks that differ in depth, whitening and block."""

from pathlib import Path
from typing import Any

from tests.reports.made_up import run

from stgdn.reports.findings.variants import trained_alike
from stgdn.reports.tables.comparison import Runs, grouped_runs
from stgdn.runs.result import Result, collect_runs

CLIPS = {"train": 1020, "test": 464}


def network_run(
    outputs: Path,
    model: str,
    *,
    seed: int = 1,
    layers: int = 7,
    blocks: object = "gcn",
    whiten: object = "none",
    training: dict[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401
) -> Path:
    """Write a finished run on NW-UCLA; its folder names what differs from the model's config, as a command's does."""
    extras = "".join(f"+model.{key}-{value}" for key, value in (("whiten", whiten),) if value != "none")
    extras += "+model.blocks-pair_norm" if blocks == "pair_norm" else ""
    config = {"model": {"channels": [64] * layers, "blocks": blocks, "whiten": whiten}, "batch_size": 16, "width": 0.5}
    fixed: dict[str, Any] = {"data": "nw_ucla", "synthetic": False, "recipe": "nw_ucla", "epochs": 30, "clips": CLIPS}
    fixed |= {"command": f"python src/train.py model={model} seed={seed} outputs=elsewhere"}
    fixed |= {"name": f"nw_ucla-seed{seed}{extras}", "config": config | (training or {})}
    return run(outputs, model=model, seed=seed, **fixed | changed)


def runs_of(outputs: Path) -> Runs:
    """Return the grouped runs of a folder."""
    return grouped_runs(collect_runs(outputs))[0]


def groups_of(outputs: Path) -> list[list[Result]]:
    """Return the runs of a folder that were trained alike."""
    return trained_alike(runs_of(outputs))


def depth_runs(outputs: Path, seeds: tuple[int, ...] = (1, 2, 3)) -> None:
    """Write runs of two depths: without a remedy 16 layers lose 4 points, whitened 1, with PairNorm 3."""
    for layers, whiten, blocks, top1 in (
        *((7, "none", "gcn", 89.0), (16, "none", "gcn", 85.0)),
        *((7, "node", "gcn", 90.0), (16, "node", "gcn", 89.0)),
        *((7, "none", "pair_norm", 89.0), (16, "none", "pair_norm", 86.0)),
    ):
        for seed in seeds:
            network_run(
                outputs,
                f"agcn_{layers}l",
                seed=seed,
                layers=layers,
                whiten=whiten,
                blocks=blocks,
                test_top1=top1 + 0.1 * seed * (layers == 16),
                smoothing={"mad": [0.9, top1 / 100], "dirichlet": [0.5, 0.1 + layers / 100]},
            )
