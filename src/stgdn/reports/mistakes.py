"""Misclassified clips of a network, found by its scores."""

from dataclasses import dataclass

import numpy as np

from stgdn.rounding import fixed
from stgdn.runs.scores import Scores, softmax


@dataclass(frozen=True)
class Mistake:
    """Hold a misclassified clip."""

    clip: str  # name
    true: str  # class
    predicted: str  # class
    probability: float  # of the predicted class
    true_probability: float

    def __str__(self) -> str:
        """Format a mistake as one line."""
        shares = f"{fixed(100 * self.probability, 0)} % to {fixed(100 * self.true_probability, 0)} %"
        return f"{self.clip}: {self.true}, taken for {self.predicted} ({shares})"


def mistakes(scores: Scores) -> list[Mistake]:
    """Return all misclassified clips, the most confident first; equal scores rank by class number."""
    shares = softmax(scores.scores)
    predicted = scores.scores.argmax(axis=1)
    wrong = [
        Mistake(
            str(scores.names[clip]),
            str(scores.classes[scores.labels[clip]]),
            str(scores.classes[predicted[clip]]),
            float(shares[clip, predicted[clip]]),
            float(shares[clip, scores.labels[clip]]),
        )
        for clip in np.flatnonzero(predicted != scores.labels).tolist()
    ]
    return sorted(wrong, key=lambda mistake: (-mistake.probability, mistake.clip))
