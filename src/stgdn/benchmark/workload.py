"""Calls on a network that are timed, with their clips and the way they are run.

forward     the scores in training, with all that backward needs
backward    the same, the loss, and all gradients
step        the same, and a step of SGD with Nesterov momentum
inference   the scores in evaluation; this repository's networks are folded first
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgdn.model.fold import fold
from stgdn.model.network import Network

MEASURES = ("forward", "backward", "step", "inference")
# tf32: convolutions only, as PyTorch does by itself; matrix products, and so covariances, stay in float32.
PRECISIONS = {"float32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}
# The letter's recipe, as in conf/optimizer/sgd.yaml, all parameters in one call. The learning rate is low, so that
# hundreds of steps on noise stay finite; it costs as much as any other.
SGD = {"lr": 1e-3, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4, "fused": True}
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
        precision: `float32`; `tf32`, which is float32 with convolutions in TF32; or `bf16` by autocast.
        compile: by torch.compile; or its mode, such as `reduce-overhead`, which records CUDA graphs.
        threads: of PyTorch on the CPU.
    """

    clip_shape: tuple[int, int, int, int]
    classes: int
    batch: int
    pairs: float
    device: str = "cpu"
    precision: str = "float32"
    compile: bool | str = False
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
            clips[torch.randperm(self.batch, generator=generator)[count + more :], ..., 1:] = 0
            labels = torch.randint(self.classes, (self.batch,), generator=generator)
            made.append(Batch(clips.to(self.device), labels.to(self.device)))
        return made

    @contextmanager
    def numerics(self) -> Iterator[None]:
        """Run networks and loss in the precision: by autocast, and with or without TF32."""
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = self.precision != "float32"
        try:
            with torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16"):
                yield
        finally:
            torch.backends.cudnn.allow_tf32 = before

    def compiled(self, module: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return the module, compiled where that is asked for."""
        mode = self.compile if isinstance(self.compile, str) else None
        if isinstance(module, Network):  # compiles its layers itself, without what sorts bodies
            module.compiles, module.compile_mode = bool(self.compile), mode
        if not self.compile:
            return module
        torch._dynamo.config.recompile_limit = RECOMPILE_LIMIT  # beyond it, code would silently run uncompiled
        return module if isinstance(module, Network) else torch.compile(module, mode=mode)


def timed_call(measure: str, module: nn.Module, workload: Workload, batches: Sequence[Batch]) -> Callable[[int], Any]:
    """Return a function that does one of MEASURES to a network, given batch n modulo their number.

    The network is left in the mode that the measure needs.
    """
    training = measure != "inference"
    module = module.train(training)
    run = workload.compiled(fold(module) if isinstance(module, Network) and not training else module)
    if measure in ("backward", "step"):
        step = training_step(module, run, workload, update=measure == "step")
        return lambda n: step(batches[n % len(batches)])

    def forward(n: int) -> Tensor:
        with torch.set_grad_enabled(training), workload.numerics():
            return run(batches[n % len(batches)].clips)

    return forward


def training_step(
    module: nn.Module, run: Callable[[Tensor], Tensor], workload: Workload, *, update: bool = True
) -> Callable[[Batch], None]:
    """Return a function that takes a training step on a batch.

    Args:
        module: in training mode.
        run: the module, compiled or not.
        workload: how it is run.
        update: False to compute gradients only.
    """
    optimizer = torch.optim.SGD(module.parameters(), **SGD) if update else None

    def step(batch: Batch) -> None:
        module.zero_grad(set_to_none=True)
        with workload.numerics():
            loss = F.cross_entropy(run(batch.clips), batch.labels)
        loss.backward()
        if optimizer is not None:
            optimizer.step()

    return step
