"""The torch device that a config's `accelerator` names."""

import torch

from stgdn.errors import InputError, choose


def chosen_device(accelerator: str) -> torch.device:
    """Return the torch device for `auto`, `cpu` or `gpu`.

    Raises:
        InputError: another word, or no GPU where one is asked for.
    """
    there = torch.cuda.is_available()
    if choose(accelerator, ("auto", "cpu", "gpu"), "accelerator") == "gpu" and not there:
        raise InputError("accelerator=gpu: PyTorch finds no GPU here, say accelerator=cpu")
    return torch.device("cuda" if there and accelerator != "cpu" else "cpu")
