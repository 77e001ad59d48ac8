"""Options as a user has typed them: unknown ones, choices that are not there, values of another type."""

import argparse
import inspect
import shlex
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError, choose, nearest
from stgdn.runs.naming import option
from stgdn.skeleton import Layout, layout

# Words by which other programs call what is the last part of an option here.
SYNONYMS = {
    "learning_rate": "lr",
    "max_epochs": "epochs",
    "num_epochs": "epochs",
    "bs": "batch_size",
    "gpus": "devices",
}
# Parts of a config to which options may be added with `+`: the class or command that takes them refuses unknown ones.
OPEN_PARTS = (
    *("model", "optimizer", "scheduler", "loss", "callbacks", "logger", "trainer", "launcher.options"),
    *("data.reader",),
)
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    list: "a list",
    dict: "a group",
}


def check_options(config: DictConfig, config_name: str) -> None:
    """Compare every value with the default that `conf/` or a folder of `hydra.searchpath` has for it.

    Raises:
        InputError: naming the option, what it was given and what it takes; or an option added that nothing reads.
    """
    given = HydraConfig.get()
    choices = [word for word in given.overrides.task if option(word) in given.runtime.choices]
    folders = _folders(given.overrides.hydra)
    default = _defaults(config_name, *folders, *choices)
    known = list(_dotted(default))
    for word in given.overrides.task:
        if word.startswith("+") and word not in choices and not _is_read(option(word), config, known):
            raise InputError(_unknown(option(word), known))
    plain = _defaults(config_name, *folders)
    own = set(map(str, config)) - plain.keys() - given.runtime.choices.keys()  # in a file of the user's own
    for key in sorted(own):
        if get_close_matches(key, plain, n=1, cutoff=0.8):
            raise InputError(_unknown(key, list(plain)))
    _compare(OmegaConf.to_container(config), default, "")


def _is_read(key: str, config: DictConfig, known: Sequence[str]) -> bool:
    """Return whether something reads an option that was added with `+`."""
    part = next((part for part in OPEN_PARTS if part in known and key.startswith(f"{part}.")), None)
    if part != "data.reader":
        return part is not None or key in known
    try:
        parameters = inspect.signature(get_class(config.data.reader._target_)).parameters
    except Exception:  # who makes the reader says what is wrong with it
        return True
    kinds = [parameter.kind for parameter in parameters.values()]
    return key.removeprefix("data.reader.").split(".")[0] in parameters or inspect.Parameter.VAR_KEYWORD in kinds


@lru_cache  # the runs of a sweep ask again and again
def _defaults(config_name: str, *words: str) -> Any:  # noqa: ANN401
    return OmegaConf.to_container(hydra.compose(config_name, list(words)))


def _compare(value: Any, default: Any, key: str) -> None:  # noqa: ANN401
    if isinstance(value, dict) and isinstance(default, dict):
        for name in default.keys() & value.keys():
            _compare(value[name], default[name], f"{key}.{name}" if key else str(name))
        return
    if _interpolated(value) or _interpolated(default) or None in (value, default) or fits(value, default):
        return
    raise InputError(f"{key}={value} is not {KINDS[type(default)]}: it takes something like {key}={default}")


def fits(value: object, default: object) -> bool:
    """Return whether `value` has the type of `default`; a list may replace a single word or number, and vice versa.

    What is `auto` by default takes numbers too, such as `trainer.devices`.
    """
    if default == "auto" and not isinstance(value, bool | dict):
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) == isinstance(value, bool)
    if default == "auto":
        return isinstance(value, str | int | list)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list) or isinstance(value, list):
        return not isinstance(default, dict) and not isinstance(value, dict)
    return isinstance(value, type(default))


def _interpolated(value: object) -> bool:
    return isinstance(value, str) and ("${" in value or value == "???")


def compose_choices(config_name: str, group: str) -> list[DictConfig]:
    """Return a command's config, as the user has typed it, with every choice of a group."""
    given = HydraConfig.get().overrides
    folders = _folders(given.hydra)
    names = GlobalHydra.instance().config_loader().get_group_options(group, overrides=folders)
    words = [*folders, *given.task]
    configs = {name: hydra.compose(config_name, [*words, f"{group}={name}"]) for name in names}
    for name, config in configs.items():
        if OmegaConf.is_interpolation(config[group], "name"):  # it is that of the command's own choice
            config[group].name = name
    return list(configs.values())


