"""Weights of a trained network as the start of another training: `init=` of src/train.py."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from stgdn.errors import InputError
from stgdn.inference.load import read_trained
from stgdn.training.recognizer import Recognizer

LISTED = 20  # weights that are not taken, by name


def start_from(recognizer: Recognizer, place: str | Path) -> str:
    """Set the weights, statistics and covariances of a network to those of a trained one, as many as fit.

    What fits has the same name and shape: with other classes all but the classifier, with other joints also not the
    learned graphs.

    Args:
        recognizer: to be trained; nothing else of it is changed.
        place: a run's folder, a checkpoint, or a folder of exported weights, as for `stgdn.load`.

    Returns:
        How many are taken, and a line for each that is not.

    Raises:
        InputError: no such place, weights that were folded for inference, or none that fits.
    """
    content, path = read_trained(place)
    if content.get("folded"):
        raise InputError(f"init={place} holds folded weights, for inference only: export them with folded=false")
    own, given = recognizer.state_dict(), content["state_dict"]
    fitting = {name: given[name] for name in own if _shape(given, name) == _shape(own, name)}
    if not fitting:
        raise InputError(f"init={place}: none of its {len(given)} weights fits {type(recognizer.network).__name__}")
    recognizer.load_state_dict(fitting, strict=False)
    others = [
        f"  {name.removeprefix('network.')}: {_shape(given, name)} there, {_shape(own, name)} here"
        for name in dict.fromkeys([*own, *given])
        if name not in fitting
    ]
    more = [f"  and {len(others) - LISTED} more"] if len(others) > LISTED else []
    head = f"{len(fitting)} of {len(own)} weights are those of {path}{', not these:' if others else ''}"
    return "\n".join([head, *others[:LISTED], *more])


def _shape(weights: Mapping[str, Tensor], name: str) -> str:
    return str(tuple(weights[name].shape)) if name in weights else "none"
