"""Files of weights that the published code has written."""

import hashlib
from pathlib import Path

from torch import Tensor

from stgdn.errors import InputError
from stgdn.runs.weights_file import read_weights

WRAPPED = "module."  # prefix that torch.nn.DataParallel puts before every name
NESTED = ("state_dict", "model_state_dict", "model")


def read_published(path: Path) -> dict[str, Tensor]:
    """Read the weights of a file, by their published names.

    Raises:
        InputError: no file, or it holds something other than weights (pickled code is refused, nothing of it runs).
    """
    content = read_weights(path, "file of weights")
    for key in NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(part, Tensor) for part in content.values()):
        raise InputError(f"{path} is no state dict: give a file that maps names to weights, such as the published .pt")
    names = [str(name) for name in content]
    cut = len(WRAPPED) if all(name.startswith(WRAPPED) for name in names) else 0
    return {name[cut:]: tensor for name, tensor in zip(names, content.values(), strict=True)}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
