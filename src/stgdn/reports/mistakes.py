"""Clips that a network takes for what they are not, by its scores."""

from dataclasses import dataclass

import numpy as np

from stgdn.inference.probabilities import softmax
from stgdn.runs.scores import Scores


@dataclass(frozen=True)
class Mistake:
    """A clip that is taken for another class than its own.

    Attributes:
        clip: its name.
        true, said: the class that it is, and the one that it is taken for.
        sure: probability of what is said.
        left: probability of the true class.
    """

    clip: str
    true: str
    said: str
    sure: float
    left: float

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.clip}: {self.true}, taken for {self.said} ({100 * self.sure:.0f} % to {100 * self.left:.0f} %)"


def mistakes(scores: Scores) -> list[Mistake]:
    """Every clip whose best class is not its own, the surest first; of equal scores the first class is the better."""
    shares = softmax(scores.scores)
    said = scores.scores.argmax(axis=1)
    found = [
        Mistake(
            str(scores.names[clip]),
            str(scores.classes[scores.labels[clip]]),
            str(scores.classes[said[clip]]),
            float(shares[clip, said[clip]]),
            float(shares[clip, scores.labels[clip]]),
        )
        for clip in np.flatnonzero(said != scores.labels).tolist()
    ]
    return sorted(found, key=lambda each: (-each.sure, each.clip))
