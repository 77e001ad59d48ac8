"""The device that a word of a config stands for."""

import torch

from stgdn.errors import InputError, choose


def chosen_device(accelerator: str) -> torch.device:
    """The device that a word stands for.

    Raises:
        InputError: another word, or no GPU where one is asked for.
    """
    there = torch.cuda.is_available()
    if choose(accelerator, ("auto", "cpu", "gpu"), "accelerator") == "gpu" and not there:
        raise InputError("accelerator=gpu: PyTorch finds no GPU here, say accelerator=cpu")
    return torch.device("cuda" if there and accelerator != "cpu" else "cpu")
