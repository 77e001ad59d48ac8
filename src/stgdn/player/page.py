"""A page that plays scenes: one HTML file that needs no network and no other file."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.files import replacing
from stgdn.player.html_file import HtmlFile
from stgdn.player.scenes import FPS, Explanation, Scene
from stgdn.player.view import BODIES, CLASSES, RAMP, positions
from stgdn.rounding import fixed
from stgdn.skeleton import Layout

PAGE = HtmlFile.read("stgdn.player", ("clip", "stage", "chart", "answers", "page"))
TITLE = "What a network says of clips, and what it looks at"
TOP = 5
LEVELS = 32767  # of a coordinate, either side of the middle
MISSING = -32768  # a joint that is not found, or of an absent body

Content = dict[str, Any]


def write_page(scenes: Sequence[Scene], path: Path, title: str = TITLE, subtitle: str = "") -> None:
    """Write one HTML file that plays clips, at least one, and needs nothing else; whole or not at all.

    Args:
        scenes: of the clips.
        path: of the file.
        title: of the page.
        subtitle: text below the title, before the number of clips.
    """
    with replacing(path) as temporary:
        temporary.write_text(page(scenes, title, subtitle), encoding="utf-8")


def page(scenes: Sequence[Scene], title: str = TITLE, subtitle: str = "") -> str:
    """Return the page as text; arguments as of `write_page`."""
    heading = f"<h1>{escape(title)}</h1>\n<p>{escape(f'{subtitle} {summary(scenes)}'.strip())}</p>"
    parts = {"title": escape(title), "header": f"<header>\n{heading}\n</header>"}
    return PAGE.text(page_content(scenes), parts)


def frame() -> str:
    """Return the page without a heading, for a frame of another page; replace `{{data}}` by `page_content`."""
    return PAGE.frame({"title": escape(TITLE), "header": ""})


def summary(scenes: Sequence[Scene]) -> str:
    """Return sentences: the number of clips, how many each network has right, and whether people are synthetic."""
    count = "1 clip" if len(scenes) == 1 else f"{len(scenes):,} clips"
    known = [scene for scene in scenes if scene.true_class is not None]
    sentences = [f"{count}."]
    explained = [(scene, explanation) for scene in known for explanation in scene.explanations]
    for name in dict.fromkeys(explanation.network for _, explanation in explained):
        right = sum(scene.label in each.top(1) for scene, each in explained if each.network == name)
        sentences.append(f"{name or 'The network'} is right on {right} of {len(known)}.")
    if fake := sum(scene.synthetic for scene in scenes):
        all_fake = fake == len(scenes)
        sentences.append("Synthetic people, nobody who exists." if all_fake else "Some people are synthetic.")
    return " ".join(sentences)


def page_content(scenes: Sequence[Scene]) -> Content:
    """Return a page's data: `clips`, the `skeletons` and lists of `classes` that they share, and `colours`."""
    layouts = list(dict.fromkeys(scene.layout for scene in scenes))
    classes = list(dict.fromkeys(scene.classes for scene in scenes))
    return {
        "clips": [
            _clip_content(scene) | {"skeleton": layouts.index(scene.layout), "classes": classes.index(scene.classes)}
            for scene in scenes
        ],
        "skeletons": [_skeleton(layout) for layout in layouts],
        "classes": classes,
        "colours": {"ramp": RAMP, "bodies": BODIES, "classes": CLASSES},
        "fps": FPS,
    }


def _skeleton(layout: Layout) -> Content:
    """Return a layout's joints, bones (child, parent), and whether it is flat."""
    return {"joints": [*layout.joints], "bones": [*map(list, layout.bones)], "flat": layout.planar}


def _clip_content(scene: Scene) -> Content:
    """Return a clip: `name`, `label`, `synthetic`, `shape` (M, T, V), packed `places`, their `unit`, and `readings`."""
    M, T, V = scene.clip.joints.shape[:3]
    packed, unit = _pack_positions(positions(scene.clip, scene.layout))
    return {
        "name": scene.clip.name,
        "label": None if scene.true_class is None else scene.label,
        "synthetic": scene.synthetic,
        "shape": [M, T, V],
        "unit": unit,
        "places": packed,
        "readings": [_explanation_content(explanation, scene.label) for explanation in scene.explanations],
    }


def _explanation_content(explanation: Explanation, label: int) -> Content:
    """Return a network's likeliest classes and the right one, their probabilities over time, and saliency."""
    shown = explanation.top(TOP)
    right = label if label in range(explanation.course.shape[1]) else shown[0]
    rank = explanation.top(explanation.course.shape[1]).index(right) + 1
    shown += [] if right in shown else [right]
    return {
        "network": explanation.network,
        "shown": shown,
        "rank": rank,
        "ends": explanation.ends.tolist(),
        "course": [[float(fixed(share, 3)) for share in row] for row in explanation.course[:, shown].T],
        "saliency": _text(np.rint(255 * explanation.saliency).astype(np.uint8)),
    }


def _pack_positions(positions: NDArray[np.floating]) -> tuple[str, float]:
    """Return positions (M, T, V, 3), NaN where missing, as base64 of 16-bit integers, and the size of their unit.

    Rounding moves a position by at most half a unit, a 65,534th of the largest coordinate.
    """
    unit = float(np.nanmax(np.abs(positions), initial=0)) / LEVELS or 1.0
    whole = np.where(np.isnan(positions), MISSING, np.rint(np.nan_to_num(positions) / unit)).astype("<i2")
    return _text(whole), unit


def _text(values: NDArray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
