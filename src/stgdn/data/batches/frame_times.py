"""The frame times at which the network sees a clip, in frames counted from 0; fractions lie between frames."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.random_numbers import CROP_LENGTH, CROP_POSITION, Purpose, RandomNumbers, derive_numbers
from stgdn.data.batches.settings import ClipSettings

Lengths = NDArray[np.integer]

# CTR-GCN's crops: never shorter in training, and this share of the clip in evaluation.
SHORTEST_CROP, CENTRE = 64, 0.95


class FrameTimes(NamedTuple):
    """Hold the times at which clips are sampled.

    Attributes:
        times: (N, T) frame times; no body is seen before a clip's first and after its last frame.
        num_distinct: (N,) number of different times; after these the times repeat from the first.
    """

    times: NDArray[np.float64]
    num_distinct: NDArray[np.int64]

    def repeated_indices(self) -> NDArray[np.int64]:
        """Return (N, T), the index of the distinct time that is seen at each of the T steps."""
        return np.arange(self.times.shape[1]) % self.num_distinct[:, None]

    def without_repetition(self) -> "FrameTimes":
        """Return the same times with each repetition counted as a time of its own."""
        return _all_distinct(np.take_along_axis(self.times, self.repeated_indices(), axis=1))


def _all_distinct(times: NDArray[np.float64]) -> FrameTimes:
    return FrameTimes(times, np.full(len(times), times.shape[1]))


def frame_times(lengths: Lengths, settings: ClipSettings, random_numbers: RandomNumbers | None) -> FrameTimes:
    """Return the frame times of clips of `lengths` (N,) frames.

    `random_numbers` (N, 6) are those of training's augmentation, None in evaluation.
    """
    frames = settings.frames
    if settings.sampling == "loop":
        return looped(lengths, frames)
    if settings.sampling == "crop_resize":
        return crop_resized(lengths, frames, settings.crop, random_numbers)
    if settings.sampling == "window":
        return window(lengths, frames, None if random_numbers is None else random_numbers[:, CROP_POSITION])
    if random_numbers is None:
        return resized(lengths, frames)
    share = settings.crop + (1 - settings.crop) * random_numbers[:, CROP_LENGTH]
    times = resized(lengths, frames, share, random_numbers[:, CROP_POSITION])
    return jittered(times, derive_numbers(random_numbers, frames, Purpose.JITTER)) if settings.jitter else times


def looped(lengths: Lengths, frames: int) -> FrameTimes:
    """Return the times of clips repeated from the start until T frames are full; longer clips are resampled."""
    at = np.broadcast_to(np.arange(frames, dtype=np.float64), (len(lengths), frames))
    if (longer := lengths > frames).any():
        at = np.where(longer[:, None], resized(lengths, frames).times, at)
    return FrameTimes(at, np.minimum(lengths, frames).astype(np.int64))


def resized(
    lengths: Lengths, frames: int, share: NDArray[np.float64] | float = 1.0, position: NDArray[np.float64] | float = 0.0
) -> FrameTimes:
    """Return T times spread evenly over a crop of each clip.

    The crop has the `share` (N,) of the clip's frames, at least two if the clip has two, and begins at `position` (N,),
    0 to 1, of the frames that are left over.
    """
    span = np.maximum(lengths * share, np.minimum(lengths, 2)) - 1
    first = (lengths - 1 - span) * position
    return _all_distinct(first[:, None] + np.linspace(0, 1, frames) * span[:, None])


def crop_resized(lengths: Lengths, frames: int, share: float, random_numbers: RandomNumbers | None) -> FrameTimes:
    """Return T times over a crop of each clip, as `valid_crop_resize` of CTR-GCN (feeders/tools.py) does.

    A crop is of whole frames: in training of at least `share` of the clip and of `SHORTEST_CROP` frames, in evaluation
    the middle of the clip. Each of the T times is the middle of a T-th of the crop, but not outside its frames.
    """
    if random_numbers is None:
        first = (lengths * (1 - CENTRE) / 2).astype(np.int64)
        cropped = lengths - 2 * first
    else:
        shares = share + (1 - share) * random_numbers[:, CROP_LENGTH]
        cropped = np.minimum(np.maximum((lengths * shares).astype(np.int64), SHORTEST_CROP), lengths)
        first = (random_numbers[:, CROP_POSITION] * (lengths - cropped + 1)).astype(np.int64)
    middles = (np.arange(frames) + 0.5) * cropped[:, None] / frames - 0.5
    return _all_distinct(first[:, None] + np.clip(middles, 0, cropped[:, None] - 1))


def jittered(evenly: FrameTimes, numbers: NDArray[np.float64]) -> FrameTimes:
    """Return T random times in order, between the first and the last; `numbers` (N, T) are uniform from 0 to 1."""
    first, last = evenly.times[:, :1], evenly.times[:, -1:]
    return _all_distinct(first + np.sort(numbers, axis=1) * (last - first))


def window(lengths: Lengths, frames: int, position: NDArray[np.float64] | None) -> FrameTimes:
    """Return the times of T consecutive frames, as `random_choose` of ST-GCN (yysijie/st-gcn, feeder/tools.py) does.

    A longer clip gives T frames from a random first one; a shorter clip is placed at a random one of the T steps.
    `position` (N,) are uniform numbers, None in evaluation: then the window lies in the middle, and a shorter clip at
    the beginning.
    """
    spare = lengths - frames
    first = np.maximum(spare, 0) // 2
    if position is not None:
        first = np.sign(spare) * np.floor(position * (np.abs(spare) + 1))
    return _all_distinct(first[:, None] + np.arange(frames, dtype=np.float64))
