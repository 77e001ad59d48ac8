"""Folders of finished runs, made without training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from stgdn.runs.scores import Scores

CLASSES = np.asarray([f"action {letter}" for letter in "abcdefg"])
CLIPS = 60
SUMMARY: dict[str, Any] = {
    "data": "demo",
    "synthetic": True,
    "model": "st_gdn",
    "stream": "joint",
    "seed": 1,
    "recipe": "demo",
    "epochs": 16,
    "test_top1": 50.0,
    "parameters": 2_170_125,
    "flops": 27_290_000_000,
    "clip_shape": [3, 300, 25, 2],
    "command": "python src/train.py",
}


def labels() -> NDArray[np.int64]:
    """Return the true classes of the clips."""
    return np.random.default_rng(0).integers(0, len(CLASSES), CLIPS)


def scores(
    stream: str = "joint",
    seed: int = 0,
    order: NDArray[np.intp] | None = None,
    **changed: Any,  # noqa: ANN401
) -> Scores:
    """Return scores that are mostly right, of clips in a given order."""
    order = np.arange(CLIPS) if order is None else order
    values = np.random.default_rng([seed, len(stream)]).normal(size=(CLIPS, len(CLASSES)))
    values[np.arange(CLIPS), labels()] += 1
    content: dict[str, Any] = {
        "names": np.asarray([f"clip{number:02d}" for number in range(CLIPS)])[order],
        "labels": labels()[order],
        "scores": values.astype(np.float32)[order],
        "classes": CLASSES,
        "stream": stream,
        "split": "test",
    }
    return Scores(**content | changed)


def run(
    outputs: Path,
    *,
    name: str | None = None,
    config: dict[str, Any] | None = None,
    **changed: Any,  # noqa: ANN401
) -> Path:
    """Write the folder of a finished run with the values of SUMMARY and changes; top-1 is that of its scores."""
    summary: dict[str, Any] = SUMMARY | changed
    folder = outputs / summary["data"] / summary["model"] / summary["stream"]
    folder /= name or f"{summary['recipe']}-seed{summary['seed']}"
    folder.mkdir(parents=True)
    made = scores(summary["stream"], summary["seed"])
    made.save(folder / "scores.npz")
    if "command" not in changed:
        summary["command"] = f"python src/train.py model={summary['model']} data.stream={summary['stream']}"
    if "test_top1" not in changed:
        summary |= {"test_top1": 100 * made.accuracy(), "test_top5": 100 * made.accuracy(5)}
    names = {"data": {"name": summary["data"], "stream": summary["stream"]}, "model": {"name": summary["model"]}}
    content = OmegaConf.merge({"seed": summary["seed"], "epochs": summary["epochs"]}, names, config or {})
    OmegaConf.save(content, folder / "config.yaml")
    (folder / "metrics.csv").write_text("epoch,train/loss,val/loss\n1,2.5,\n2,1.25,\n")
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder
