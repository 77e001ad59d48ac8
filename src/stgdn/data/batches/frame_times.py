"""Which moments of a clip the network sees. Moments are counted in frames from the clip's first, fractions between."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.random_numbers import PLACE, SHARE, Draws, Purpose, more
from stgdn.data.batches.settings import ClipSettings

Lengths = NDArray[np.integer]


class Moments(NamedTuple):
    """When clips are looked at.

    Attributes:
        at: (N, T) moments; nobody is seen before a clip's first and after its last frame.
        distinct: (N,) how many of them count; after these they repeat from the first.
    """

    at: NDArray[np.float64]
    distinct: NDArray[np.int64]

    def repeated(self) -> NDArray[np.int64]:
        """(N, T), which of the distinct moments is seen at each of the T."""
        return np.arange(self.at.shape[1]) % self.distinct[:, None]

    def unrolled(self) -> "Moments":
        """The same moments, none of them as a repetition."""
        return _once(np.take_along_axis(self.at, self.repeated(), axis=1))


def _once(at: NDArray[np.float64]) -> Moments:
    return Moments(at, np.full(len(at), at.shape[1]))


def moments(lengths: Lengths, settings: ClipSettings, draws: Draws | None) -> Moments:
    """The moments of clips of so many frames (N,); `draws` (N, 6) are training's random numbers, None in evaluation."""
    frames = settings.frames
    if settings.sampling == "loop":
        return looped(lengths, frames)
    if settings.sampling == "window":
        return window(lengths, frames, None if draws is None else draws[:, PLACE])
    if draws is None:
        return resized(lengths, frames)
    share = settings.crop + (1 - settings.crop) * draws[:, SHARE]
    found = resized(lengths, frames, share, draws[:, PLACE])
    return jittered(found, more(draws, frames, Purpose.JITTER)) if settings.jitter else found


def looped(lengths: Lengths, frames: int) -> Moments:
    """Clips repeated from their start until T frames are full; longer clips are resampled evenly."""
    at = np.broadcast_to(np.arange(frames, dtype=np.float64), (len(lengths), frames))
    if (longer := lengths > frames).any():
        at = np.where(longer[:, None], resized(lengths, frames).at, at)
    return Moments(at, np.minimum(lengths, frames).astype(np.int64))


def resized(
    lengths: Lengths, frames: int, share: NDArray[np.float64] | float = 1.0, place: NDArray[np.float64] | float = 0.0
) -> Moments:
    """T moments evenly over the `share` (N,) of each clip that begins at `place` (N,) of what is left.

    A share is of the clip's frames, at least two where there are two.
    """
    span = np.maximum(lengths * share, np.minimum(lengths, 2)) - 1
    first = (lengths - 1 - span) * place
    return _once(first[:, None] + np.linspace(0, 1, frames) * span[:, None])


def jittered(evenly: Moments, numbers: NDArray[np.float64]) -> Moments:
    """As many moments between the first and the last, where uniform `numbers` (N, T) fall, in order."""
    first, last = evenly.at[:, :1], evenly.at[:, -1:]
    return _once(first + np.sort(numbers, axis=1) * (last - first))


def window(lengths: Lengths, frames: int, place: NDArray[np.float64] | None) -> Moments:
    """T frames in a row, as `random_choose` of ST-GCN (yysijie/st-gcn, feeder/tools.py) takes them.

    Of a clip of more frames, T that begin at a random one; of a shorter one all frames, begun at a random one of the T.
    `place` (N,) are uniform numbers, None in evaluation: then the window lies in the middle, a shorter clip at the
    beginning.
    """
    spare = lengths - frames
    first = np.maximum(spare, 0) // 2
    if place is not None:
        first = np.sign(spare) * np.floor(place * (np.abs(spare) + 1))
    return _once(first[:, None] + np.arange(frames, dtype=np.float64))
