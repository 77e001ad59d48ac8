"""Weight files of PyTorch, read without running code in them."""

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from stgdn.errors import InputError


def read_weights(path: Path, kind: str = "checkpoint") -> Any:  # noqa: ANN401
    """Read the weights and plain values of a file written by `torch.save`.

    Args:
        path: of the file.
        kind: expected kind of file, for messages.

    Raises:
        InputError: missing, damaged, of another kind, or with pickled code in it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of pickles that are not PyTorch's
            content = torch.load(path, map_location="cpu", weights_only=True)
        _expect_checksums(path)
        return content
    except pickle.UnpicklingError as error:
        code = re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error))
        reason = f"it holds {code[1]}" if code else "it is damaged, or not of PyTorch"
    except OSError as error:
        reason = error.strerror or str(error)
    except Exception as error:  # a file of another kind fails in whatever way its first bytes lead to
        message = str(error).splitlines()[0] if isinstance(error, RuntimeError) and str(error) else ""
        reason = message.split(". ")[0] or "it is damaged, or not of PyTorch"
    raise InputError(
        f"{path} is not a readable {kind}: {reason}; only weights and plain values are read, nothing in it was run"
    )


def _expect_checksums(path: Path) -> None:
    """Compare the content of a file with its checksums, which PyTorch writes but does not read.

    Raises:
        RuntimeError: they differ.
    """
    if zipfile.is_zipfile(path):  # since PyTorch 1.6
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise RuntimeError(f"its checksum of {damaged} differs")
