"""Options that make no sense are told as one sentence."""

import math
from typing import Any

import pytest

from stgdn.data.batches.settings import ClipSettings
from stgdn.errors import InputError


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stream": "joints"}, "unknown stream 'joints', allowed: joint, bone, .*did you mean 'joint'"),
        ({"sampling": "crop"}, "unknown sampling 'crop', allowed: loop, resize, crop_resize, window"),
        ({"align": "front"}, "unknown alignment 'front', allowed: none, turn, body"),
        ({"frames": 0}, r"data\.frames=0 must be a whole number from 1 up"),
        ({"frames": 32.5}, r"data\.frames=32\.5 must be a whole number"),
        ({"frames": "many"}, r"data\.frames=many must be a whole number"),
        ({"frames": True}, r"data\.frames=True must be a whole number"),
        ({"bodies": -1}, r"data\.bodies=-1 must be a whole number"),
        ({"crop": 0.0}, r"data\.crop=0\.0 is out of range"),
        ({"crop": 1.1}, r"data\.crop=1\.1 is out of range"),
        ({"crop": math.nan}, r"data\.crop=nan is out of range"),
        ({"crop": "half"}, r"data\.crop=half is out of range"),
        ({"mirror": 1.5}, r"data\.mirror=1\.5 is out of range: give a share from 0 to 1"),
        ({"mirror": True}, r"data\.mirror=True is out of range"),
        ({"crop": 0.5}, r"data\.crop needs data\.sampling=resize or crop_resize"),
        ({"jitter": True}, r"data\.jitter needs data\.sampling=resize"),
        ({"jitter": True, "sampling": "crop_resize"}, r"data\.jitter needs data\.sampling=resize"),
        ({"jitter": "no", "sampling": "resize"}, r"data\.jitter=no must be true or false"),
        ({"crop": 0.5, "sampling": "window"}, r"needs data\.sampling=resize"),
        ({"moving_camera": "on"}, r"data\.moving_camera=on must be true or false"),
        ({"box": "yes"}, r"data\.box=yes must be true or false"),
        ({"rotate": (30, 30)}, r"data\.rotate=\[30, 30\] must be three angles"),
        ({"rotate": (0, math.inf, 0)}, r"data\.rotate=.* must be three angles"),
        ({"rotate": ("a", "b", "c")}, r"data\.rotate=.* must be three angles"),
    ],
)
def test_settings_that_make_no_sense(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        ClipSettings(**options)
