"""The loss that networks are trained by: cross-entropy, with weights for classes of unequal size."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.errors import InputError, choose


class CrossEntropy(nn.Module):
    """Compute the cross-entropy of scores (N, classes) and labels (N,), weighted by the classes of the clips.

    Args:
        label_smoothing: share of the target that is spread over all classes (Szegedy et al., CVPR 2016), below 1.
        class_weights: None for 1 each; `balanced` for clips / (classes · clips of the class), counted in the training
            split; or a number for each class.

    Raises:
        InputError: a share outside [0, 1), another word, or a weight that is no positive number.
    """

    weights: Tensor | None

    def __init__(self, label_smoothing: float = 0.0, class_weights: str | Sequence[float] | None = None) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise InputError(f"loss.label_smoothing={label_smoothing} must be at least 0 and below 1")
        self.label_smoothing = label_smoothing
        self.balanced = isinstance(class_weights, str)
        if isinstance(class_weights, str):
            choose(class_weights, ("balanced",), "loss.class_weights")
        self.register_buffer("weights", _weights(class_weights), persistent=False)

    def set_class_counts(self, counts: Sequence[int]) -> None:
        """Set the weights of `balanced`, or check that there is a weight for each class.

        Args:
            counts: numbers of training clips by class; a class without any has the weight 0.

        Raises:
            InputError: another number of classes than of weights.
        """
        clips = torch.as_tensor(counts, dtype=torch.float32)
        if self.balanced:
            self.weights = torch.where(clips > 0, clips.sum() / (len(clips) * clips.clamp(min=1)), 0.0)
        elif self.weights is not None and len(self.weights) != len(clips):
            raise InputError(
                f"loss.class_weights has {len(self.weights)} numbers and the data {len(clips)} classes: give one each"
            )

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch, a number.

        Raises:
            InputError: the weights are to be balanced and nothing has been counted.
        """
        if self.balanced and self.weights is None:
            raise InputError(
                "loss.class_weights=balanced counts the clips of SkeletonData: train with it, or give a list of weights"
            )
        weights = None if self.weights is None else self.weights.to(scores)
        return F.cross_entropy(scores, labels, weights, label_smoothing=self.label_smoothing)


def _weights(given: Any) -> Tensor | None:  # noqa: ANN401
    if given is None or isinstance(given, str):
        return None
    numbers = list(given)
    if not all(isinstance(number, int | float) and 0 < number < math.inf for number in numbers):
        raise InputError(f"loss.class_weights={numbers} must be positive numbers, one a class")
    return torch.tensor(numbers, dtype=torch.float32)
