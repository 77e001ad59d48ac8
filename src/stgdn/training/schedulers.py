"""Learning rates over a training: factors that rise linearly in a warm-up and then fall, with a value for every step.

Times are shares of the training, so that a schedule fits any number of epochs.
"""

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine(optimizer: Optimizer, total_steps: int, *, warmup: float = 0.0) -> LambdaLR:
    """Return the letter's schedule: half a cosine from the optimizer's learning rate to zero."""
    return _schedule(optimizer, total_steps, warmup, cosine_factor)


def step(
    optimizer: Optimizer,
    total_steps: int,
    *,
    warmup: float = 0.0,
    milestones: Sequence[float] = (0.6, 0.8),
    gamma: float = 0.1,
) -> LambdaLR:
    """Return a schedule in steps: times `gamma` after each of `milestones`, shares of the whole training."""

    def factor(progress: float) -> float:
        elapsed = warmup + progress * (1 - warmup)
        return gamma ** sum(elapsed >= milestone for milestone in milestones)

    return _schedule(optimizer, total_steps, warmup, factor)


def cosine_factor(progress: float) -> float:
    """Return (1 + cos(π · progress)) / 2, `progress` from 0 to 1."""
    return (1 + math.cos(math.pi * progress)) / 2


def _schedule(optimizer: Optimizer, total_steps: int, warmup: float, factor: Callable[[float], float]) -> LambdaLR:
    """Return a schedule whose factor is `factor` of the progress since the warm-up; step s is at (s + ½) / steps."""

    def rate(step: int) -> float:
        progress = min((step + 0.5) / total_steps, 1)
        return progress / warmup if progress < warmup else factor((progress - warmup) / (1 - warmup))

    return LambdaLR(optimizer, rate)
