"""Recipes of runs and their names: only runs of one recipe may be compared or averaged over seeds."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from stgdn.runs.naming import MAX_NAME_LENGTH, VALUES_OF_OLD_RUNS, changed_options, changes_result

# Options that may differ between runs of one recipe, besides those that do not change a result at all.
VARIABLE_OPTIONS = ("seed", "recipe_name", "data.name", "data.stream", "data.fold")
FOLD_OPTIONS = re.compile(r"\+data\.(fold|protocol)-[^+]*")  # in the name of a folder
FOLD_PROTOCOL = re.compile(r"(?P<fold>.*fold)_?(?P<number>\d+)|(?P<field>subject|camera|setup)(?P<value>\d+)_out")

Settings = Mapping[str, Any]


class Fold(NamedTuple):
    """Name the clips that test one of several runs, each clip in one of them."""

    group: str  # that all folds have in common: `sbu_fold`, or `subject_out` for subject1_out, subject2_out, ...
    number: int
    option: str  # by which a fold is chosen, `data.fold` or `data.protocol`


def find_fold(config: Mapping[Any, Any]) -> Fold | None:
    """Return the fold that tests, by the name of the protocol: `sbu_fold3`, `subject3_out`; None if it is no fold."""
    data = config.get("data")
    if not isinstance(data, Mapping) or not (found := FOLD_PROTOCOL.fullmatch(str(data.get("protocol")))):
        return None
    if found["field"]:
        return Fold(f"{found['field']}_out", int(found["value"]), "data.protocol")
    return Fold(found["fold"], int(found["number"]), "data.fold" if "fold" in data else "data.protocol")


def recipe_label(folder: str, recipe: str, seed: int, command: str | None = None, fold: Fold | None = None) -> str:
    """Return the recipe with its changed options, read from a run's folder name such as `demo-seed1+epochs-3`.

    Args:
        folder: the last part of the path. A name that was cut off is not read, but made anew from the command.
        recipe: its name.
        seed: of the run.
        command: that the run has kept.
        fold: of the run; its number is no part of the recipe.
    """
    named = re.fullmatch(rf"{re.escape(recipe)}-seed{seed}(\+.*)?", folder)
    extras = (named[1] or "") if named else f" in {folder}"
    if len(folder) == MAX_NAME_LENGTH and command is not None:
        with suppress(ValueError):  # quotes that do not end
            extras = changed_options(shlex.split(command)[2:])
    if fold is not None:
        extras = FOLD_OPTIONS.sub("", extras) + (f"+{fold.group}" if fold.option == "data.protocol" else "")
    return recipe + extras


def settings(config: Mapping[Any, Any]) -> Settings:
    """Return the options of a config that affect the result, by dotted name; those of all folds are the same.

    An empty config has none.
    """
    variable = (*VARIABLE_OPTIONS, *(["data.protocol"] if find_fold(config) else []))
    known = {key: value for key, value in flatten(config) if changes_result(key) and key not in variable}
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
