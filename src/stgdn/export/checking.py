"""Comparison of an exported network with the trained one: scores and speed."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from stgdn.benchmark.timing import median_seconds

LIMIT = 1e-4  # scores are of size 1 to 10
ROUNDS = 5

Scorer = Callable[[Tensor], Tensor]


def largest_difference(one: Scorer, other: Scorer, clips: Tensor) -> float:
    """Return the largest score difference on clips (N, C, T, V, M), in batches of 1, 3, 16, ...; NaN if any is."""
    sizes = [1, 3, *[16] * (len(clips) // 16 + 1)]
    differences = [torch.zeros(())]
    with torch.inference_mode():
        for part in clips.split(_fitting(sizes, len(clips))):
            differences.append((one(part) - other(part)).abs().max())
    return float(torch.stack(differences).max())


def _fitting(sizes: list[int], total: int) -> list[int]:
    """Return the first of `sizes` that sum to `total`, the last one shortened."""
    kept: list[int] = []
    for size in sizes:
        if room := min(size, total - sum(kept)):
            kept.append(room)
    return kept


def clips_per_second(scorers: Mapping[str, Scorer], clips: Tensor, batch_size: int) -> dict[str, float]:
    """Return the clips per second of each scorer on one thread, by the median of batches measured in turn."""
    batch = clips[torch.arange(batch_size) % len(clips)]
    calls = {name: lambda _, scorer=scorer: scorer(batch) for name, scorer in scorers.items()}
    with torch.inference_mode():
        seconds = median_seconds(calls, ROUNDS)
    return {name: batch_size / taken for name, taken in seconds.items()}
