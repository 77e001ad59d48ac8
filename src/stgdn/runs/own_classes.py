"""Classes that are not this suite's: of a config that the user types, or of a stored one in a package that is trusted.

A stored config says which class to make and with which arguments, so that whoever wrote the file decides what the code
of that package is called with. Nothing of a package is imported before the user has said `trust=PACKAGE`.
"""

import inspect
import pydoc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError

if TYPE_CHECKING:  # what submits jobs does without PyTorch
    from torch import nn

_trusted: ContextVar[frozenset[str]] = ContextVar("trusted", default=frozenset())


@contextmanager
def trusting(packages: str | Sequence[str] | None) -> Iterator[None]:
    """Trust packages or modules, by their dotted names, besides those that are trusted already."""
    names = [packages] if isinstance(packages, str) else packages or ()
    token = _trusted.set(_trusted.get() | frozenset(names))
    try:
        yield
    finally:
        _trusted.reset(token)


def is_trusted(path: object) -> bool:
    """Return whether the dotted path of a class lies in a package that the user trusts."""
    return isinstance(path, str) and any(path.startswith(f"{package}.") for package in _trusted.get())


def trust_hint(path: object) -> str:
    """Return what to type if the class at a dotted path is the user's own."""
    package = str(path).partition(".")[0]
    return f"if its code is yours, say trust={package}, in Python stgdn.load(..., trust='{package}')"


def own_packages(model: Mapping[Any, Any]) -> list[str]:
    """Return the packages that are not this suite's among those of a network's class and blocks."""
    paths = {str(model["_target_"]), *dotted_blocks(model.get("blocks"))}
    return sorted({path.partition(".")[0] for path in paths} - {"stgdn"})


def dotted_blocks(blocks: Any) -> list[str]:  # noqa: ANN401
    """Return the dotted paths in the row `blocks` of a network, a list or one word."""
    return [str(word) for word in ([blocks] if isinstance(blocks, str) else blocks or ()) if "." in str(word)]


def build_trusted(config: Mapping[Any, Any], kind: str, *arguments: Any) -> Any:  # noqa: ANN401
    """Build what a stored config names by Hydra: classes and functions of packages that the user trusts, no others.

    Raises:
        InputError: others, such as a function that the package has only imported, or arguments that do not fit.
    """
    _expect_trusted(config)
    try:
        return make_network(config) if kind == "network" else instantiate(config, *arguments, _convert_="all")
    except HydraException as error:
        reason = " ".join(str(error.__cause__ or error).split())[:300]
        raise InputError(f"{config['_target_']} cannot be made as the config says: {reason}") from error


def _expect_trusted(content: object) -> None:
    """Check that all that plain data name at any depth is trusted, and defined in the package that it is named in."""
    for value in content.values() if isinstance(content, Mapping) else content if isinstance(content, list) else ():
        _expect_trusted(value)
    if not isinstance(content, Mapping) or "_target_" not in content:
        return
    path = str(content["_target_"])
    if not is_trusted(path):
        raise InputError(f"the config names {path!r}, which is none of this suite's: {trust_hint(path)}")
    found, package = _find(path), path.partition(".")[0]
    if found is None:
        where = f"start in the folder of {package}, or say --config-dir FOLDER"
        raise InputError(f"there is no {path}, which the config names: {where}")
    if not callable(found) or str(getattr(found, "__module__", "")).partition(".")[0] != package:
        raise InputError(f"the config names {path!r}, which {package} does not define: nothing is made of it")


def _find(path: str) -> Any:  # noqa: ANN401
    """Return what a dotted path names; None if there is nothing, or code that fails."""
    with suppress(pydoc.ErrorDuringImport):
        return pydoc.locate(path)


def make_network(model: Mapping[Any, Any]) -> "nn.Module":
    """Make the network of a `model` config that the user has typed or trusts; any class of PyTorch modules will do.

    Raises:
        InputError: `_target_` makes something else.
    """
    from torch import nn

    plain: Any = OmegaConf.to_container(model, resolve=True) if isinstance(model, DictConfig) else dict(model)
    if not _takes_name(plain.get("_target_")):
        plain.pop("name", None)  # it names the run only
    network = instantiate(plain, _convert_="all")
    if not isinstance(network, nn.Module):
        found = type(network).__name__
        raise InputError(f"model._target_={plain.get('_target_')} makes a {found}: name a class of torch.nn.Module")
    return network


def _takes_name(path: object) -> bool:
    """Return whether the class at a dotted path has an argument `name`."""
    from stgdn.model.network import Network

    made: Any = _find(str(path))
    if not callable(made) or (isinstance(made, type) and issubclass(made, Network)):
        return True  # in the first case who makes it says what is wrong
    return "name" in inspect.signature(made).parameters
