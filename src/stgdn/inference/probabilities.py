"""From scores to probabilities."""

import numpy as np
import torch
from numpy.typing import NDArray


def softmax(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities (N, classes) of scores (N, classes)."""
    return torch.from_numpy(np.asarray(scores, np.float64)).softmax(dim=1).numpy()