def _folders(words: Sequence[str]) -> list[str]:
    """Return the words with which a user adds config folders."""
    return [word for word in words if option(word) == "hydra.searchpath"]


def unknown_choice(given: str, options: Sequence[str]) -> str | None:
    """Return the sentence for a choice `GROUP/NAME` that has no file in conf/GROUP."""
    if given == "hydra/sweeper/optuna":
        return "a search needs Optuna: type `pip install -e '.[search]'`"
    group, _, name = given.rpartition("/")
    try:
        choose(name, options, group)
    except InputError as error:
        return str(error)
    return None


def unknown_option(mistyped: str, folder: Path, config_name: str, words: Sequence[str]) -> str:
    """Return the sentence for an option that no config has, with the nearest one that there is.

    Args:
        mistyped: the option.
        folder: of configs, `conf/`.
        config_name: of the command.
        words: all that the user has typed: the choices among them decide which options there are.
    """
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(folder), version_base="1.3"):
        try:
            config = hydra.compose(config_name, _choices(words))
        except HydraException:  # a choice such as glob(st*), which only a sweep may have
            config = hydra.compose(config_name)
    return _unknown(mistyped, list(_dotted(OmegaConf.to_container(config))))


def _unknown(mistyped: str, options: Sequence[str]) -> str:
    near = _nearest_option(mistyped, options)
    hint = f"; did you mean '{near}'?" if near else ""
    return f"unknown option '{mistyped}'{hint} (`--help` lists the options, `--cfg job` prints the config)"


def _nearest_option(mistyped: str, options: Sequence[str]) -> str | None:
    """Return the option that was meant: by another word for it, by its last part alone, or by its spelling."""
    last = mistyped.rpartition(".")[2].casefold()
    last = SYNONYMS.get(last, last)
    same = [option for option in options if option.rpartition(".")[2].casefold() == last]
    return nearest(mistyped, same) or (same[0] if same else nearest(mistyped, options))


def _choices(words: Sequence[str]) -> list[str]:
    """Return the words that choose a config of a group, after the folders in which configs are."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--config-dir", "-cd", type=Path)
    own = parser.parse_known_args(words)[0].config_dir
    folders = _folders(words) or ([] if own is None else [f"hydra.searchpath=['file://{own.absolute()}']"])
    loader = GlobalHydra.instance().config_loader()
    single = [word for word in words if "=" in word and "," not in word]
    return [*folders, *(word for word in single if loader.get_group_options(option(word), overrides=folders))]


def _dotted(content: Any, prefix: str = "") -> Iterator[str]:  # noqa: ANN401
    """Yield every dotted key of nested dictionaries, groups included."""
    for key, value in content.items() if isinstance(content, dict) else ():
        yield f"{prefix}{key}"
        yield from _dotted(value, f"{prefix}{key}.")


def quoted(override: str) -> str | None:
    """Return an override that Hydra's grammar refuses as a shell takes it in quotes; None if they do not help."""
    key, found, value = override.partition("=")
    fitting = f'{key}="{value.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
    try:
        OverridesParser.create().parse_override(fitting)
    except HydraException:
        return None
    return shlex.quote(fitting) if found else None


def words_for(options: Sequence[str]) -> list[str]:
    """Return what the user has typed for some options and those below them, such as `weights.bone=2`."""
    return [word for word in HydraConfig.get().overrides.task if option(word).split(".")[0] in options]


def positive_int(config: DictConfig, key: str) -> int:
    """Return an option that must be a whole number from 1 up.

    Raises:
        InputError: the value is something else.
    """
    value = config[key]
    if type(value) is not int or value < 1:
        raise InputError(f"{key}={value} must be a whole number from 1 up")
    return value


def chosen_layout(name: str | None) -> Layout | None:
    """Return the joint layout that an option names, None if it names none."""
    return None if name is None else layout(name)
