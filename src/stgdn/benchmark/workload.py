"""What is timed: a call on a network, with the clips it is given and the way it is run.

forward     the scores in training, with all that backward needs
backward    the same, the loss, and all gradients
step        the same, and a step of SGD with Nesterov momentum
inference   the scores in evaluation; this repository's networks are folded first
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.model.fold import fold
from stgdn.model.network import Network

MEASURES = ("forward", "backward", "step", "inference")
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4  # the letter's recipe, as in stgdn.training.recognizer
LEARNING_RATE = 1e-3  # low, so that hundreds of steps on noise stay finite; it costs as much as any other
RECOMPILE_LIMIT = 256  # compiled forms of the same line of code, which all networks share


class Batch(NamedTuple):
    """Hold clips (N, C, T, V, M) and their labels (N,)."""

    clips: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Workload:
    """Describe the clips that networks are given and how networks are run, as plain data.

    Attributes:
        clip_shape: (C, T, V, M).
        classes: number of scores.
        batch: clips in a batch.
        pairs: share of clips with all bodies; the others have one, and zeros for the rest.
        device: `cpu` or `cuda`.
        precision: `float32`, or `bf16` by autocast.
        compile: by torch.compile.
        threads: of PyTorch on the CPU.
    """

    clip_shape: tuple[int, int, int, int]
    classes: int
    batch: int
    pairs: float
    device: str = "cpu"
    precision: str = "float32"
    compile: bool = False
    threads: int = 1

    def batches(self) -> list[Batch]:
        """Return three batches of noise, the same every time.

        As in training, the number of clips with all bodies differs: one more and one fewer in turn.
        """
        generator = torch.Generator().manual_seed(1)
        count = round(self.pairs * self.batch)
        made = []
        for more in (0, 1, -1) if 0 < count < self.batch else (0, 0, 0):
            clips = torch.randn(self.batch, *self.clip_shape, generator=generator)
            single = torch.randperm(self.batch, generator=generator)[count + more :]
            clips[single, ..., 1:] = 0
            labels = torch.randint(self.classes, (self.batch,), generator=generator)
            made.append(Batch(clips.to(self.device), labels.to(self.device)))
        return made

    def autocast(self) -> AbstractContextManager:
        """Return the autocast context of networks and loss."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")

    def compiled(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return the module, compiled where that is asked for."""
        if isinstance(module, Network):
            module.compiles = self.compile  # compiles its layers itself, without what sorts bodies
        if not self.compile:
            return module
        torch._dynamo.config.recompile_limit = RECOMPILE_LIMIT  # beyond it, code would silently run uncompiled
        return module if isinstance(module, Network) else torch.compile(module)


def fused_sgd(module: nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimizer, all parameters in one call."""
    return torch.optim.SGD(
        module.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY, fused=True
    )


def folded(module: nn.Module) -> nn.Module:
    """Return the network as inference uses it: folded if it is this repository's, else unchanged."""
    module = module.eval()
    return fold(module) if isinstance(module, Network) else module


def timed_call(measure: str, module: nn.Module, workload: Workload, batches: Sequence[Batch]) -> Callable[[int], Any]:
    """Return a function that does `measure` to a network on batch n modulo their number.

    Args:
        measure: one of MEASURES.
        module: the network; it is left in the mode that the measure needs.
        workload: how it is run.
        batches: what it is given, in turn.
    """
    training = measure != "inference"
    run = workload.compiled(module.train() if training else folded(module))
    optimizer = fused_sgd(module) if measure == "step" else None

    def forward(n: int) -> Tensor:
        with torch.set_grad_enabled(training), workload.autocast():
            return run(batches[n % len(batches)].clips)

    def backward(n: int) -> None:
        module.zero_grad(set_to_none=True)
        scores = forward(n)
        with workload.autocast():
            loss = F.cross_entropy(scores, batches[n % len(batches)].labels)
        loss.backward()
        if optimizer is not None:
            optimizer.step()

    return backward if measure in ("backward", "step") else forward
