"""Calls on a network that are timed.

forward     the scores in training, with all that backward needs
backward    the same, the loss, and all gradients
step        the same, and a step of SGD with Nesterov momentum
inference   the scores in evaluation; this repository's networks are folded first
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.model.fold import fold
from stgdn.model.network import Network

MEASURES = ("forward", "backward", "step", "inference")
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4  # the letter's recipe, as in stgdn.training.recognizer
LEARNING_RATE = 1e-3  # low, so that hundreds of steps on noise stay finite; it costs as much as any other
FORMS = 256  # compiled forms of the same line of code, which all networks share
BATCHES = 3  # different ones, in turn


@dataclass(frozen=True)
class Setting:
    """Settings that networks are run with.

    Attributes:
        device: `cpu` or `cuda`.
        precision: `float32`, or `bf16` by autocast.
        compile: whether through torch.compile.
        threads: of PyTorch on the CPU.
    """

    device: str
    precision: str
    compile: bool
    threads: int

    def autocast(self) -> AbstractContextManager:
        """Return the autocast context of networks and loss."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")

    def compiled(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """The module, through torch.compile where that is asked for."""
        if isinstance(module, Network):
            module.compiles = self.compile  # but for what sorts out bodies
        if not self.compile:
            return module
        torch._dynamo.config.recompile_limit = FORMS  # beyond it, code would silently run as it is
        return module if isinstance(module, Network) else torch.compile(module)


@dataclass(frozen=True)
class Batch:
    """Clips (N, C, T, V, M) and their labels (N,)."""

    clips: Tensor
    labels: Tensor


def batches(clip_shape: Sequence[int], size: int, pairs: float, classes: int, device: str) -> list[Batch]:
    """Batches of noise in which the share `pairs` of the clips has all bodies and the others have one.

    As in training that share is not the same in every batch: one clip more and one fewer in turn.

    Args:
        clip_shape: (C, T, V, M).
        size: clips in a batch.
        pairs: share of clips with all bodies; the other bodies are zeros.
        classes: of the labels.
        device: where they are.
    """
    generator = torch.Generator().manual_seed(1)
    made = []
    for more in (0, 1, -1)[:BATCHES]:
        clips = torch.randn(size, *clip_shape, generator=generator)
        count = round(pairs * size)
        with_all = min(max(count + (more if 0 < count < size else 0), 0), size)
        alone = torch.randperm(size, generator=generator)[with_all:]
        clips[alone, ..., 1:] = 0
        labels = torch.randint(classes, (size,), generator=generator)
        made.append(Batch(clips.to(device), labels.to(device)))
    return made


def fused_sgd(module: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser: all parameters in one call."""
    return torch.optim.SGD(
        module.parameters(),
        lr=LEARNING_RATE,
        momentum=MOMENTUM,
        nesterov=True,
        weight_decay=WEIGHT_DECAY,
        fused=True,
    )


def folded(module: nn.Module) -> nn.Module:
    """Return the network as inference uses it: folded if it is this repository's, else unchanged."""
    module = module.eval()
    return fold(module) if isinstance(module, Network) else module


def measure(kind: str, module: nn.Module, given: Sequence[Batch], setting: Setting) -> Callable[[int], Any]:
    """A call that does `kind` (one of MEASURES) to a network on the n-th batch.

    The module is used up: it stays in the mode that `kind` needs.

    Args:
        kind: one of MEASURES.
        module: the network.
        given: batches, in turn.
        setting: how it is run.
    """
    if kind == "inference":
        return _inference(setting.compiled(folded(module)), given, setting)
    run = setting.compiled(module.train())
    optimizer = fused_sgd(module) if kind == "step" else None

    def forward(n: int) -> Tensor:
        with setting.autocast():
            return run(given[n % len(given)].clips)

    def backward(n: int) -> None:
        module.zero_grad(set_to_none=True)
        with setting.autocast():
            loss = F.cross_entropy(run(given[n % len(given)].clips), given[n % len(given)].labels)
        loss.backward()
        if optimizer is not None:
            optimizer.step()

    return forward if kind == "forward" else backward


def _inference(run: Callable[[Tensor], Tensor], given: Sequence[Batch], setting: Setting) -> Callable[[int], Tensor]:
    @torch.no_grad()
    def inference(n: int) -> Tensor:
        with setting.autocast():
            return run(given[n % len(given)].clips)

    return inference
