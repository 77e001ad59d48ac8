"""Scenes as sheets of frames and films."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import animation
from PIL import Image
from tests.player.conftest import made_up

from stgdn.errors import InputError
from stgdn.player.pictures import expect_kind, sheet, spread_frames, write_scenes
from stgdn.skeleton import COCO17


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
