"""Scenes as data of a page, and as its text."""

import base64
import json
import re

import numpy as np
import pytest
from tests.player.conftest import made_up

from stgdn.player.page import page, page_content, summary
from stgdn.player.scenes import Scene
from stgdn.player.view import positions
from stgdn.skeleton import COCO17

EVIL = "</script><script>window.hacked = 1</script>"


def unpacked(text: str, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind).reshape(shape)


@pytest.mark.parametrize("scene", [made_up(), made_up(layout=COCO17)], ids=["space", "flat"])
def test_a_page_holds_what_the_scene_does(scene: Scene) -> None:
    (clip,) = page_content([scene])["clips"]
    shape = scene.clip.joints.shape[:3]
    assert tuple(clip["shape"]) == shape
    found = unpacked(clip["places"], "<i2", (*shape, 3)).astype(np.float64)
    found[found == -32768] = np.nan
    np.testing.assert_allclose(found * clip["unit"], positions(scene.clip, scene.layout), atol=clip["unit"])
    (reading,) = clip["readings"]
    saliency = unpacked(reading["saliency"], "u1", shape) / 255
    np.testing.assert_allclose(saliency, scene.explanations[0].saliency, atol=1 / 500)
    course = scene.explanations[0].course
    best = sorted(range(8), key=lambda number: -course[-1, number])
    assert reading["shown"] == best[:5] + ([2] if 2 not in best[:5] else [])
    assert reading["rank"] == best.index(2) + 1
    np.testing.assert_allclose(np.transpose(reading["course"]), course[:, reading["shown"]], atol=6e-4)


def test_skeletons_and_classes_stand_once() -> None:
    content = page_content([made_up("a"), made_up("b"), made_up("c", layout=COCO17)])
    assert [clip["skeleton"] for clip in content["clips"]] == [0, 0, 1]
    assert [skeleton["flat"] for skeleton in content["skeletons"]] == [False, True]
    assert len(content["classes"]) == 1


def test_names_cannot_break_out_of_the_page() -> None:
    classes = tuple(f"{EVIL}{number}" for number in range(8))
    text = page([made_up(EVIL, classes=classes, networks=(EVIL,))], title=EVIL)
    assert EVIL not in text
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["clips"][0]["name"] == EVIL


def test_the_summary_counts() -> None:
    known, unknown = made_up("a", synthetic=False), made_up("b", label=-1)
    right = known.explanations[0].top(1) == [2]
    assert (
        summary([known, unknown]) == f"2 clips. st_gdn, joint is right on {int(right)} of 1. Some people are synthetic."
    )
    assert summary([unknown]) == "1 clip. Synthetic people, nobody who exists."
