"""Whether an exported network computes what the trained one does, and how fast."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from stgdn.benchmark.timing import interleaved, threads

LIMIT = 1e-4  # scores are of size 1 to 10
ROUNDS = 5

Scorer = Callable[[Tensor], Tensor]


def largest_difference(one: Scorer, other: Scorer, clips: Tensor) -> float:
    """Of all scores of clips (N, C, T, V, M), given one alone, then three, then by sixteens; NaN if one is none."""
    sizes = [1, 3, *[16] * (len(clips) // 16 + 1)]
    found = [torch.zeros(())]
    with torch.inference_mode():
        for part in clips.split(_fitting(sizes, len(clips))):
            found.append((one(part) - other(part)).abs().max())
    return float(torch.stack(found).max())


def _fitting(sizes: list[int], total: int) -> list[int]:
    """The first of some sizes, the last one cut, that make a total."""
    kept: list[int] = []
    for size in sizes:
        if room := min(size, total - sum(kept)):
            kept.append(room)
    return kept


def clips_a_second(scorers: Mapping[str, Scorer], clips: Tensor, batch_size: int) -> dict[str, float]:
    """Speed of each on one thread, by the median of batches that they are given in turn."""
    batch = clips[torch.arange(batch_size) % len(clips)]
    ways = {name: lambda _, scorer=scorer: scorer(batch) for name, scorer in scorers.items()}
    with threads(1), torch.inference_mode():
        seconds = interleaved(ways, ROUNDS)
    return {name: batch_size / taken for name, taken in seconds.items()}
