"""Networks from a user's file. Loading one runs the Python code in it, as importing any package does."""

import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from stgdn.errors import InputError, choose
from stgdn.model.clip_check import summarise


def split(place: str) -> tuple[Path, str]:
    """Return the file and the class of `PATH:CLASS`."""
    path, _, name = place.rpartition(":")
    if not path or not name.isidentifier():
        raise InputError(f"module={place} is not PATH:CLASS: give something like module=../other/model.py:Model")
    return Path(path), name


def load(place: str, options: Mapping[str, Any]) -> nn.Module:
    """Make an object of the class at `PATH:CLASS`.

    The code can import from its folder and the one above, before all others. What it has imported from there is
    forgotten afterwards, since another repository may have files of the same names.

    Raises:
        InputError: no such file or class, code that fails, or options that the class does not take.
    """
    path, name = split(place)
    if not path.is_file():
        raise InputError(f"module={place}: there is no file {path}; give the path of a Python file, then :CLASS")
    with _importing_from(path.resolve().parent, path.resolve().parent.parent):
        kind = _network_class(path.resolve(), name)
        try:
            return kind(**options)
        except Exception as error:
            signature = inspect.signature(kind.__init__).replace(return_annotation=inspect.Signature.empty)
            raise InputError(
                f"{name} of {path} cannot be made with module_options={dict(options)}: {summarise(error)}; it takes "
                f"{name}{signature}"
            ) from None


def _network_class(path: Path, name: str) -> type[nn.Module]:
    spec = importlib.util.spec_from_file_location(f"user_module_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file: its name must end in .py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path} cannot be imported: {summarise(error)}") from None
    kinds = {key: kind for key, kind in vars(module).items() if isinstance(kind, type) and issubclass(kind, nn.Module)}
    return kinds[choose(name, kinds, f"network class of {path}")]


@contextmanager
def _importing_from(*folders: Path) -> Iterator[None]:
    """Import from these folders before all others, and forget afterwards what was imported from them."""
    modules, paths = set(sys.modules), list(sys.path)
    sys.path[:0] = map(str, folders)
    try:
        yield
    finally:
        sys.path[:] = paths
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and any(Path(file).is_relative_to(folder) for folder in folders):
                del sys.modules[name]
