"""Settings for making an input of the network from a stored clip: `data.stream`, `data.frames` and so on."""

import math
from dataclasses import dataclass

from stgdn.errors import InputError, choose
from stgdn.skeleton import Layout

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
SAMPLINGS = ("loop", "resize", "crop_resize", "window")
ALIGNMENTS = ("none", "turn", "body")


@dataclass(frozen=True)
class ClipSettings:
    """Hold the settings for making an input of the network from a stored clip.

    Attributes:
        stream: `joint`, `bone` (joint minus parent), `joint_motion`, `bone_motion` (next frame minus this one).
        frames: T that the network sees.
        sampling: `loop` repeats the clip until T frames are full (longer clips are resampled), `resize` resamples,
            `crop_resize` as well, but as CTR-GCN does, `window` takes T frames in a row and fills shorter clips with
            empty frames.
        align: turns the clip so that in its first frame the main body's shoulders lie along x: `turn` about the
            vertical, `body` in all three axes (spine upright); `none` leaves the camera's view.
        box: scale each axis of a clip to [-1, 1].
        crop: the smallest share of a clip that training keeps; 1 for all of it. Needs `resize` or `crop_resize`.
        jitter: training draws the T frame times at random instead of evenly. Needs `resize`.
        rotate: training turns clips at random by up to so many degrees about x, y and z.
        mirror: share of clips that training mirrors: left and right joints exchanged, x reversed.
        moving_camera: training turns, scales and shifts clips in the picture plane, steadily over their T frames.
        bodies: M, the most bodies; further ones are left out.

    Raises:
        InputError: an unknown word, a number out of range, or settings that exclude each other.
    """

    stream: str = "joint"
    frames: int = 300
    sampling: str = "loop"
    align: str = "none"
    box: bool = False
    crop: float = 1.0
    jitter: bool = False
    rotate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mirror: float = 0.0
    moving_camera: bool = False
    bodies: int = 2

    def clip_shape(self, layout: Layout) -> tuple[int, int, int, int]:
        """Return the shape (C, T, V, M) of an input with the joints of a layout."""
        return layout.channels, self.frames, layout.num_joints, self.bodies

    def __post_init__(self) -> None:
        choose(self.stream, STREAMS, "stream")
        choose(self.sampling, SAMPLINGS, "sampling")
        choose(self.align, ALIGNMENTS, "alignment")
        for key in ("frames", "bodies"):
            if type(number := getattr(self, key)) is not int or number < 1:
                raise InputError(f"data.{key}={number} must be a whole number from 1 up")
        for key in ("box", "jitter", "moving_camera"):
            if not isinstance(flag := getattr(self, key), bool):
                raise InputError(f"data.{key}={flag} must be true or false")
        if not isinstance(self.crop, int | float) or not 0 < self.crop <= 1:
            raise InputError(f"data.crop={self.crop} is out of range: give a share above 0 and up to 1")
        if isinstance(self.mirror, bool) or not isinstance(self.mirror, int | float) or not 0 <= self.mirror <= 1:
            raise InputError(f"data.mirror={self.mirror} is out of range: give a share from 0 to 1")
        if "resize" not in self.sampling and self.crop < 1:
            raise InputError("data.crop needs data.sampling=resize or crop_resize")
        if self.sampling != "resize" and self.jitter:
            raise InputError("data.jitter needs data.sampling=resize")
        if len(self.rotate) != 3 or not all(isinstance(a, int | float) and math.isfinite(a) for a in self.rotate):
            raise InputError(f"data.rotate={list(self.rotate)} must be three angles in degrees, about x, y and z")
