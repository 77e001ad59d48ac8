"""Read from its config what was varied in a run: network, whitening, depth; and which runs were trained alike."""

import math
import re
from collections.abc import Iterable, Mapping

from stgdn.reports.tables.comparison import Runs
from stgdn.reports.tables.rows import Spread
from stgdn.runs.recipes import differing_options
from stgdn.runs.result import Result

REMEDIES = ("none", "node", "frame", "node+frame", "channel", "pair_norm")  # against over-smoothing
BLOCK_REMEDIES = {"gdn2": "node", "gdn_t": "frame", "gdn_e": "node+frame", "gdn_c": "channel", "pair_norm": "pair_norm"}
PLAIN_BLOCK = "gcn"  # of 2s-AGCN, which those of BLOCK_REMEDIES are without their remedy
WHITENED_BY_NAME = "st_gd"  # what the names of the letter's networks begin with
LETTER_NAMES = {"agcn_7l+node": "st_gdn2", "agcn_7l+frame": "st_gdn_t", "agcn_7l+node+frame": "st_gdn_e"}
AGCN = "agcn"  # what the names of networks of plain blocks begin with
VALUE = r"(?:[^+]|\+(?![a-z][\w.]*-))*"  # in a recipe's name, up to the next option; lists have `+` between entries
BLOCK_OPTION = re.compile(rf"\+model\.(?:blocks|whiten)-{VALUE}")
OTHER_MODEL_OPTION = re.compile(rf"\+model\.(?!(?:whiten|blocks|channels|strides|name)-){VALUE}")
# Measures of over-smoothing: of each, a larger value says that joints are farther apart.
MEASURES = ("dirichlet", "mad", "joint_rank", "numerical_rank")


def remedy(result: Result) -> str | None:
    """Return the remedy that all layers have, one of `REMEDIES`; None if layers differ or the config is not known."""
    whiten, block = whitened(result), _word(result, "model.blocks")
    if block is None or whiten not in REMEDIES:
        return None
    return BLOCK_REMEDIES.get(block, "none") if whiten == "none" else whiten


def whitened(result: Result) -> str | None:
    """Return `model.whiten`, `none` for runs that are older than it; None if layers differ."""
    return _word(result, "model.whiten") if "model.whiten" in result.settings else "none"


def family(result: Result) -> str | None:
    """Return the block of all layers, without its remedy; None if layers differ."""
    block = _word(result, "model.blocks")
    return PLAIN_BLOCK if block in BLOCK_REMEDIES else block


def layers(result: Result) -> int:
    """Return the number of layers; 0 if the config is not known."""
    channels = result.settings.get("model.channels")
    return len(channels) if isinstance(channels, list) else 0


def label(result: Result) -> str:
    """Return the network's name with what was changed in it, `ctr_gcn+node`; a network of the letter has its name."""
    others = OTHER_MODEL_OPTION.findall(result.recipe)
    if not has_own_blocks(result):
        options = BLOCK_OPTION.findall(result.recipe)
        return result.model + "".join([option for option in options if option != "+model.whiten-none"] + others)
    changed = remedy(result)
    name = result.model + ("" if changed == "none" else f"+{changed}")
    return LETTER_NAMES.get(name, name) + "".join(others)


def has_own_blocks(result: Result) -> bool:
    """Return whether the blocks are those of the network's name, but for one remedy in all layers.

    They are not where the name says what is whitened, as those of the letter's networks do.
    """
    if remedy(result) is None or result.model.startswith(WHITENED_BY_NAME):
        return False
    return "+model.blocks-" not in result.recipe or (result.model.startswith(AGCN) and family(result) == PLAIN_BLOCK)


def is_plain(result: Result) -> bool:
    """Return whether nothing but blocks, whitening and depth was changed in the network."""
    return OTHER_MODEL_OPTION.search(result.recipe) is None


def _word(result: Result, option: str) -> str | None:
    """Return the value of an option that all layers share; None if layers differ or it is not known."""
    value = result.settings.get(option)
    words = set(map(str, value)) if isinstance(value, list) else {str(value)} if value is not None else set()
    return words.pop() if len(words) == 1 else None


def trained_alike(runs: Runs) -> list[list[Result]]:
    """Return groups of results of one data set and stream whose options differ in those of the network alone."""
    groups: list[list[Result]] = []
    known = (result for recipes in runs.values() for results in recipes.values() for result in results)
    for result in (result for result in known if result.settings):
        for group in groups:
            same = (group[0].data, group[0].stream) == (result.data, result.stream)
            if same and not differing_options([group[0].settings, result.settings], model=False):
                group.append(result)
                break
        else:
            groups.append([result])
    return groups


def by_seed(results: Iterable[Result], measure: str) -> dict[int, float]:
    """Return a measure by seed: `top1`, or one of over-smoothing in the last layer; seeds without it are left out."""
    values = {result.seed: value_of(result, measure) for result in reversed(list(results))}
    return {seed: values[seed] for seed in sorted(values) if math.isfinite(values[seed])}


def value_of(result: Result, measure: str) -> float:
    """Return a measure of a result; NaN if it has none."""
    if measure == "top1":
        return result.top1
    return result.smoothing[measure][-1] if measure in result.smoothing else math.nan


def spread(values: Mapping[int, float]) -> Spread | None:
    """Return values by seed as a mean and a deviation; None without any."""
    return Spread(tuple(values.values())) if values else None


def training_text(result: Result) -> str:
    """Return how long and by what a run was trained, as far as its config and summary say."""
    options = result.settings
    batch, clips = options.get("batch_size"), result.clips.get("train")
    parts = [f"{result.epochs} epochs"]
    if clips:
        parts[0] += f" of {clips:,} clips"
    if clips and isinstance(batch, int):
        parts.append(f"{result.epochs * math.ceil(clips / batch):,} steps of {batch} clips")
    for option, text in (
        ("width", "{:g} of the channels"),
        ("optimizer.lr", "learning rate {:g} for 64 clips"),
        ("optimizer.weight_decay", "weight decay {:g}"),
        ("loss.label_smoothing", "label smoothing {:g}"),
    ):
        if isinstance(value := options.get(option), int | float) and value:
            parts.append(text.format(value))
    precision = options.get("trainer.precision")
    return ", ".join([*parts, *([str(precision)] if isinstance(precision, str) else [])])
