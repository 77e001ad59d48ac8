"""A process of a data-parallel run of two: `python norm_ranks.py RANK STORE OUT`. Also holds what one process compares.

Every process trains two steps with its half of the clips and writes what it got.
"""

import sys

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from stgdn.model.norm import BatchNorm
from stgdn.training.sync_norm import BatchNormOverRanks

N, C, T, V = 6, 3, 4, 5


class Norms(nn.Module):
    """A BatchNorm of (N, C) and one of (N, C, T, V), with something to learn between them."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.linear, self.deep = BatchNorm(C * T * V), nn.Linear(V, V), BatchNorm(C)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, T, V) to the same shape."""
        return self.deep(self.linear(self.flat(x.flatten(1)).view_as(x)))


def norms() -> Norms:
    """The same weights in every process, in float64, neither ones nor zeros."""
    torch.manual_seed(0)
    model = Norms().double()
    for module in (model.flat, model.deep):
        nn.init.normal_(module.weight)
        nn.init.normal_(module.bias)
    return model


def batch() -> tuple[Tensor, Tensor]:
    """Features (N, C, T, V) far from zero mean, and weights of the loss."""
    generator = torch.Generator().manual_seed(1)
    shape = (N, C, T, V)
    x = 100 + torch.randn(shape, generator=generator, dtype=torch.float64).cumsum(dim=0)
    return x, torch.randn(shape, generator=generator, dtype=torch.float64)


def steps(model: nn.Module, x: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Outputs, gradients and running averages after two passes."""
    x = x.clone().requires_grad_()
    model(x)
    y = model(x)
    (y * weights).mean().backward()
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    assert x.grad is not None
    found = {"outputs": y.detach(), "gradient of x": x.grad * len(x)}  # the loss is a mean over clips
    found |= {f"gradient of {name}": part.grad for name, part in inner.named_parameters() if part.grad is not None}
    return found | {name: part.clone() for name, part in inner.named_buffers()}


def main(rank: int, store: str, out: str) -> None:
    """Take this process's half through both."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    x, weights = batch()
    half = slice(rank * N // 2, (rank + 1) * N // 2)
    model = BatchNormOverRanks().apply(norms())
    torch.save(steps(DistributedDataParallel(model, broadcast_buffers=False), x[half], weights[half]), out)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
