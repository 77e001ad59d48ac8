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
from stgdn.player.scenes import FPS, Reading, Scene
from stgdn.player.view import BODIES, CLASSES, RAMP, positions
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
    known = [scene for scene in scenes if scene.truth is not None]
    sentences = [f"{count}."]
    for name in dict.fromkeys(reading.network for scene in known for reading in scene.readings):
        right = sum(
            scene.label in reading.top(1) for scene in known for reading in scene.readings if reading.network == name
        )
        sentences.append(f"{name or 'The network'} is right on {right} of {len(known)}.")
    if fake := sum(scene.synthetic for scene in scenes):
        all_fake = fake == len(scenes)
        sentences.append("Synthetic people, nobody who exists." if all_fake else "Some people are synthetic.")
    return " ".join(sentences)


def page_content(scenes: Sequence[Scene]) -> Content:
    """Return a page's data: `clips`, the `skeletons` and lists of `classes` that they share, and `colours`."""
    skeletons: list[Content] = []
    classes: list[list[str]] = []
    clips = []
    for scene in scenes:
        indices = {"skeleton": _index(skeletons, _skeleton(scene.layout)), "classes": _index(classes, [*scene.classes])}
        clips.append(_clip_content(scene) | indices)
    colours = {"ramp": RAMP, "bodies": BODIES, "classes": CLASSES}
    return {"clips": clips, "skeletons": skeletons, "classes": classes, "colours": colours, "fps": FPS}


def _index(items: list[Any], item: Any) -> int:  # noqa: ANN401
    """Return the index of an item in a list, and append it if it is new."""
    if item not in items:
        items.append(item)
    return items.index(item)


def _skeleton(layout: Layout) -> Content:
    """Return a layout's joints, bones (child, parent), and whether it is flat."""
    return {"joints": [*layout.joints], "bones": [*map(list, layout.bones)], "flat": layout.planar}


def _clip_content(scene: Scene) -> Content:
    """Return a clip: `name`, `label`, `synthetic`, `shape` (M, T, V), packed `places`, their `unit`, and `readings`."""
    M, T, V = scene.clip.joints.shape[:3]
    packed, unit = _pack_positions(positions(scene.clip, scene.layout))
    return {
        "name": scene.clip.name,
        "label": None if scene.truth is None else scene.label,
        "synthetic": scene.synthetic,
        "shape": [M, T, V],
        "unit": unit,
        "places": packed,
        "readings": [_reading_content(reading, scene.label) for reading in scene.readings],
    }


def _reading_content(reading: Reading, label: int) -> Content:
    """Return a network's likeliest classes and the right one, their probabilities over time, and saliency."""
    shown = reading.top(TOP)
    right = label if label in range(reading.course.shape[1]) else shown[0]
    rank = reading.top(reading.course.shape[1]).index(right) + 1
    shown += [] if right in shown else [right]
    return {
        "network": reading.network,
        "shown": shown,
        "rank": rank,
        "ends": reading.ends.tolist(),
        "course": [[round(float(share), 3) for share in row] for row in reading.course[:, shown].T],
        "saliency": _text(np.rint(255 * reading.saliency).astype(np.uint8)),
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
