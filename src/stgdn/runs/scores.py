"""Per-clip class scores: what fusion, confusion and error analysis start from."""

from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

import lightning
import numpy as np
import torch
from numpy.typing import NDArray

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.errors import InputError, choose
from stgdn.files import DAMAGE, replacing
from stgdn.training.recognizer import Recognizer


@dataclass(frozen=True)
class Scores:
    """Scores of one network on one split.

    Attributes:
        names: (N,) clip names.
        labels: (N,) true classes.
        scores: (N, classes) float32, before the softmax.
        classes: class names.
        stream: what the network saw: joint, bone, ...
        split: `test` or `holdout`.
    """

    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    classes: NDArray[np.str_]
    stream: str
    split: str

    def accuracy(self, k: int = 1) -> float:
        """Share of clips whose true class is among the k best; of equal scores the first class is the better."""
        own = self.scores[np.arange(len(self.labels)), self.labels, None]
        earlier = np.arange(self.scores.shape[1]) < self.labels[:, None]
        rank = ((self.scores > own) | ((self.scores == own) & earlier)).sum(axis=1)
        return float((rank < k).mean())

    def confusion(self) -> NDArray[np.int64]:
        """Counts (true class, predicted class)."""
        counts = np.zeros((len(self.classes), len(self.classes)), np.int64)
        np.add.at(counts, (self.labels, self.scores.argmax(axis=1)), 1)
        return counts

    def save(self, path: Path) -> None:
        """Write a `.npz`, whole or not at all."""
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


def score_split(trainer: lightning.Trainer, recognizer: Recognizer, data: SkeletonData, split: str = "test") -> Scores:
    """Class scores of every clip of a split, by the weights that `recognizer` has now.

    Raises:
        InputError: a split that is not there.
    """
    split = choose(split, ("test", *(("holdout",) if len(data.splits["holdout"]) else ())), "split")
    loader = data.test_dataloader() if split == "test" else data.val_dataloader()
    trainer.test(recognizer, loader, verbose=False)
    collected = recognizer.scores
    if trainer.world_size > 1:
        parts: list[list] = [[] for _ in range(trainer.world_size)]
        torch.distributed.all_gather_object(parts, collected)
        collected = [piece for part in parts for piece in part]
    indices = torch.cat([piece[0] for piece in collected]).numpy()
    order = np.argsort(indices)
    clips = data.store.clips[indices[order]]
    scores = torch.cat([piece[1] for piece in collected]).numpy()[order]
    if not np.isfinite(scores).all():
        raise InputError("the network's scores are not finite: it has diverged; train it with a lower optimisation.lr")
    return Scores(
        clips["name"],
        clips["label"].astype(np.int64),
        scores,
        np.asarray(data.store.header.classes),
        data.settings.stream,
        split,
    )
