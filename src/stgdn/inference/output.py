"""Predictions as text: a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

from stgdn.data.clip import UNKNOWN
from stgdn.rounding import fixed

if TYPE_CHECKING:  # commands check the format before they need PyTorch
    from stgdn.inference.predictions import Prediction, Predictions

FORMATS = ("table", "json", "csv")
MIN_CLASS_WIDTH, MAX_NAME_WIDTH = 20, 32  # columns that a class needs, and that a clip's name gets


def format_predictions(predictions: Predictions, form: str, top: int) -> str:
    """Format predictions in one of `FORMATS`, with the `top` likeliest classes of every clip."""
    if form == "table":
        return as_table(predictions, top)
    return as_json(predictions, top) if form == "json" else as_csv(predictions, top)


def as_table(predictions: Predictions, top: int) -> str:
    """Format a row per clip with the classes side by side; the right one, where it is known, is marked with ✓."""
    top = min(top, len(predictions.classes))
    known = predictions.labelled > 0
    longest = min(max((len(clip.name) for clip in predictions.clips), default=0), MAX_NAME_WIDTH)
    name = Column("clip", min_width=longest, overflow="fold")
    table = Table(name, *(["is"] if known else []), *map(str, range(1, top + 1)))
    for clip in predictions.clips:
        label = [_class_name(predictions, clip) or "–"] if known else []
        table.add_row(clip.name, *label, *(_cell(predictions, clip, number) for number in clip.top(top)))
    console = Console(markup=False, emoji=False, highlight=False)
    console.width = max(console.width, longest + MIN_CLASS_WIDTH * (top + known))
    with console.capture() as captured:
        console.print(table)
    return captured.get() + summary(predictions)


def _cell(predictions: Predictions, clip: Prediction, number: int) -> str:
    mark = " ✓" if number == clip.label else ""
    return f"{predictions.classes[number]}\n{fixed(100 * clip.probabilities[number])} %{mark}"


def summary(predictions: Predictions) -> str:
    """Return the accuracy over the labelled clips in a line; '' if no clip has a label."""
    count, top1, top5 = predictions.labelled, predictions.accuracy(), predictions.accuracy(5)
    mean_class = predictions.mean_class()
    if top1 is None or top5 is None or mean_class is None:
        return ""
    more = f", mean class {fixed(100 * mean_class)}"
    if len(predictions.classes) > 5:
        more += f", top-5 {fixed(100 * top5)}"
    clips = "1 clip" if count == 1 else f"{count:,} clips"
    return f"top-1 {fixed(100 * top1)}{more} ({clips} of a known class)\n"


def as_json(predictions: Predictions, top: int) -> str:
    """Format one JSON object: the clips, those that cannot be used, and the accuracy."""
    clips = [
        {
            "clip": clip.name,
            "file": clip.file,
            "is": _class_name(predictions, clip),
            "top": _top(predictions, clip, top),
        }
        for clip in predictions.clips
    ]
    content = {
        "clips": clips,
        "labelled": predictions.labelled,
        "top1": predictions.accuracy(),
        "mean_class": predictions.mean_class(),
        "top5": predictions.accuracy(5),
        "unusable": [{"clip": name, "reason": reason} for name, reason in predictions.unusable],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def as_csv(predictions: Predictions, top: int) -> str:
    """Format a row per clip: name, file, label, and class and probability by rank."""
    top = min(top, len(predictions.classes))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ranks = [f"{what}_{rank}" for rank in range(1, top + 1) for what in ("class", "probability")]
    writer.writerow(["clip", "file", "is", *ranks])
    for clip in predictions.clips:
        pairs = (value for row in _top(predictions, clip, top) for value in row.values())
        writer.writerow([clip.name, clip.file, _class_name(predictions, clip) or "", *pairs])
    return text.getvalue()


def _class_name(predictions: Predictions, clip: Prediction) -> str | None:
    return None if clip.label == UNKNOWN else predictions.classes[clip.label]


def _top(predictions: Predictions, clip: Prediction, top: int) -> list[dict[str, Any]]:
    return [
        {"class": predictions.classes[number], "probability": round(float(clip.probabilities[number]), 6)}
        for number in clip.top(top)
    ]
