"""A sliding window over a stream of frames: at regular steps the frames of the last seconds are classified."""

import time
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.gather import Float
from stgdn.data.readers.tracks import Track
from stgdn.errors import InputError
from stgdn.inference.classifier import Classifier
from stgdn.skeleton import Layout

People = Mapping[Any, Float]  # joints (V, C) of the people in a frame, by their ids, of any hashable type


class Window:
    """Hold the last T frames of a stream, with all people in them.

    Args:
        frames: T, the largest number of frames that are kept.
        bodies: number of bodies that the network takes.

    Attributes:
        pushed: number of frames so far.
        crowded: number of frames with more people than the network takes.
    """

    def __init__(self, frames: int, bodies: int) -> None:
        self.bodies, self.pushed, self.crowded = bodies, 0, 0
        self._frames: deque[People] = deque(maxlen=frames)

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


@dataclass(frozen=True)
class Due:
    """Hold the frames of a window that is due for a decision.

    Attributes:
        time: seconds of input before it.
        frames: the people of every frame of the window.
        arrived: when its last frame came, by `time.perf_counter`.
    """

    time: float
    frames: tuple[People, ...]
    arrived: float


@dataclass(frozen=True)
class Decision:
    """Hold the result for one window: the likeliest class and its probability.

    Attributes:
        time: seconds of input before it.
        label: the likeliest class; None if no body was seen.
        confidence: its probability.
        latency: seconds from the window's last frame to the decision.
        people: number of bodies given to the network, at most as many as it takes.
        probabilities: (classes,), None if no body was seen.
    """

    time: float
    label: str | None
    confidence: float
    latency: float
    people: int
    probabilities: NDArray[np.float32] | None


class SlidingClassifier:
    """Classify the last `window` seconds, every `every` seconds of input.

    Call it with the people of every frame; it returns a decision where one is due, else None.

    Args:
        network: one trained network, or several fused.
        fps: frames of the input in a second.
        window: seconds of input for a decision; about as long as the clips that the network was trained on.
        every: seconds from one decision to the next.
        layout: joints of the input; None for those of the run's data.

    Raises:
        InputError: a number that is not positive.
    """

    def __init__(
        self,
        network: Classifier,
        *,
        fps: float = 30.0,
        window: float = 2.5,
        every: float = 0.5,
        layout: Layout | None = None,
    ) -> None:
        for name, value in (("fps", fps), ("window", window), ("every", every)):
            if not (0 < value < np.inf):
                raise InputError(f"{name}={value} must be a positive number")
        self.network, self.fps, self.layout = network, fps, layout or network.layout
        for member in network.members:
            member.preprocessing.mapping(self.layout)  # joints that cannot be mapped are refused before the first frame
        self.preprocessing = max(
            (each.preprocessing for each in network.members), key=lambda made: made.settings.bodies
        )
        self.window = Window(max(round(window * fps), 2), self.preprocessing.settings.bodies)
        self.stride = max(round(every * fps), 1)

    def __call__(self, people: People) -> Decision | None:
        """Add a frame; return a decision if one is due."""
        due = self.push(people)
        return None if due is None else self.decide(due)

    def push(self, people: People) -> Due | None:
        """Add a frame, which takes microseconds; return the input of `decide` if a decision is due."""
        arrived = time.perf_counter()
        self.window.push(people)
        if self.window.pushed % self.stride:
            return None
        return Due(self.window.pushed / self.fps, self.window.frames(), arrived)

    def decide(self, due: Due) -> Decision:
        """Classify a window, which becomes a clip as a file does."""
        tracks = tracks_by_id(due.frames)
        if not tracks:
            return Decision(due.time, None, 0.0, time.perf_counter() - due.arrived, 0, None)
        clip = self.preprocessing.select(tracks, len(due.frames), self.layout)
        probabilities = self.network.probabilities([clip], self.layout)[0]
        best = int(probabilities.argmax())
        label, confidence = self.network.classes[best], float(probabilities[best])
        latency = time.perf_counter() - due.arrived
        return Decision(due.time, label, confidence, latency, len(clip.joints), probabilities)
