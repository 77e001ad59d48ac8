"""The last frames of a stream: a ring buffer in which bodies keep their slots by their ids."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.gather import Float
from stgdn.data.readers.denoise import motion
from stgdn.skeleton import Layout

People = Mapping[Any, Float]  # joints (V, C) of the people in a frame, by their ids, of any hashable type


class Window:
    """Up to T frames of up to M bodies; in frames in which a body is not seen it is zeros.

    Whoever comes takes a free slot, or that of the person who has been away longest. While all slots are those of
    people in the frame, others are left aside.

    Args:
        frames: T, at most so many are kept.
        bodies: M.
        layout: of the joints.

    Attributes:
        pushed: how many frames there were.
        aside: in how many of them somebody was left aside.
    """

    def __init__(self, frames: int, bodies: int, layout: Layout) -> None:
        self.layout, self.pushed, self.aside = layout, 0, 0
        self._ring = np.zeros((frames, bodies, layout.num_joints, layout.channels), np.float32)
        self._ids: list[Hashable | None] = [None] * bodies
        self._seen = np.full(bodies, -1)  # the frame in which each slot's person was seen last

    def push(self, people: People) -> None:
        """Take in the next frame; who is all zeros is not there."""
        there = {name: joints for name, joints in people.items() if joints.any()}
        row = self._ring[self.pushed % len(self._ring)]
        row[:] = 0
        newcomers = [name for name in there if name not in self._ids]
        for name in newcomers:
            self._admit(name, there)
        for slot, name in enumerate(self._ids):
            if name is not None and name in there:
                row[slot], self._seen[slot] = there[name], self.pushed
        self.aside += any(name not in self._ids for name in there)
        self.pushed += 1

    def _admit(self, name: Hashable, there: People) -> None:
        """Give a person the slot of somebody who is not `there`, if there is one."""
        away = [slot for slot, other in enumerate(self._ids) if other is None or other not in there]
        if away:
            slot = min(away, key=lambda slot: self._seen[slot])
            self._ring[:, slot] = 0
            self._ids[slot] = name

    def joints(self) -> Float:
        """The bodies seen in the window, (M, T, V, C), in the order of readers: the most active first."""
        kept = min(self.pushed, len(self._ring))
        order = np.arange(self.pushed - kept, self.pushed) % len(self._ring)
        bodies = self._ring[order].swapaxes(0, 1)
        seen = np.asarray(bodies.any(axis=(2, 3)))
        there = np.flatnonzero(seen.any(axis=1))
        return bodies[sorted(there, key=lambda slot: -self._activity(bodies[slot], seen[slot]))]

    def _activity(self, body: Float, seen: NDArray[np.bool_]) -> float:
        """Movement of a body (T, V, C) in the frames in which it is seen; in a picture its confidence."""
        if self.layout.planar:
            return float(body[..., 2].sum())
        return motion(body[seen].astype(np.float64))
