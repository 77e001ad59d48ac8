"""Find where the numbers of a training step stop being finite: in the clips, a layer, a gradient or the weights."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

LARGEST_INPUT = 1e6  # stores hold values up to 60,000, and a difference of differences up to four times as much
NAMED = 3  # clips that a message names


def usable(clips: Tensor) -> Tensor:
    """Return a tensor, true if all values of clips are finite and at most `LARGEST_INPUT`; reads them once."""
    lowest, highest = torch.aminmax(clips.detach())
    return (lowest >= -LARGEST_INPUT) & (highest <= LARGEST_INPUT)  # a NaN is neither


def finite_gradients(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Return a tensor, true if all gradients are finite."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return get_total_norm(gradients, norm_type=math.inf).isfinite()


def unusable_clips(clips: Tensor, names: Sequence[str]) -> list[str]:
    """Return `NAME (VALUE)` of the clips (N, ...) that `usable` refuses, with the first such value of each."""
    values = clips.detach().flatten(1).float()
    bad = ~(values.abs() <= LARGEST_INPUT)
    return [f"{names[n]} ({values[n, bad[n]][0]:.3g})" for n in bad.any(dim=1).nonzero()[:, 0].tolist()]


def find_divergence(network: nn.Module, clips: Tensor) -> str:
    """Return what was no finite number first in a training step on finite clips, as a sentence.

    The network is run again without gradients. Its weights should be those of the step, its gradients still there.
    """
    if weight := _first_infinite(network.named_parameters()):
        return f"the loss is no finite number, after a step that left {weight} not finite"
    if layer := _first_infinite_output(network, clips):
        return f"the loss is no finite number, and first so is the output of {layer}"
    gradients = [(name, parameter.grad) for name, parameter in network.named_parameters()]
    if weight := _first_infinite(reversed(gradients)):  # they are computed from the last layer on
        return f"the loss is finite, but the gradient of {weight} is no finite number"
    return "the loss is no finite number, though all scores are"


def _first_infinite(tensors: Iterable[tuple[str, Tensor | None]]) -> str | None:
    return next((name for name, tensor in tensors if tensor is not None and not bool(tensor.isfinite().all())), None)


def _first_infinite_output(network: nn.Module, clips: Tensor) -> str | None:
    """Return name and class of the first module to return something that is not finite."""
    found: list[str] = []

    def check(name: str) -> Any:  # noqa: ANN401
        def hook(module: nn.Module, _: Any, output: Any) -> None:  # noqa: ANN401
            outputs = output if isinstance(output, tuple) else (output,)
            if not found and any(isinstance(x, Tensor) and not bool(x.isfinite().all()) for x in outputs):
                found.append(f"{name or 'the network'} ({type(module).__name__})")

        return hook

    hooks = [module.register_forward_hook(check(name)) for name, module in network.named_modules()]
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):  # compiled code calls no hooks
            network(clips)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else None
