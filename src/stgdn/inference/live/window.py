"""The last frames of a stream, and the tracks of the people in them."""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from stgdn.data.batches.gather import Float
from stgdn.data.readers.ntu.denoise import Track

People = Mapping[Any, Float]  # joints (V, C) of the people in a frame, by their ids, of any hashable type


class Window:
    """Up to T frames, with everybody who is seen in them.

    Args:
        frames: T, at most so many are kept.
        bodies: how many a network looks at.

    Attributes:
        pushed: how many frames there were.
        aside: in how many of them there were more people than a network looks at.
    """

    def __init__(self, frames: int, bodies: int) -> None:
        self.bodies, self.pushed, self.aside = bodies, 0, 0
        self._frames: deque[dict[Hashable, Float]] = deque(maxlen=frames)

    def push(self, people: People) -> None:
        """Take in the next frame; who is all zeros is not there."""
        there = {name: np.array(joints, np.float32) for name, joints in people.items() if np.any(joints)}
        self._frames.append(there)
        self.pushed += 1
        self.aside += len(there) > self.bodies

    def frames(self) -> tuple[People, ...]:
        """Return the frames that are kept, in order of time."""
        return tuple(self._frames)


def tracks_by_id(frames: Iterable[People]) -> list[Track]:
    """Return what is seen of each id, in order of appearance; frames count from 0."""
    rows: dict[Hashable, list[tuple[int, Float]]] = {}
    for frame, people in enumerate(frames):
        for name, joints in people.items():
            rows.setdefault(name, []).append((frame, joints))
    columns = (zip(*body, strict=True) for body in rows.values())
    return [Track(np.array(seen), np.stack(joints).astype(np.float64)) for seen, joints in columns]
