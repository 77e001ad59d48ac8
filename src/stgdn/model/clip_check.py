"""Check that a network that is not this suite's computes scores of clips, before anything that takes long."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from stgdn.errors import InputError


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Let a module compute as in evaluation, without gradients; afterwards every part has the mode of before."""
    modes = [(part, part.training) for part in module.modules()]  # frozen ones do not train
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def expect_scores(network: nn.Module, name: str, clips: Tensor, classes: int, advice: str) -> None:
    """Check that a network that is not this suite's maps clips (N, C, T, V, M) to scores (N, classes).

    Raises:
        InputError: it fails, or gives something else; `advice` says how it is built for other clips or classes.
    """
    try:
        with evaluating(network):
            scores = network(clips)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = [frame for frame in frames if f"{os.sep}torch{os.sep}" not in frame.filename][-1]
        where = f"{place.filename}:{place.lineno}"
        if clips.device.type == "cpu" and "cuda" in (place.line or ""):
            raise InputError(
                f"{name} computes on a CPU here, and {where} takes a GPU for granted with `{place.line}`: write "
                ".to(x.device) there, or register the tensor with register_buffer"
            ) from error
        shape = tuple(clips.shape)
        raise InputError(
            f"{name} fails on clips (N, C, T, V, M) = {shape}: {summarise(error)} ({where}); {advice}"
        ) from error
    found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
    if found != (len(clips), classes):
        raise InputError(
            f"{name} gives {found} for {len(clips)} clips where (N, classes) = {(len(clips), classes)} is needed: "
            f"{advice}, or wrap it in a class that returns the scores alone"
        )


def summarise(error: Exception) -> str:
    """Return the kind of an error and the first line of its message."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0].removesuffix(": ")
