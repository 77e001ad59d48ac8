"""Class scores of every clip: the input of fusion, confusion matrices and error analysis."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.files import DAMAGE, replacing


@dataclass(frozen=True)
class Scores:
    """Hold the scores of one network on one split."""

    names: NDArray[np.str_]  # (N,) of the clips
    labels: NDArray[np.int64]  # (N,) true classes
    scores: NDArray[np.float32]  # (N, classes) before the softmax
    classes: NDArray[np.str_]  # names
    stream: str  # input of the network: joint, bone, ...
    split: str  # `test` or `holdout`

    def accuracy(self, k: int = 1) -> float:
        """Return the share of clips whose true class is among the k best; equal scores rank by class number."""
        own = self.scores[np.arange(len(self.labels)), self.labels, None]
        earlier = np.arange(self.scores.shape[1]) < self.labels[:, None]
        rank = ((self.scores > own) | ((self.scores == own) & earlier)).sum(axis=1)
        return float((rank < k).mean())

    @property
    def top1(self) -> float:
        """Return top-1 in per cent."""
        return 100 * self.accuracy()

    @property
    def top5(self) -> float | None:
        """Return top-5 in per cent; None for five classes or fewer."""
        return 100 * self.accuracy(5) if len(self.classes) > 5 else None

    @property
    def mean_class(self) -> float:
        """Return the mean over classes of the share of their clips that are right, in per cent.

        Classes without clips do not count.
        """
        counts = self.confusion()
        clips = counts.sum(axis=1)
        seen = clips > 0
        return 100 * float((counts.diagonal()[seen] / clips[seen]).mean())

    @property
    def accuracies(self) -> dict[str, float]:
        """Return the accuracies above by the names that they have in a run's files, such as `test_top1`."""
        values = {"top1": self.top1, "mean_class": self.mean_class, "top5": self.top5}
        return {f"{self.split}_{name}": value for name, value in values.items() if value is not None}

    def confusion(self) -> NDArray[np.int64]:
        """Return the confusion matrix: counts (true class, predicted class)."""
        counts = np.zeros((len(self.classes), len(self.classes)), np.int64)
        np.add.at(counts, (self.labels, self.scores.argmax(axis=1)), 1)
        return counts

    def save(self, path: Path) -> None:
        """Write a `.npz`; a failed write leaves no file."""
        with replacing(path) as temporary:
            np.savez_compressed(temporary, allow_pickle=False, **{k: np.asarray(v) for k, v in vars(self).items()})

    @classmethod
    def load(cls, path: Path) -> "Scores":
        """Read a `.npz` that `save` wrote.

        Raises:
            InputError: not such a file.
        """
        if not is_zipfile(path):  # numpy leaves a truncated one open
            raise InputError(f"{path} is not a score file of this suite: missing or cut off")
        try:
            with np.load(path, allow_pickle=False) as file:
                content = {key: file[key] for key in cls.__dataclass_fields__}
        except (*DAMAGE, KeyError) as error:
            raise InputError(f"{path} is not a score file of this suite: {error}") from None
        return cls(**{key: value.item() if value.ndim == 0 else value for key, value in content.items()})


def softmax(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities (N, classes) of scores (N, classes)."""
    exact = scores.astype(np.float64)
    shares = np.exp(exact - exact.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
