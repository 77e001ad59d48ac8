"""Bodies into the batch and back; empty ones, which are all the same, are computed once.

Most clips have one body, and a second that is padding. Behind the input BatchNorm all empty bodies at the same place m
of their clips are the same tensor, and so they stay: graphs, whitening and convolutions see a body at a time, and what
they share of the batch is the same for all. One of them stands for all, counted by BatchNorm as often as it occurs and
by whitening not at all, as before. That is exact, in training and in evaluation, but for dropout and for whitening by
the statistics of each clip.
"""

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

WAYS = ("dedup", "padded", "masked")


class Counts(NamedTuple):
    """How many bodies of the batch each row stands for.

    Attributes:
        each: (B,) numbers; 0 for a row that only fills up.
        singles: so many rows at the beginning certainly stand for one body each.
    """

    each: Tensor
    singles: int


class Packing(NamedTuple):
    """Which of a batch's N·M bodies are computed.

    Attributes:
        rows: (B,) bodies to compute.
        counts: what they stand for; None where each stands for itself.
        places: (N·M,) in which row each body is computed.
    """

    rows: Tensor
    counts: Counts | None
    places: Tensor


def seen_frames(x: Tensor) -> Tensor:
    """Where a body is seen, (N, M, T), in clips (N, C, T, V, M): zeros stand for bodies and frames without anybody."""
    return rearrange((x != 0).any(dim=3).any(dim=1), "n t m -> n m t")


def pack(present: Tensor, multiple: int = 1) -> Packing | None:
    """Choose one of the empty bodies at each place m, and all that are not empty; None if there is nothing to save.

    Args:
        present: (N, M), true where a body is seen in some frame.
        multiple: fill the rows up to a multiple of this, so that there are few different sizes.
    """
    N, M = present.shape
    empty = ~present
    missing = empty.sum(dim=0).tolist()  # the one moment at which a GPU is waited for
    places = [m for m, count in enumerate(missing) if count]
    if sum(missing) - len(places) < multiple:
        return None
    index = torch.arange(N * M, device=present.device).view(N, M)
    first = [index[:, m][empty[:, m]][:1] for m in places]
    rows = torch.cat([index[present], *first])
    fill = -len(rows) % multiple
    rows = torch.cat([rows, rows[-1:].expand(fill)])
    singles = N * M - sum(missing)
    counts = present.new_tensor([1] * singles + [missing[m] for m in places] + [0] * fill, dtype=torch.float32)
    row_of = torch.zeros(N * M, dtype=torch.long, device=present.device)
    row_of[index[present]] = torch.arange(singles, device=present.device)
    for number, m in enumerate(places):
        row_of[index[:, m][empty[:, m]]] = singles + number
    return Packing(rows, Counts(counts, singles if multiple == 1 else 0), row_of)


def pack_present(present: Tensor) -> Packing:
    """Choose the bodies that are seen, at least one."""
    flat = present.flatten()
    rows = flat.nonzero()[:, 0] if bool(flat.any()) else torch.zeros(1, dtype=torch.long, device=present.device)
    places = (flat.cumsum(dim=0) - 1).clamp(min=0)
    return Packing(rows, None, places)
