"""The last frames of a stream, and the tracks of the people in them."""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from stgdn.data.batches.gather import Float
from stgdn.data.readers.tracks import Track

People = Mapping[Any, Float]  # joints (V, C) of the people in a frame, by their ids, of any hashable type


class Window:
    """Holds the last T frames of a stream, with all people in them.

    Args:
        frames: T, the largest number of frames that are kept.
        bodies: number of bodies that the network takes.

    Attributes:
        pushed: number of frames so far.
        crowded: number of frames with more people than the network takes.
    """

    def __init__(self, frames: int, bodies: int) -> None:
        self.bodies, self.pushed, self.crowded = bodies, 0, 0
        self._frames: deque[dict[Hashable, Float]] = deque(maxlen=frames)

    def push(self, people: People) -> None:
        """Add the next frame; a body of zeros counts as absent."""
        present = {name: np.array(joints, np.float32) for name, joints in people.items() if np.any(joints)}
        self._frames.append(present)
        self.pushed += 1
        self.crowded += len(present) > self.bodies

    def frames(self) -> tuple[People, ...]:
        """Return the frames that are kept, in order of time."""
        return tuple(self._frames)


def tracks_by_id(frames: Iterable[People]) -> list[Track]:
    """Return the track of each id, in order of appearance; frames count from 0."""
    rows: dict[Hashable, list[tuple[int, Float]]] = {}
    for frame, people in enumerate(frames):
        for name, joints in people.items():
            rows.setdefault(name, []).append((frame, joints))
    columns = (zip(*body, strict=True) for body in rows.values())
    return [Track(np.array(seen), np.stack(joints).astype(np.float64)) for seen, joints in columns]
