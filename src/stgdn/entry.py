"""What all doors (`src/*.py`) share: a mistake of the user is one sentence and exit code 1, never a traceback."""

import errno
import functools
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stgdn.errors import InputError
from stgdn.options import check_kinds

UNWRITABLE = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EFBIG)


def run_name(recipe: str, seed: int, overrides: str) -> str:
    """The last part of a run's folder: recipe, seed, and whatever else was given on the command line.

    Only characters that neither the shell nor Hydra reads as anything else: `demo-seed1+model.width-0.5`.
    """
    extras = re.sub(r"[^\w.+-]", "_", overrides.replace(",", "+").replace("=", "-"))
    return f"{recipe}-seed{seed}" + (f"+{extras}" if extras else "")


OmegaConf.register_new_resolver("run_name", run_name, replace=True)


def door(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make a script's `main` a Hydra program on `conf/CONFIG_NAME.yaml` that ends in a sentence, not a traceback."""

    def decorate(main: Callable[[DictConfig], Any]) -> Callable[[], None]:
        folder = Path(main.__code__.co_filename).resolve().parents[1] / "conf"

        @functools.wraps(main)
        def job(config: DictConfig) -> Any:  # noqa: ANN401
            with _sentences(leave=HydraConfig.get().mode != RunMode.MULTIRUN):
                check_kinds(config, config_name)
                return main(config)

        @functools.wraps(main)
        def program() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come here instead of being printed there
            with _sentences(leave=True, folder=folder, config_name=config_name):
                hydra.main(version_base="1.3", config_path=str(folder), config_name=config_name)(job)()

        return program

    return decorate


@contextmanager
def _sentences(*, leave: bool, folder: Path | None = None, config_name: str = "") -> Iterator[None]:
    """Turn what a user can cause into one sentence; in a job of a sweep (`leave` False) let the other jobs go on."""
    try:
        yield
    except KeyboardInterrupt:
        _leave("interrupted; the same command with resume=true goes on (preparation goes on by itself)", 130)
    except Exception as error:
        message = explanation(error)
        if folder is not None and (mistyped := re.search(r"[Cc]ould not override '([\w.]+)'", str(error))):
            message = unknown_option(mistyped[1], folder, config_name)
        if message is None or not leave:
            raise
        _leave(message)


def explanation(error: Exception) -> str | None:
    """The sentence for a mistake of the user or a full disk; None for anything else, which is a bug."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        cause = error.__cause__
        return explanation(cause) if isinstance(cause, InputError) else sentence(error)
    if isinstance(error, OSError):
        full = error.errno is None and "written" in str(error)  # as numpy says it
        if full or error.errno in UNWRITABLE:
            what = error.strerror or "no space left on the disk"
            return f"{what} while writing {error.filename or 'a file'}; nothing that was finished is lost"
    return None


def _leave(message: str, code: int = 1) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def sentence(error: Exception) -> str:
    """One sentence of Hydra's several lines about a mistyped option."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("full_key", "object_type", "reference_type", "See https", "Config search path", "provider=")
    text = re.sub(r"\s+", " ", "; ".join(line for line in lines if not line.startswith(noise)))
    return textwrap.shorten(text, 600) + " (`--help` lists the options, `--cfg job` prints the config)"


def unknown_option(option: str, folder: Path, config_name: str) -> str:
    """The sentence for an option that `conf/` does not have, with the nearest one it has."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(folder), version_base="1.3"):
        there = list(_dotted(OmegaConf.to_container(hydra.compose(config_name))))
    near = get_close_matches(option, there, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown option '{option}'{hint} (`--help` lists the options, `--cfg job` prints the config)"


def _dotted(content: Any, prefix: str = "") -> Iterator[str]:  # noqa: ANN401
    """Every key of nested dictionaries, groups included."""
    for key, value in content.items() if isinstance(content, dict) else ():
        yield f"{prefix}{key}"
        yield from _dotted(value, f"{prefix}{key}.")
