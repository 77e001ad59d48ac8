"""Names of runs, and the options that are part of a name."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf

from stgdn.errors import InputError
from stgdn.files import file_name
from stgdn.skeleton import Layout, layout

MAX_NAME_LENGTH = 200  # characters of a folder's name; file systems take 255

# Options, with all below them, that do not change the result of a run.
NEUTRAL_OPTIONS = (
    "resume", "overwrite", "workers", "checkpoint_every", "checkpoint_minutes", "outputs", "folder",
    "experiment", "experiment_name", "launcher", "logger", "tags", "callbacks.over_smoothing", "oversmoothing",
    "compile", "model.compile", "model.checkpointing",
    "data_root", "data.source", "data.store", "data.verify", "data.reader.source", "data.classes", "data.median_frames",
    "data.obtain", "data.licence", "data.reader.picture",
    "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy",
    "trainer.profiler", "trainer.progress_bar", "trainer.log_every_n_steps",
)  # fmt: skip
# Values that runs had before these options existed.
VALUES_OF_OLD_RUNS = {
    "data.mirror": 0.0, "data.train_share": 1.0, "freeze": [],
    "model.empty_bodies": "dedup", "model.whiten": "none", "model.whitening.sample_every": 1,
    "trainer.limit_val_batches": 1.0, "trainer.limit_test_batches": 1.0, "trainer.overfit_batches": 0.0,
}  # fmt: skip
# Options of version 0.1, with all below them, and what they are called now.
RENAMED = {
    "optimisation.lr": "optimizer.lr",
    "optimisation.momentum": "optimizer.momentum",
    "optimisation.weight_decay": "optimizer.weight_decay",
    "optimisation.warmup": "scheduler.warmup",
    "optimisation.label_smoothing": "loss.label_smoothing",
    "oversmoothing": "callbacks.over_smoothing",
}
# Options that become names of folders.
FOLDER_OPTIONS = ("data.name", "model.name", "data.stream", "recipe_name")
# Options that are already part of a run's folder.
OPTIONS_IN_FOLDER = ("data", "data.name", "model", "recipe", "seed", "data.stream", "trainer")


@cache  # reports ask for the same options of every run
def changes_result(option: str) -> bool:
    """Return whether another value of a (dotted) option makes another run."""
    return not any(option == neutral or option.startswith(f"{neutral}.") for neutral in NEUTRAL_OPTIONS)


def run_name(recipe: str, seed: int, overrides: Iterable[str]) -> str:
    """Return the last part of a run's folder: recipe, seed, and other options given on the command line.

    It needs no quotes for the shell or Hydra: `demo-seed1+model.width-0.5`. The same run has the same name in a sweep
    and alone, and for any experiment, launcher or devices.

    Args:
        recipe: its name.
        seed: its number.
        overrides: given on the command line, each `OPTION=VALUE`.
    """
    name = f"{recipe}-seed{seed}{changed_options(overrides)}"
    if len(name) <= MAX_NAME_LENGTH:
        return name
    return f"{name[: MAX_NAME_LENGTH - 9]}-{hashlib.sha1(name.encode()).hexdigest()[:8]}"


def changed_options(overrides: Iterable[str]) -> str:
    """Return the part of a run's name for options that no folder is named by: `+epochs-3+width-0.5`, or nothing."""
    given = sorted(str(override) for override in overrides)
    extras = ",".join(text for text in given if (key := option(text)) not in OPTIONS_IN_FOLDER and changes_result(key))
    name = re.sub(r"[^\w.+-]", "_", extras.replace(",", "+").replace("=", "-"))
    return f"+{name}" if name else ""


def option(override: str) -> str:
    """Return the option that an override sets: `data.frames` of `data.frames=64`, `+data.frames=64`, `~data.frames`."""
    return override.split("=")[0].lstrip("+~")


def check_names(config: Mapping[Any, Any]) -> None:
    """Check the options of a config that become names of folders.

    Raises:
        InputError: see `file_name`; or a name stands in what is no group.
    """
    for key in FOLDER_OPTIONS:
        if (name := _value(config, key)) is not None:
            file_name(name, key)
    if (experiment := config.get("experiment_name")) is not None:
        for part in str(experiment).split("/"):  # conf/experiment may have folders
            file_name(part, "experiment_name")


def _value(config: Mapping[Any, Any], key: str) -> object:
    """Return the value of a dotted option; None if there is none."""
    group, _, name = key.rpartition(".")
    options = config.get(group) if group else config
    if options is not None and not isinstance(options, Mapping):
        raise InputError(f"{group} is {options!r}, and no group with a {name}")
    return None if options is None else options.get(name)


def turns(joints: Any, *degrees: float) -> ListConfig:  # noqa: ANN401
    """Return the rotation range about x, y, z in degrees; 0 for joints in the picture (2D).

    Args:
        joints: what `stgdn.skeleton.layout` takes; None if it will be read from the store.
        degrees: about x, y and z, or one number for all three.
    """
    skeleton = _known_layout(joints)
    flat = skeleton is not None and skeleton.planar
    return ListConfig([0.0 if flat else float(angle) for angle in (degrees * 3)[:3]])


def _known_layout(joints: Any) -> Layout | None:  # noqa: ANN401
    """Return a layout; None if there is none, or none yet: who opens the data says so."""
    try:
        return None if joints is None else layout(joints)
    except InputError:
        return None


def alignment(joints: Any, wanted: str) -> str:  # noqa: ANN401
    """Return the alignment `wanted`; `none` for joints in the picture and skeletons without spine or shoulders."""
    skeleton = _known_layout(joints)
    return "none" if skeleton and (skeleton.planar or not skeleton.has_axes) else wanted


def renamed(override: str, names: Mapping[str, str] = RENAMED) -> str:
    """Return an override under the present name of its option: `optimizer.lr=1` for `optimisation.lr=1`."""
    given = option(override)
    for old, new in names.items():
        if given == old or given.startswith(f"{old}."):
            return override.replace(old, new, 1)
    return override


def run_folder(config: DictConfig) -> str:
    """Return the folder of the run of a command: the config's, or the one it had under former names of its options."""
    former = [renamed(override, {new: old for old, new in RENAMED.items()}) for override in _overrides()]
    folder = Path(config.folder)
    before = folder.with_name(run_name(config.recipe_name, config.seed, former))
    return str(before if folder.name == _resolve_name(config.recipe_name, config.seed) and before.exists() else folder)


def _overrides() -> list[str]:
    """Return the overrides of the present run; none outside a command."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _resolve_name(recipe: str, seed: int) -> str:
    return run_name(recipe, seed, _overrides())


def _chosen(group: str) -> str | None:
    """Return the name of the file that was chosen of a group of configs; None outside a command."""
    return HydraConfig.get().runtime.choices.get(group) if HydraConfig.initialized() else None


def num_joints(joints: Any) -> int | None:  # noqa: ANN401
    """Return V; None if the joints will be read from the store."""
    skeleton = _known_layout(joints)
    return skeleton and skeleton.num_joints


def register() -> None:
    """Let configs call `run_name`, `chosen`, `num_joints`, `turns` and `alignment`, also outside a command."""
    resolvers = {
        "run_name": _resolve_name,
        "chosen": _chosen,
        "num_joints": num_joints,
        "turns": turns,
        "alignment": alignment,
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
