"""Which runs are of one recipe, and what to call it: only those may be compared or averaged over seeds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stgdn.runs.naming import changes_result

# What may differ between runs of one recipe, besides what does not change a result at all.
NAMES = ("seed", "recipe_name", "data.name", "data.stream")

Settings = Mapping[str, Any]


def recipe_label(folder: str, recipe: str, seed: int) -> str:
    """The recipe and what was changed in it, from the name that a run's folder has: `demo-seed1+epochs-3`."""
    named = re.fullmatch(rf"{re.escape(recipe)}-seed{seed}(\+.*)?", folder)
    return recipe + (named[1] or "") if named else f"{recipe} in {folder}"


def settings(config: Mapping[Any, Any]) -> Settings:
    """Of a run's config, the options that decide what the run is worth, by their dotted names."""
    return {key: value for key, value in leaves(config) if changes_result(key) and key not in NAMES}


def leaves(content: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested dictionaries."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def distinctions(claims: Sequence[tuple[tuple[str, ...], Settings]], model: bool) -> list[str]:
    """What to add to the names of recipes so that runs of one name were made alike: `+epochs-3`, `+epochs-50`.

    Args:
        claims: of every run, what it has in common with those that it should be like, and its settings.
        model: look at the network's options, or at all others.

    An option that one of the runs lacks, being older than it, does not count.
    """
    groups: dict[tuple[str, ...], list[Settings]] = {}
    for claim, found in claims:
        groups.setdefault(claim, []).append(found)
    differing = {claim: _differing(same, model) for claim, same in groups.items()}
    return ["".join(f"+{key}-{found[key]}" for key in differing[claim]) for claim, found in claims]


def _differing(same: Sequence[Settings], model: bool) -> list[str]:
    everywhere = set.intersection(*(set(found) for found in same))
    ours = sorted(key for key in everywhere if key.startswith("model.") == model)
    return [key for key in ours if any(found[key] != same[0][key] for found in same)]
