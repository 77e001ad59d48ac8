"""Check of option types: `epochs=ten` is refused before anything runs."""

from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError

KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    list: "a list",
    dict: "a group",
}


def check_kinds(config: DictConfig, config_name: str) -> None:
    """Compare every value with the default that `conf/` has for it.

    Raises:
        InputError: naming the option, what it was given and what it takes.
    """
    choices = HydraConfig.get().runtime.choices
    groups = [f"{key}={name}" for key, name in choices.items() if name and "/" not in key and "@" not in key]
    defaults = compose(config_name, groups)
    _compare(OmegaConf.to_container(config), OmegaConf.to_container(defaults), "")


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
