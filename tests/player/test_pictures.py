"""Scenes as pages, contact sheets and films."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import animation
from PIL import Image
from tests.player.conftest import made_up

from stgdn.errors import InputError
from stgdn.player.page import page, page_content, summary
from stgdn.player.pictures import expect_kind, sheet, spread_frames, write_scenes
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


def test_a_sheet_has_a_row_for_every_clip_and_network(tmp_path: Path) -> None:
    scenes = [made_up(frames=30, networks=("A", "B")), made_up("flat", layout=COCO17, label=-1)]
    figure = sheet(scenes, 5)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles.count("frame 1") == 3
    assert len(figure.axes) == 3 * 5 + 1
    write_scenes(scenes, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 100


def test_short_clips_have_fewer_frames() -> None:
    scene = made_up(frames=30)
    assert spread_frames(scene, 4).tolist() == [0, 10, 19, 29]
    assert spread_frames(made_up(frames=2), 8).tolist() == [0, 1]


def test_a_gif_has_every_second_frame(tmp_path: Path) -> None:
    scenes = [made_up(frames=5), made_up(frames=4, layout=COCO17)]
    write_scenes(scenes, tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as picture:
        assert getattr(picture, "n_frames", 1) == 3 + 2
        first = np.asarray(picture.convert("RGB"))
        picture.seek(1)
        assert (np.asarray(picture.convert("RGB")) != first).any()
    assert [path.name for path in tmp_path.iterdir()] == ["film.gif"]


@pytest.mark.skipif(not animation.FFMpegWriter.isAvailable(), reason="no ffmpeg")
def test_an_mp4(tmp_path: Path) -> None:
    write_scenes([made_up(frames=5)], tmp_path / "film.mp4")
    assert b"ftyp" in (tmp_path / "film.mp4").read_bytes()[:32]


def test_kinds_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(animation.FFMpegWriter, "isAvailable", classmethod(lambda _: False))
    for allowed in (None, "a.html", "a.PNG", "b/a.gif"):
        expect_kind(allowed)
    with pytest.raises(InputError, match=r"allowed: \.html, \.png, \.gif, \.mp4; did you mean '\.html'"):
        expect_kind("a.htm")
    with pytest.raises(InputError, match="unknown kind of file in player= 'page'"):
        expect_kind("page")
    with pytest.raises(InputError, match=r"an MP4 needs ffmpeg, .* name a \.gif"):
        expect_kind("a.mp4")
