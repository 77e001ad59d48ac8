"""Choose which bodies of a batch are computed: empty bodies are all the same and are computed once.

Most clips have one body; the second is padding. Behind the input BatchNorm all empty bodies with the same index m are
the same tensor, and they stay the same in all layers: graphs, whitening and convolutions process one body at a time,
and the statistics that they share are the same for all. So one empty body represents all. BatchNorm counts it as often
as it occurs, whitening leaves it out, as it does without packing. The result is exactly the same, in training and in
evaluation, except with whitening by the statistics of each clip, where every body is computed.

Dropout draws one mask for all the empty bodies that one stands for. The bodies of a clip still have independent masks
of the same distribution, and so have its scores; different clips share the mask of their empty body.
"""

from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

EMPTY_BODY_MODES = ("dedup", "padded", "masked")


class Counts(NamedTuple):
    """Hold the number of bodies that each row of a packed batch represents.

    Attributes:
        row_counts: (B,) numbers; 0 for a row that only fills up the batch.
        num_single: number of leading rows that are known to represent one body each.
    """

    row_counts: Tensor
    num_single: int


def run_filter(filter: nn.Module, x: Tensor, mask: Tensor | None, counts: Counts | None) -> Tensor:
    """Return filtered x; a filter whose class says `takes_counts = True` is given `counts`, for its own BatchNorms."""
    return filter(x, mask, counts) if getattr(filter, "takes_counts", False) else filter(x, mask)


class Packing(NamedTuple):
    """Hold the bodies of a batch that are computed, out of N·M.

    Attributes:
        rows: (B,) indices of the bodies to compute.
        counts: number of bodies that each row represents; None if each row represents only itself.
        positions: (N·M,) index of the row in which each body is computed.
    """

    rows: Tensor
    counts: Counts | None
    positions: Tensor


def seen_frames(x: Tensor) -> Tensor:
    """Return the mask (N, M, T) of clips (N, C, T, V, M): true where a body is seen, which is not zero everywhere."""
    return rearrange((x != 0).any(dim=3).any(dim=1), "n t m -> n m t")


def pack(present: Tensor, multiple: int = 1) -> Packing | None:
    """Choose all bodies that are not empty and one empty body for each index m; None if that saves nothing.

    Args:
        present: (N, M), true where a body is seen in some frame.
        multiple: fill the rows up to a multiple of this number, so that there are few different batch sizes.
    """
    N, M = present.shape
    empty = ~present
    num_empty = empty.sum(dim=0).tolist()  # the only synchronisation with a GPU
    with_empty = [m for m, count in enumerate(num_empty) if count]
    if sum(num_empty) - len(with_empty) < multiple:
        return None
    index = torch.arange(N * M, device=present.device).view(N, M)
    first = [index[:, m][empty[:, m]][:1] for m in with_empty]
    rows = torch.cat([index[present], *first])
    fill = -len(rows) % multiple
    rows = torch.cat([rows, rows[-1:].expand(fill)])
    num_single = N * M - sum(num_empty)
    counts = present.new_tensor([1] * num_single + [num_empty[m] for m in with_empty] + [0] * fill, dtype=torch.float32)
    positions = torch.zeros(N * M, dtype=torch.long, device=present.device)
    positions[index[present]] = torch.arange(num_single, device=present.device)
    for number, m in enumerate(with_empty):
        positions[index[:, m][empty[:, m]]] = num_single + number
    return Packing(rows, Counts(counts, num_single if multiple == 1 else 0), positions)


def pack_present(present: Tensor) -> Packing:
    """Choose the bodies that are seen, or the first body if none is; present is (N, M)."""
    flat = present.flatten()
    rows = flat.nonzero()[:, 0] if bool(flat.any()) else torch.zeros(1, dtype=torch.long, device=present.device)
    positions = (flat.cumsum(dim=0) - 1).clamp(min=0)
    return Packing(rows, None, positions)
