"""Frames of a clip: which ones, and where joints stand."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from numpy.testing import assert_allclose

from stgdn.data.clip import Clip
from stgdn.reports.figures.clip_figure import clip_figure
from stgdn.skeleton import COCO17, KINECT20, Layout


def clip_of(layout: Layout, frames: int, bodies: int = 2) -> Clip:
    joints = np.random.default_rng(0).normal(size=(bodies, frames, layout.num_joints, 3)).astype(np.float32)
    present = np.ones((bodies, frames), np.bool_)
    present[1:, : frames // 2] = False  # the second comes late
    joints[~present] = 0
    return Clip("made up", 0, joints, present)


@pytest.mark.parametrize("layout", [KINECT20, COCO17], ids=lambda layout: layout.name)
def test_bones_join_the_joints_of_the_frame(layout: Layout) -> None:
    clip = clip_of(layout, 30)
    figure = clip_figure(clip, layout, "a clip", frames=4)
    shown = [axes.get_title() for axes in figure.axes]
    assert shown == ["frame 1", "frame 11", "frame 20", "frame 30"]
    last = figure.axes[-1]
    first_body, second_body = (each for each in last.collections if isinstance(each, LineCollection))
    towards = np.array([16 / 9, -1]) if layout.planar else np.array([-1, 1])  # right and up, as its camera saw it
    for body, drawn in enumerate((first_body, second_body)):
        joints = clip.joints[body, -1, :, :2] * towards
        for bone, (child, parent) in zip(drawn.get_segments(), layout.bones, strict=True):
            assert_allclose(bone[1] - bone[0], joints[parent] - joints[child], atol=1e-5)
    figure.canvas.draw()


def test_who_is_not_there_is_not_drawn() -> None:
    figure = clip_figure(clip_of(KINECT20, 30), KINECT20, "a clip", frames=2)
    _, absent = (each for each in figure.axes[0].collections if isinstance(each, LineCollection))
    assert not any(np.isfinite(bone).any() for bone in absent.get_segments())


def test_a_short_clip_is_shown_whole() -> None:
    figure = clip_figure(clip_of(KINECT20, 3, bodies=1), KINECT20, "short", frames=8)
    assert len(figure.axes) == 3
    figure.canvas.draw()
