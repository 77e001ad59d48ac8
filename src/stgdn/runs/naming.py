"""What a run is called, which options make another run of it, and which names can be those of files."""

import hashlib
import re
from collections.abc import Iterable

from omegaconf import DictConfig, ListConfig, OmegaConf

from stgdn.errors import InputError
from stgdn.skeleton import layout

LONGEST = 200  # characters of a folder's name; file systems take 255
MOST_BYTES = 240  # of a name in UTF-8; what is being written has a longer one

# Options, with all below them, that do not change what comes out of a run.
NO_RESULT = (
    "resume", "overwrite", "workers", "checkpoint_every", "outputs", "folder", "experiment", "experiment_name",
    "launcher", "logger", "oversmoothing", "compile", "model.compile", "model.checkpointing",
    "data_root", "data.source", "data.store", "data.reader.source", "data.classes", "data.median_frames",
    "data.obtain", "data.licence",
    "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy",
    "trainer.profiler", "trainer.progress_bar", "trainer.log_every_n_steps",
)  # fmt: skip
# What runs had that were made before there was such an option.
BEFORE = {"model.empty_bodies": "dedup", "model.whitening.sample_every": 1}
# Options that become names of folders.
NAMES = ("data.name", "model.name", "data.stream", "recipe_name")
# Options that other parts of a run's folder say.
SAID = ("data", "data.name", "model", "recipe", "seed", "data.stream", "trainer")


def changes_result(option: str) -> bool:
    """Whether a run with another value of a (dotted) option is another run."""
    return not any(option == silent or option.startswith(f"{silent}.") for silent in NO_RESULT)


def run_name(recipe: str, seed: int, overrides: Iterable[str]) -> str:
    """The last part of a run's folder: recipe, seed, and whatever else was given on the command line.

    Only characters that neither the shell nor Hydra reads as anything else: `demo-seed1+model.width-0.5`. Sweeps and
    single runs call the same run the same, whatever experiment, launcher or devices they come from.

    Args:
        recipe: its name.
        seed: its number.
        overrides: what was given, `OPTION=VALUE` each.
    """
    given = sorted(str(override) for override in overrides)
    extras = ",".join(text for text in given if (key := option(text)) not in SAID and changes_result(key))
    name = re.sub(r"[^\w.+-]", "_", extras.replace(",", "+").replace("=", "-"))
    name = f"{recipe}-seed{seed}" + (f"+{name}" if name else "")
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha1(name.encode()).hexdigest()[:8]}"


def option(override: str) -> str:
    """The option that an override sets: `data.frames` of `data.frames=64`, `+data.frames=64` and `~data.frames`."""
    return override.split("=")[0].lstrip("+~")


def name_problem(name: str, first: str = ".-") -> str:
    """Say why a name cannot be that of one file or folder, '' if it can; letters may be of any script.

    Args:
        name: without folders.
        first: characters that it must not begin with: a dot hides files and leads upwards, a dash is read as an option.
    """
    if not name:
        return "it is empty"
    if found := next((separator for separator in "/\\" if separator in name), None):
        return f"it has a '{found}'"
    if not name.isprintable():
        return "it has a character that does not print"
    if name[0] in first:
        return f"it begins with '{name[0]}'"
    if len(name.encode()) > MOST_BYTES:
        return f"it has more than {MOST_BYTES} bytes"
    return ""


def file_name(name: object, what: str) -> str:
    """Return `name` if it can be the name of one file or folder.

    Args:
        name: without folders.
        what: the option, or whose name it is, for errors.

    Raises:
        InputError: it cannot, see `name_problem`.
    """
    problem = name_problem(name) if isinstance(name, str) else "it is no word"
    if not isinstance(name, str) or problem:
        raise InputError(
            f"{what}={name!a} cannot be the name of a file or folder: {problem}; give letters, digits, '_', '+', "
            "'-' and '.', and first a letter or digit"
        )
    return name


def check_names(config: DictConfig) -> None:
    """Check the options of a config that become names of folders.

    Raises:
        InputError: see `file_name`.
    """
    for key in NAMES:
        if (name := OmegaConf.select(config, key)) is not None:
            file_name(name, key)
    if (experiment := OmegaConf.select(config, "experiment_name")) is not None:
        for part in str(experiment).split("/"):  # conf/experiment may have folders
            file_name(part, "experiment_name")


def turns(joints: str | None, degrees: float) -> ListConfig:
    """Turns about x, y, z that a recipe makes: by so many degrees, by none where joints lie in the picture.

    Args:
        joints: name of their layout; None where a store will say it.
        degrees: about each axis.
    """
    flat = joints is not None and layout(joints).planar
    return ListConfig([0.0 if flat else float(degrees)] * 3)


def register() -> None:
    """Let configs call `run_name` and `turns`."""
    OmegaConf.register_new_resolver("run_name", run_name, replace=True)
    OmegaConf.register_new_resolver("turns", turns, replace=True)
