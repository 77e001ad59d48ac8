"""Scenes as plain data for a page, small enough to stand in it."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.player.colours import BODIES, CLASSES, RAMP
from stgdn.player.scenes import FPS, Reading, Scene
from stgdn.player.view import places
from stgdn.skeleton import Layout

TOP = 5
LEVELS = 32767  # of a coordinate, either side of the middle
NOWHERE = -32768  # a joint that is not found, or of a body that is not there

Content = dict[str, Any]


def page_content(scenes: Sequence[Scene]) -> Content:
    """What the page draws: `clips`, the `skeletons` and lists of `classes` that they have in common, and `colours`."""
    skeletons: list[Content] = []
    classes: list[list[str]] = []
    clips = []
    for each in scenes:
        places_in = {"skeleton": _kept(skeletons, skeleton(each.layout)), "classes": _kept(classes, [*each.classes])}
        clips.append(clip_content(each) | places_in)
    colours = {"ramp": RAMP, "bodies": BODIES, "classes": CLASSES}
    return {"clips": clips, "skeletons": skeletons, "classes": classes, "colours": colours, "fps": FPS}


def _kept(shelf: list[Any], thing: Any) -> int:  # noqa: ANN401
    """Where a thing stands on a shelf, put there if it is new."""
    if thing not in shelf:
        shelf.append(thing)
    return shelf.index(thing)


def skeleton(layout: Layout) -> Content:
    """Joints, bones (child, parent), and whether it is flat."""
    return {"joints": [*layout.joints], "bones": [*map(list, layout.bones)], "flat": layout.planar}


def clip_content(scene: Scene) -> Content:
    """A clip: `name`, `label`, `synthetic`, `shape` (M, T, V), packed `places`, their `unit`, and `readings`."""
    M, T, V = scene.clip.joints.shape[:3]
    packed, unit = pack_places(places(scene.clip, scene.layout))
    return {
        "name": scene.clip.name,
        "label": None if scene.truth is None else scene.label,
        "synthetic": scene.synthetic,
        "shape": [M, T, V],
        "unit": unit,
        "places": packed,
        "readings": [reading_content(reading, scene.label) for reading in scene.readings],
    }


def reading_content(reading: Reading, label: int) -> Content:
    """What a network says: its likeliest classes and the right one, their probabilities over time, and saliency."""
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


def pack_places(found: NDArray[np.floating]) -> tuple[str, float]:
    """Places (M, T, V, 3), NaN where nobody is, as base64 of 16-bit integers, and what each unit stands for.

    A place is at most half a unit from where it was, which is a 65,534th of the farthest one.
    """
    unit = float(np.nanmax(np.abs(found), initial=0)) / LEVELS or 1.0
    whole = np.where(np.isnan(found), NOWHERE, np.rint(np.nan_to_num(found) / unit)).astype("<i2")
    return _text(whole), unit


def _text(values: NDArray) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
