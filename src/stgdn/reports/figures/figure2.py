"""The letter's Fig. 2 from two runs: joint embeddings, and over-smoothing by layer."""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.build import build_data
from stgdn.errors import InputError, choose
from stgdn.files import file_name
from stgdn.reports.figures.embedding import joint_features, tsne_positions
from stgdn.reports.figures.embedding_figure import Panel
from stgdn.reports.fusion.pairs import Pair, names, other_differences
from stgdn.runs.result import Result
from stgdn.runs.run import Run
from stgdn.training.callbacks.over_smoothing import MEASURES, measure, sample_clips
from stgdn.training.recognizer import load_recognizer


def panels(pair: Pair, chosen: str, device: torch.device, *, clips: int, seed: int) -> list[Panel]:
    """Compute the joint embeddings of both runs on the test clips of the class `chosen`.

    Args:
        pair: the runs.
        chosen: name of the class.
        device: to compute on.
        clips: largest number of clips that over-smoothing is measured on.
        seed: of t-SNE.

    Raises:
        InputError: a number out of range, no such class, no test clip of it, no prepared data, or stores with different
            clips.
    """
    for option, value, least in (("clips", clips, 1), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{option}={value} must be a whole number from {least} up")
    drawn = [
        _panel(run, result, name, chosen, device, clips, seed)
        for (run, result), name in zip(pair, names(pair), strict=True)
    ]
    first, second = (set(panel.features.clips.tolist()) for panel in drawn)
    if first != second:
        raise InputError(
            f"the runs' stores hold different clips of this class ({len(first)} and {len(second)}, "
            f"{len(first & second)} in both): prepare the data once for both, and say with data_root= where it is"
        )
    return drawn


def _panel(run: Run, result: Result, name: str, chosen: str, device: torch.device, clips: int, seed: int) -> Panel:
    data = build_data(run.config)
    label = class_label(data, chosen)
    recognizer = load_recognizer(run.config, run.last_checkpoint)
    features = joint_features(recognizer.network, data, label, device)
    bodies, joints = features.values.shape[:2]
    print(f"{name}: {len(set(features.clips.tolist()))} clips, {bodies} bodies, {bodies * joints:,} joints to lay out")
    smoothing = measure(recognizer.network, sample_clips(data, clips, label).to(device), data.layout.bones)
    title = f"{name}: recipe {result.recipe}, {result.epochs} epochs, seed {result.seed}, test top-1 {result.top1:.1f}"
    return Panel(name, title, data.layout, features, tsne_positions(features, seed), smoothing)


def class_label(data: SkeletonData, name: str) -> int:
    """Return the label of a class, from 0.

    Raises:
        InputError: no such class (the message suggests the nearest name), or no test clip of it.
    """
    classes = list(data.store.header.classes)
    label = classes.index(choose(name, classes, "class"))
    if not (data.store.clips["label"][data.splits["test"]] == label).any():
        raise InputError(f"no test clip is of class '{name}': choose another one")
    return label


def title(pair: Pair, chosen: str) -> str:
    """Return the title of the picture: data, stream, class; synthetic data are marked."""
    result = pair[0][1]
    synthetic = " (synthetic people)" if result.synthetic else ""
    return (
        f"{result.data}{synthetic}, stream {result.stream}, class '{chosen}': joints at the last graph layer, by t-SNE"
    )


def caption(pair: Pair, drawn: Sequence[Panel], clips: int) -> str:
    """Return the caption: how the features were computed, and other differences between the runs than the network."""
    measured = min(clips, len(set(drawn[0].features.clips.tolist())))
    sentences = [
        "Features behind the last graph layer's ReLU, averaged over the frames in which a body is seen; t-SNE of each "
        f"run by itself. Over-smoothing was measured on {measured} of these clips."
    ]
    if differences := other_differences(pair):
        sentences.append(f"Besides the networks these differ: {'; '.join(differences)}.")
    return " ".join(sentences)


def default_path(outputs: str, pair: Pair, chosen: str, suffix: str) -> Path:
    """Return the default path of the picture, OUTPUTS/DATA/figure2/STREAM-CLASS-RUN-RUN, and create its folder."""
    result = pair[0][1]
    file_name(result.data, "data")
    words = [result.stream, chosen, *(f"{part.model}-seed{part.seed}" for _, part in pair)]
    folder = Path(outputs) / result.data / "figure2"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (re.sub(r"[^\w.-]+", "_", "-".join(words)) + suffix)


def print_smoothing(panels: Sequence[Panel], note: str) -> None:
    """Print the over-smoothing values of all runs: one row per run and measure, one column per layer."""
    depth = max(len(layers) for panel in panels for layers in panel.smoothing.values())
    table = Table("measure", "run", title="over-smoothing by layer", title_style="bold")
    for number in range(1, depth + 1):
        table.add_column(str(number), justify="right")
    for name in MEASURES:
        for panel in panels:
            *layers, last = (f"{value:.3g}" for value in panel.smoothing[name])
            table.add_row(name, panel.name, *layers, f"[bold]{last}[/bold]", end_section=panel is panels[-1])
    Console(width=120, highlight=False).print(table)
    print(textwrap.fill(note, 120))
