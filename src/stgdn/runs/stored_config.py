"""Configs read from files: of a run, a checkpoint, an exported network. These files are not trusted.

What a user types, on the command line or in `conf/`, may name any class (`hydra.utils.instantiate`). A stored config
may not: `build` makes the classes of `CLASSES`, those of packages that the user trusts (`own_classes.py`), and no
others; nothing else that such a config names is imported or called. Interpolations are refused, as they could read
environment variables, and names in it that become names of files are checked. `data.reader` is never built from a
stored config: it only says how its store was read.
"""

import functools
import inspect
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from stgdn.checksums import expect_unchanged
from stgdn.errors import InputError
from stgdn.runs.folder import SUMMARY
from stgdn.runs.naming import check_names
from stgdn.runs.own_classes import build_trusted, dotted_blocks, is_trusted, trust_hint

MOST_BYTES = 1 << 20
MOST_LEVELS = 100  # of groups within groups
SPECIAL = re.compile(r"_\w+_")  # keys by which Hydra makes objects: _target_, _args_, _partial_, _recursive_, ...
# Where a run's config names classes.
TARGETS = (
    ("model",), ("data", "reader"), ("loss",), ("optimizer",), ("scheduler",),
    ("callbacks",), ("logger",), ("trainer",),
)  # fmt: skip

OPTIMIZERS = (
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "Muon", "NAdam", "RAdam"),
    *("RMSprop", "Rprop", "SGD", "SparseAdam"),
)
NETWORK = "stgdn.model.network.Network"  # of rows, and the one that has a name of its own
# Classes that a stored config may name, by kind.
CLASSES: Mapping[str, frozenset[str]] = {
    "network": frozenset({NETWORK, "stgdn.model.gcn_nas.GCNNAS", "stgdn.model.as_gcn.ASGCN"}),
    "loss": frozenset({"stgdn.training.loss.CrossEntropy"}),
    "optimizer": frozenset(f"torch.optim.{name}" for name in OPTIMIZERS),
    "scheduler": frozenset(f"stgdn.training.schedulers.{name}" for name in ("cosine", "step")),
    "callback": frozenset(
        {
            "stgdn.training.callbacks.over_smoothing.OverSmoothing",
            *(f"lightning.pytorch.callbacks.{name}" for name in ("EarlyStopping", "EMAWeightAveraging")),
        }
    ),
}
PARTIAL = ("optimizer", "scheduler")  # kinds that are completed with parameters later

# What version 0.1 had no names for: it trained by the letter's optimizer, schedule and loss only.
LETTER_SGD = {"_target_": "torch.optim.SGD", "_partial_": True, "fused": True}
LETTER_SCHEDULE = {"_target_": "stgdn.training.schedulers.cosine", "_partial_": True}
LETTER_LOSS = {"_target_": "stgdn.training.loss.CrossEntropy", "class_weights": None}
OVER_SMOOTHING = {"_target_": "stgdn.training.callbacks.over_smoothing.OverSmoothing"}
# Where classes that stored configs name have moved to.
MOVED = {
    "stgdn.data.readers.agcn_arrays.AGCNArrayReader": "stgdn.data.readers.arrays.AGCNArrayReader",
    "stgdn.data.readers.ctr_gcn_arrays.CTRGCNArrayReader": "stgdn.data.readers.arrays.CTRGCNArrayReader",
}


class _Loader(*([yaml.CSafeLoader] if yaml.__with_libyaml__ else []), get_yaml_loader()):
    """Read YAML by OmegaConf's rules, with libyaml's parser where PyYAML has it, which takes a tenth of the time."""


def read_config(path: Path, needed: Iterable[str] = ()) -> DictConfig:
    """Read a stored config from a YAML file, see `stored_config`.

    Raises:
        InputError: see `read_options`.
    """
    return OmegaConf.create(read_options(path, needed))


def read_options(path: Path, needed: Iterable[str] = ()) -> dict[Any, Any]:
    """Read a stored config from a YAML file as plain data, a twentieth of the time that `read_config` takes.

    Raises:
        InputError: missing, too large, not plain YAML (also aliases, which may grow without bounds), or refused.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InputError(f"{path} cannot be read: no config has more than {MOST_BYTES >> 20} MB")
        loaded = _load(content.decode("utf-8"), path)
    except (OSError, ValueError, RecursionError, yaml.YAMLError, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{path} cannot be read: {reason or type(error).__name__}") from None
    options = stored_options(loaded, path, needed)
    expect_unchanged(path, path.with_name(SUMMARY))
    return options


def _load(text: str, path: Path) -> object:
    """Return the content of a YAML text as OmegaConf reads it, which also says what is wrong where it is no mapping."""
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        raise InputError(f"{path} cannot be read: it has aliases (*name), and no config is written with any")
    with suppress(yaml.YAMLError):
        content = yaml.load(text, _Loader)
        if isinstance(content, dict) and "${" not in text:
            return content
    return OmegaConf.to_container(OmegaConf.load(io.StringIO(text)))


def stored_config(content: object, place: Path, needed: Iterable[str] = ()) -> DictConfig:
    """Check the content of a file and return it as a config; arguments and errors as of `stored_options`."""
    return OmegaConf.create(stored_options(content, place, needed))


def stored_options(content: object, place: Path, needed: Iterable[str] = ()) -> dict[Any, Any]:
    """Check the content of a file and return it under the names of this version.

    Args:
        content: plain data; `launcher` is left out.
        place: the file, for errors.
        needed: groups that must be present, such as `data`.

    Raises:
        InputError: missing groups, content that is not plain data, an interpolation, a class in another place than
            those of `TARGETS`, or a name that cannot be a file name.
    """
    if not isinstance(content, dict) or not all(isinstance(content.get(group), dict) for group in needed):
        raise InputError(f"{place} does not hold the config of a run: train the run again with this version")
    content = {key: value for key, value in content.items() if key != "launcher"}  # shell commands, with ${NAME}
    try:
        _expect_plain(content, ())
        options = upgraded(content)
        check_names(options)
    except InputError as error:
        raise InputError(f"the config in {place} is not used: {' '.join(str(error).split())[:300]}") from None
    return options


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Return a stored config under the names of this version: options of version 0.1, and a reader that has moved."""
    content = dict(content)
    settings = content.pop("optimisation", None)
    if isinstance(settings, dict):
        sgd = {key: settings[key] for key in ("lr", "momentum", "weight_decay") if key in settings}
        content["optimizer"] = LETTER_SGD | sgd | {"nesterov": bool(settings.get("momentum", True))}
        content["scheduler"] = LETTER_SCHEDULE | {"warmup": settings.get("warmup", 0.0)}
        content["loss"] = LETTER_LOSS | {"label_smoothing": settings.get("label_smoothing", 0.0)}
    if "oversmoothing" in content:
        measured = content.pop("oversmoothing")
        content["callbacks"] = {"over_smoothing": (isinstance(measured, dict) and OVER_SMOOTHING | measured) or None}
    reader = content["data"].get("reader") if isinstance(content.get("data"), dict) else None
    if isinstance(reader, dict) and reader.get("_target_") in MOVED:
        content["data"] = content["data"] | {"reader": reader | {"_target_": MOVED[reader["_target_"]]}}
    return content


