"""Names of runs, and the options that are part of a name."""

import hashlib
import re
from collections.abc import Iterable

from omegaconf import DictConfig, ListConfig, OmegaConf

from stgdn.files import file_name
from stgdn.skeleton import layout

MAX_NAME_LENGTH = 200  # characters of a folder's name; file systems take 255

# Options, with all below them, that do not change the result of a run.
NEUTRAL_OPTIONS = (
    "resume", "overwrite", "workers", "checkpoint_every", "outputs", "folder", "experiment", "experiment_name",
    "launcher", "logger", "oversmoothing", "compile", "model.compile", "model.checkpointing",
    "data_root", "data.source", "data.store", "data.reader.source", "data.classes", "data.median_frames",
    "data.obtain", "data.licence",
    "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy",
    "trainer.profiler", "trainer.progress_bar", "trainer.log_every_n_steps",
)  # fmt: skip
# Values that runs had before these options existed.
VALUES_OF_OLD_RUNS = {"model.empty_bodies": "dedup", "model.whitening.sample_every": 1}
# Options that become names of folders.
FOLDER_OPTIONS = ("data.name", "model.name", "data.stream", "recipe_name")
# Options that are already part of a run's folder.
OPTIONS_IN_FOLDER = ("data", "data.name", "model", "recipe", "seed", "data.stream", "trainer")


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
    given = sorted(str(override) for override in overrides)
    extras = ",".join(text for text in given if (key := option(text)) not in OPTIONS_IN_FOLDER and changes_result(key))
    name = re.sub(r"[^\w.+-]", "_", extras.replace(",", "+").replace("=", "-"))
    name = f"{recipe}-seed{seed}" + (f"+{name}" if name else "")
    if len(name) <= MAX_NAME_LENGTH:
        return name
    return f"{name[: MAX_NAME_LENGTH - 9]}-{hashlib.sha1(name.encode()).hexdigest()[:8]}"


def option(override: str) -> str:
    """Return the option that an override sets: `data.frames` of `data.frames=64`, `+data.frames=64`, `~data.frames`."""
    return override.split("=")[0].lstrip("+~")


def check_names(config: DictConfig) -> None:
    """Check the options of a config that become names of folders.

    Raises:
        InputError: see `file_name`.
    """
    for key in FOLDER_OPTIONS:
        if (name := OmegaConf.select(config, key)) is not None:
            file_name(name, key)
    if (experiment := OmegaConf.select(config, "experiment_name")) is not None:
        for part in str(experiment).split("/"):  # conf/experiment may have folders
            file_name(part, "experiment_name")


def turns(joints: str | None, degrees: float) -> ListConfig:
    """Return the rotation range about x, y, z in degrees; 0 for joints in the picture (2D).

    Args:
        joints: name of the layout; None if it will be read from the store.
        degrees: about each axis.
    """
    flat = joints is not None and layout(joints).planar
    return ListConfig([0.0 if flat else float(degrees)] * 3)


def register() -> None:
    """Let configs call `run_name` and `turns`."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("turns", turns, replace=True)
