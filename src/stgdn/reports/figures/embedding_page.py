"""Joint embeddings as one self-contained page; pointing at a joint shows its clip and body."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stgdn.files import replacing
from stgdn.reports.figures.embedding_figure import Panel, joint_colours
from stgdn.training.callbacks.over_smoothing import MEASURES

TEMPLATE = Path(__file__).with_name("embedding.html")


def embedding_page(panels: Sequence[Panel], title: str, note: str) -> str:
    """Return HTML with the panels, the colours of joints and the over-smoothing values.

    Args:
        panels: one per run.
        title: of the page.
        note: how the panels were made.
    """
    layout = panels[0].layout
    clips = sorted({name for panel in panels for name in panel.features.clips.tolist()})
    content = {
        "title": title,
        "note": note,
        "joints": layout.joints,
        "parents": layout.parents,
        "colours": joint_colours(layout),
        "clips": clips,
        "panels": [_panel(panel, clips) for panel in panels],
        "numbers": [
            {"measure": name, "run": panel.name, "layers": [f"{value:.3g}" for value in panel.smoothing[name]]}
            for name in MEASURES
            for panel in panels
        ],
    }
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")  # a name cannot end the script
    return TEMPLATE.read_text(encoding="utf-8").replace("CONTENT", text, 1)


def _panel(panel: Panel, clips: list[str]) -> dict[str, Any]:
    """Return positions from 0 to 1, joint by joint and body by body, and (clip, number) of each body."""
    positions = panel.positions.reshape(-1, 2)
    low, extent = positions.min(axis=0), np.ptp(positions, axis=0).max()
    margin = (extent - np.ptp(positions, axis=0)) / 2
    x, y = np.round((positions - low + margin) / (extent or 1), 4).T.tolist()
    owners = zip(panel.features.clips.tolist(), panel.features.bodies.tolist(), strict=True)
    return {"title": panel.title, "x": x, "y": y, "bodies": [[clips.index(name), body] for name, body in owners]}


def write_page(path: Path, page: str) -> None:
    """Write a page; a failed write leaves no file."""
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