def _expect_plain(content: object, keys: tuple[str, ...]) -> None:
    """Check that content is plain data at all depths.

    Raises:
        InputError: an interpolation, a key by which Hydra builds an object, or content that is not plain data.
    """
    where = ".".join(keys)
    if len(keys) > MOST_LEVELS:
        raise InputError(f"it has groups within groups, more than {MOST_LEVELS}")
    if isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, str | int | float):
                raise InputError(f"{where or 'its first level'} has the key {key!r}, which is no word or number")
            if _interpolates(key):
                raise InputError(f"{where} has a key with an interpolation, {key!r}, and none is resolved")
            if isinstance(key, str) and SPECIAL.fullmatch(key) and not any(keys[: len(at)] == at for at in TARGETS):
                raise InputError(f"it says {key} in {where or 'its first level'}, where nothing is made by a class")
            _expect_plain(value, (*keys, str(key)))
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content):
            _expect_plain(value, (*keys, str(number)))
    elif _interpolates(content):
        raise InputError(f"{where} is the interpolation {content!r}: runs are stored without, and none is resolved")
    elif not isinstance(content, str | int | float | bool | None):
        raise InputError(f"{where} is a {type(content).__name__}, and only words, numbers, lists and groups are read")


def _interpolates(value: object) -> bool:
    return isinstance(value, str) and "${" in value


def build(config: Mapping[Any, Any], kind: str, *arguments: Any) -> Any:  # noqa: ANN401
    """Build the object that a stored config names: `_target_` is one of `CLASSES` or trusted, the rest its options.

    With `_partial_: true` an optimizer or scheduler is a `functools.partial`, as by Hydra.

    Args:
        config: a part of what `stored_config` returned.
        kind: a key of `CLASSES`.
        arguments: positional ones, before the options.

    Raises:
        InputError: another class or block, a class within the options, or options that do not fit.
    """
    plain: Any = OmegaConf.to_container(OmegaConf.create(dict(config)), resolve=True)  # plain at all depths
    if is_trusted(plain.get("_target_")):
        return build_trusted(plain, kind, *arguments)
    options = {str(key): value for key, value in plain.items()}
    target, partial = options.pop("_target_", None), kind in PARTIAL and options.pop("_partial_", False)
    if not isinstance(target, str) or target not in CLASSES[kind]:
        raise InputError(
            f"the config names {target!r} as its {kind}, which is none of this suite's: nothing of it is made; "
            f"{trust_hint(target)}, or make it yourself: Recognizer.load_from_checkpoint(path, {kind}=...)"
        )
    if key := next(_special(options), None):
        raise InputError(f"the config of its {kind} says {key}: no part of it may name a class or a call")
    if kind == "network":
        for block in dotted_blocks(options.get("blocks")):
            if not is_trusted(block):
                raise InputError(f"unknown block '{block}': {trust_hint(block)}")
        if target != NETWORK:
            options.pop("name", None)  # it names the run only
    module, _, name = target.rpartition(".")
    build_class = getattr(import_module(module), name)
    try:
        if partial:
            inspect.signature(build_class).bind_partial(*arguments, **options)
            return functools.partial(build_class, *arguments, **options)
        return build_class(*arguments, **options)
    except InputError:
        raise
    except Exception as error:  # options of another version, or made up, fail in whatever way
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{target} cannot be made as the config says, this version cannot use it: {reason}") from None


def plain_options(config: DictConfig, kind: str) -> dict[str, Any]:
    """Return a part of a stored config by which nothing is made by a class.

    Raises:
        InputError: it names one.
    """
    options = OmegaConf.to_container(config, resolve=True)
    if key := next(_special(options), None):
        raise InputError(f"the config of its {kind} says {key}: no part of it may name a class or a call")
    assert isinstance(options, dict)
    return {str(name): value for name, value in options.items()}


def _special(content: object) -> Iterator[str]:
    """Yield keys by which Hydra would build objects, at any depth."""
    if isinstance(content, Mapping):
        yield from (key for key in content if isinstance(key, str) and SPECIAL.fullmatch(key))
    inner = content.values() if isinstance(content, Mapping) else content if isinstance(content, list | tuple) else ()
    for value in inner:
        yield from _special(value)
