"""From raw clips to a network's input, by the config of the run that trained it.

Glossary of shapes: N clips, M bodies, T frames, V joints, C coordinates. Coordinates are metres, y up; those of flat
layouts are x and y in shares of the picture, from its middle and y down, and the confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from omegaconf import DictConfig

from stgdn.data.batches.gather import Float
from stgdn.data.batches.joint_map import JointMap
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import batch
from stgdn.data.build import clip_settings
from stgdn.data.clip import UNKNOWN, Clip, ClipError
from stgdn.data.readers.bodies import clip_bodies, keeps_empty_frames
from stgdn.data.readers.tracks import Track, tracks_of
from stgdn.data.store.checks import check_bodies, expect_usable
from stgdn.data.store.clip_arrays import ClipsInMemory
from stgdn.errors import InputError
from stgdn.skeleton import Layout, layout

joint_map = lru_cache(maxsize=16)(JointMap)  # from one layout to another, computed once


@dataclass(frozen=True)
class Preprocessing:
    """Prepare clips as the run's test did: sampling, alignment, stream, bodies; nothing is random.

    Attributes:
        layout: joints of the run's data, and of clips that name no layout.
        input_layout: joints that the network sees.
        settings: the run's.
        empty_frames: keep the frames without a body, as in training.
    """

    layout: Layout
    input_layout: Layout
    settings: ClipSettings
    empty_frames: bool = False

    @classmethod
    def of(cls, data: DictConfig) -> "Preprocessing":
        """Build the preprocessing from the `data` part of a run's config."""
        empty_frames = keeps_empty_frames(data.get("reader") or {})
        return cls(layout(data.layout), layout(data.input_layout), clip_settings(data), empty_frames)

    def __call__(self, clips: Sequence[Clip | ArrayLike], joints: Layout | None = None) -> Float:
        """Return the network's input (N, C, T, V, M) for clips, or arrays (M, T, V, C), of the layout `joints`.

        Raises:
            InputError: no clip, or one that cannot be used.
        """
        joints = joints or self.layout
        mapping = self.mapping(joints)
        if not len(clips):
            raise InputError("no clip was given: give a list of one or more, each a Clip or an array (M, T, V, C)")
        made = [self._made(given, number, joints) for number, given in enumerate(clips)]
        store = ClipsInMemory.from_clips(made, joints)
        return batch(store, np.arange(len(made)), self.settings, None, mapping)

    def mapping(self, joints: Layout) -> JointMap | None:
        """Return the map from `joints` to the network's joints; None if they are the same."""
        return None if joints == self.input_layout else joint_map(joints, self.input_layout)

    def clip(self, joints: ArrayLike, of: Layout | None = None) -> Clip:
        """Make an array a clip without name and label, with bodies and frames chosen as for a file.

        Args:
            joints: (M, T, V, C), zeros where a body is not seen.
            of: their layout, `self.layout` if None.

        Raises:
            ClipError: not an array of numbers.
        """
        try:
            array = np.asarray(joints, dtype=np.float32)
        except (ValueError, TypeError):
            raise ClipError("is no array of numbers (bodies, frames, joints, coordinates)") from None
        if array.ndim == 4:
            array = array[array.any(axis=(1, 2, 3))]
        made = Clip("", UNKNOWN, array, _presence(array) if array.ndim == 4 else np.zeros((0, 0), np.bool_))
        expect_usable(made, of or self.layout)
        return self.select(tracks_of(array), array.shape[1], of)

    def select(self, tracks: Sequence[Track], length: int, of: Layout | None = None) -> Clip:
        """Choose and lay out bodies as a file's, see `stgdn.data.readers.bodies`.

        Args:
            tracks: of all bodies, at least one.
            length: frames of the recording.
            of: layout of the joints, `self.layout` if None.
        """
        kept = clip_bodies(tracks, self.settings.bodies, of or self.layout, length if self.empty_frames else None)
        return Clip("", UNKNOWN, *kept)

    def _made(self, given: Clip | ArrayLike, number: int, joints: Layout) -> Clip:
        try:
            if not isinstance(given, Clip):
                return self.clip(given, joints)
            check_bodies(given, joints, len(given.joints))
            return given
        except (ClipError, InputError) as error:
            raise InputError(f"clip {number} cannot be used: {error}") from None


def _presence(joints: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return a mask (M, T): true from the first to the last frame in which a body of (M, T, V, C) is not all zeros."""
    seen = np.asarray(joints.any(axis=(2, 3)))
    return np.logical_or.accumulate(seen, axis=1) & np.logical_or.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
