"""Recipes of runs and their names: only runs of one recipe may be compared or averaged over seeds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stgdn.runs.naming import VALUES_OF_OLD_RUNS, changes_result

# Options that may differ between runs of one recipe, besides those that do not change a result at all.
VARIABLE_OPTIONS = ("seed", "recipe_name", "data.name", "data.stream")

Settings = Mapping[str, Any]


def recipe_label(folder: str, recipe: str, seed: int) -> str:
    """Return the recipe with its changed options, read from a run's folder name such as `demo-seed1+epochs-3`."""
    named = re.fullmatch(rf"{re.escape(recipe)}-seed{seed}(\+.*)?", folder)
    return recipe + (named[1] or "") if named else f"{recipe} in {folder}"


def settings(config: Mapping[Any, Any]) -> Settings:
    """Return the options of a config that affect the result, by dotted name; none of an empty config."""
    known = {key: value for key, value in flatten(config) if changes_result(key) and key not in VARIABLE_OPTIONS}
    return VALUES_OF_OLD_RUNS | known if known else {}


def flatten(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of nested dictionaries."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def differing_options(runs: Sequence[Settings], model: bool) -> list[str]:
    """Return the options in which runs differ, in order of their names.

    Args:
        runs: settings of each; an option that one of them lacks, because it is older, is not compared.
        model: compare the network's options, or all others.
    """
    shared = set.intersection(*(set(options) for options in runs))
    compared = sorted(key for key in shared if key.startswith("model.") == model)
    return [key for key in compared if any(options[key] != runs[0][key] for options in runs)]
