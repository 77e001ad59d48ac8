"""Run one of two data-parallel processes: `python distributed_step.py RANK STORE OUT`.

Every process trains one step with its half of the clips, wrapped as Lightning wraps networks, and writes the results.
A single process makes the same step with all clips by the same functions.
"""

import sys

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from stgdn.model.spatial import GDCN
from stgdn.model.temporal import TDN
from stgdn.model.whitening import Whitening

CLIPS, BODIES, C, T, V = 4, 2, 3, 5, 4


class Filters(nn.Module):
    """Every way of whitening, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        physical = torch.rand(3, V, V, generator=torch.Generator().manual_seed(0))
        self.spatial = GDCN(C, 8, physical)
        self.temporal = TDN(8, frames=T, kernel_size=3)
        self.channels = Whitening("channel", 8)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map x (N·M, C, T, V) to (N·M, 8, T, V)."""
        return self.channels(self.temporal(self.spatial(x, mask), mask), mask)


def filters() -> Filters:
    """The same weights in every process, in float64."""
    torch.manual_seed(0)
    return Filters().double()


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Features (N·M, C, T, V), a mask (N, M, T) that differs between the halves, and weights of the loss."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(CLIPS * BODIES, C, T, V, generator=generator, dtype=torch.float64).cumsum(dim=2)
    mask = torch.ones(CLIPS, BODIES, T, dtype=torch.bool)
    mask[0, 1] = False
    mask[1, :, 2:] = False
    mask[2, 1, 4:] = False
    return x, mask, torch.randn(CLIPS * BODIES, 8, T, V, generator=generator, dtype=torch.float64)


def step(model: nn.Module, x: Tensor, mask: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Outputs, gradients with respect to parameters, and running statistics."""
    y = model(x, mask)
    (y * weights).mean().backward()
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    assert isinstance(inner, Filters)
    found = {"outputs": y.detach()}
    found |= {f"gradient of {name}": part.grad for name, part in inner.named_parameters() if part.grad is not None}
    return found | {name: part.clone() for name, part in inner.named_buffers()}


def main(rank: int, store: str, out: str) -> None:
    """Train one step on this process's half."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    x, mask, weights = batch()
    half, clips = slice(rank * len(x) // 2, (rank + 1) * len(x) // 2), slice(rank * CLIPS // 2, (rank + 1) * CLIPS // 2)
    torch.save(step(DistributedDataParallel(filters()), x[half], mask[clips], weights[half]), out)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
