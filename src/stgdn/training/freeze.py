"""Parts of a network that training leaves as they are: `freeze=` of src/train.py."""

from collections.abc import Sequence

from torch import nn

from stgdn.errors import InputError, nearest


def freeze(network: nn.Module, names: Sequence[str]) -> None:
    """Keep weights, BatchNorm statistics and running covariances of parts of a network, which stay in evaluation mode.

    Args:
        network: the network; its parts are modules by their dotted names.
        names: of parts, such as `input_norm` and `layers.0`.

    Raises:
        InputError: a name that no part has, or nothing is left to train.
    """
    parts = {name: module for name, module in network.named_modules() if name}
    for name in names:
        if name not in parts:
            near = nearest(str(name), list(parts))
            hint = f"; did you mean '{near}'?" if near else ";"
            outer = ", ".join(part for part, _ in network.named_children())
            known = f"{outer} and the parts of these, such as layers.0"
            raise InputError(f"freeze: the network has no part '{name}'{hint} it has {known}")
        parts[name].requires_grad_(False).eval()
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InputError(f"freeze={list(names)} leaves no weight to train: freeze fewer parts")
