"""Scores of every clip of a split."""

import lightning
import numpy as np
import torch

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.errors import DivergedError, choose
from stgdn.runs.scores import Scores
from stgdn.training.recognizer import Recognizer


def score_split(trainer: lightning.Trainer, recognizer: Recognizer, data: SkeletonData, split: str = "test") -> Scores:
    """Return the class scores of every clip of a split, with the present weights of `recognizer`.

    Raises:
        InputError: an unknown split.
    """
    split = choose(split, ("test", *(("holdout",) if len(data.splits["holdout"]) else ())), "split")
    loader = data.test_dataloader() if split == "test" else data.val_dataloader()
    trainer.test(recognizer, loader, verbose=False)
    collected = recognizer.scores
    if trainer.world_size > 1:
        parts: list[list] = [[] for _ in range(trainer.world_size)]
        torch.distributed.all_gather_object(parts, collected)
        collected = [piece for part in parts for piece in part]
    indices = torch.cat([piece["indices"] for piece in collected]).numpy()
    order = np.argsort(indices)
    clips = data.store.clips[indices[order]]
    scores = torch.cat([piece["scores"] for piece in collected]).numpy()[order]
    if not np.isfinite(scores).all():
        raise DivergedError("the network's scores are not finite: it has diverged; train it with a lower optimizer.lr")
    return Scores(
        clips["name"],
        clips["label"].astype(np.int64),
        scores,
        np.asarray(data.store.header.classes),
        data.settings.stream,
        split,
    )
